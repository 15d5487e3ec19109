"""`fairway incidents`: what was sold and is not there, and a person's word about it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from deliveries_rig import Desk, open_desk

from tests.usecases.usecase_rig import MUG


@pytest.fixture
async def desk(fresh: str, make_hub: Callable[..., Any], clock: Any, tmp_path: Path) -> AsyncIterator[Desk]:
    async for made in open_desk(fresh, make_hub, clock, tmp_path):
        yield made


async def sold(desk: Desk, number: int) -> int:
    """An order of one mug; returns our id of it."""
    shipping = [{"method_title": "Overnight", "method_id": "express", "total": "0.00", "total_tax": "0.00"}]
    now = desk.rig.clock()
    payload = desk.rig.order(number, (MUG, 1), shipping_lines=shipping, placed=now, changed=now)
    await desk.rig.deliver(payload)
    await desk.rig.drain()
    found: int = (await desk.rig.stored(number))["order_id"]
    return found


@pytest.fixture
async def oversold(desk: Desk) -> tuple[int, int]:
    """One mug, two orders: (the one that has it, the one that does not)."""
    await desk.rig.counted(mug=1)
    return await sold(desk, 1), await sold(desk, 2)


async def test_where_nothing_is_missing_that_is_said(desk: Desk) -> None:
    shown, found = await desk.fairway("incidents"), await desk.fairway("incidents", "--json")

    assert (shown.code, shown.out) == (0, "")
    assert "Nothing that was sold is missing" in shown.err
    assert found.json == []


async def test_an_open_incident_is_listed_with_what_it_waits_for(
    desk: Desk, oversold: tuple[int, int]
) -> None:
    shown, found = await desk.fairway("incidents"), await desk.fairway("incidents", "--json")

    [row] = found.json
    assert (row["kind"], row["sku"], row["missing"], row["orders"]) == ("oversold", MUG, 1, 1)
    assert row["waits_for"] == "a person"
    assert "a person" in shown.out


async def test_an_incident_is_shown_with_its_orders_and_who_should_go_without(
    desk: Desk, oversold: tuple[int, int]
) -> None:
    has_it, misses_it = oversold
    [row] = (await desk.fairway("incidents", "--json")).json
    number = str(row["incident_id"])

    shown, found = (
        await desk.fairway("incidents", "show", number),
        await desk.fairway("incidents", "show", number, "--json"),
    )

    [short], [holder] = found.json["short"], found.json["holders"]
    assert (short["order_id"], short["units"], short["suggested"]) == (misses_it, 1, 1)
    assert (holder["order_id"], holder["units"], holder["suggested"]) == (has_it, 1, 0)
    assert short["service"] == "Overnight"
    assert [said["kind"] for said in found.json["said"]] == ["opened"]
    assert shown.out.startswith(f"Incident {number}: oversold, {MUG}, 1 unit missing.")
    assert "W-1" in shown.out
    assert f"opened by hub: 1 unit of order {misses_it}" in shown.out
    assert "came later" in shown.out


async def test_a_person_gives_the_unit_to_the_other_order(desk: Desk, oversold: tuple[int, int]) -> None:
    has_it, _ = oversold
    [row] = (await desk.fairway("incidents", "--json")).json

    done = await desk.fairway(
        "incidents",
        "resolve",
        str(row["incident_id"]),
        "--policy",
        "cancel",
        "--victim",
        "W-1",
        "--by",
        "Mia",
    )
    after = (await desk.fairway("incidents", "show", str(row["incident_id"]), "--json")).json

    assert done.code == 0, done.err
    assert "1 unit moved, 1 unit still missing" in done.out
    assert "No channel is told" in done.out
    assert [holder["suggested"] for holder in after["holders"]] == [0]  # it is decided
    [short] = after["short"]
    assert (short["order_id"], short["policy"], short["decided_by"]) == (has_it, "cancel", "Mia")
    assert await desk.rig.holds(1) == {"short_stock", "cancel_proposed"}
    assert await desk.rig.holds(2) == set()


async def test_a_closed_incident_is_listed_only_when_asked_for(desk: Desk, oversold: tuple[int, int]) -> None:
    await desk.rig.counted(mug=2)

    left, everything = (
        await desk.fairway("incidents", "--json"),
        await desk.fairway("incidents", "--all", "--json"),
    )

    assert left.json == []
    assert [row["waits_for"] for row in everything.json] == ["nobody"]


async def test_a_policy_is_said_and_shown(desk: Desk) -> None:
    said = await desk.fairway(
        "incidents", "policy", "other_location", "--merchant", "Mia", "--from", "Main", "--json"
    )
    own = await desk.fairway(
        "incidents",
        "policy",
        "backorder",
        "--merchant",
        "Mia",
        "--connection",
        "Mia-two",
        "--by",
        "Mia",
        "--json",
    )

    assert [(row["connection"], row["policy"], row["locations"]) for row in said.json] == [
        ("", "other_location", "Main")
    ]
    assert [(row["connection"], row["policy"], row["set_by"]) for row in own.json] == [
        ("", "other_location", "command line"),
        ("Mia-two", "backorder", "Mia"),
    ]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("show", "4711"), "There is no incident 4711"),
        (("resolve", "4711", "--policy", "backorder"), "There is no incident 4711"),
        (("policy", "backorder", "--merchant", "Mia", "--from", "Main"), "belongs to other_location"),
        (("policy", "other_location", "--merchant", "Mia", "--from", "Moon"), "There is no location 'Moon'"),
        (("policy", "ask", "--merchant", "Mia", "--connection", "Moon"), "There is no connection 'Moon'"),
        (("resolve", "1", "--policy", "ask"), "'ask' is not one of"),
    ],
)
async def test_what_cannot_be_is_refused_in_a_sentence(desk: Desk, words: tuple[str, ...], says: str) -> None:
    refused = await desk.fairway("incidents", *words)

    assert refused.code in (2, 3)
    assert says in refused.err
