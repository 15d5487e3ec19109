"""The operator's commands at deliveries: what is parked, reading it again, watching, and sending one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from deliveries_rig import SECRET, Desk, open_desk
from hypothesis import given
from hypothesis import strategies as st

from console.cli.harmless import harmless, indented
from console.cli.signing import SIGNERS, sample, signed
from core.clock import wall_clock
from core.connector import Connector, Delivery, OrderRead
from core.flow import decode, encode
from core.rules.intake import Intake, decide_intake, moves_stock
from simulators.serving import serve
from tests.usecases.usecase_rig import MUG

NASTY = "\x1b[31mred\x9b\u202e"


@pytest.fixture
async def desk(fresh: str, make_hub: Callable[..., Any], clock: Any, tmp_path: Path) -> AsyncIterator[Desk]:
    async for made in open_desk(fresh, make_hub, clock, tmp_path):
        yield made


async def parked_order(desk: Desk, number: int = 7) -> int:
    """An order without any line that could be read; returns the id of its delivery."""
    await desk.rig.deliver({"id": number, "line_items": "none", "note": NASTY, "total": 1.50})
    await desk.rig.drain()
    found: int = await desk.admin.fetchval("SELECT max(delivery_id) FROM parked")
    return found


async def test_what_waits_for_a_person_is_counted_by_reason_and_listed(desk: Desk) -> None:
    first, second = await parked_order(desk, 7), await parked_order(desk, 8)

    shown, found = await desk.fairway("parked"), await desk.fairway("parked", "--json", "--limit", "1")

    assert shown.code == 0, shown.err
    group, *_ = found.json["groups"]
    assert (group["connection"], group["count"]) == ("Mia-one", 2)
    [newest] = found.json["deliveries"]
    assert (newest["delivery_id"], newest["topic"]) == (second, "order.updated")
    lines = shown.out.splitlines()
    assert lines[0].split() == ["CONNECTION", "CODE", "COUNT"]
    assert any(line.startswith(f"{first} ") and "(at /" in line for line in lines)


async def test_one_parked_delivery_is_shown_whole_and_harmless(desk: Desk) -> None:
    number = await parked_order(desk)

    shown, found = (
        await desk.fairway("parked", str(number)),
        await desk.fairway("parked", str(number), "--json"),
    )

    assert shown.code == 0, shown.err
    assert "\x1b" not in shown.out
    assert "\x9b" not in shown.out
    assert '"total": 1.5' in shown.out
    assert "\n  " in shown.out
    assert decode(found.json["body"].encode())["note"] == NASTY
    assert found.json["resolved_at"] is None


async def test_a_resolved_delivery_is_no_longer_listed_and_says_who_closed_it(desk: Desk) -> None:
    number = await parked_order(desk)

    closed = await desk.fairway("parked", str(number), "--resolve", "sent by mistake", "--json")
    again = await desk.fairway("parked", str(number), "--resolve", "twice")
    left = await desk.fairway("parked")

    assert closed.code == 0, closed.err
    assert closed.json["reasons"][-1]["message"].endswith(": sent by mistake")
    assert (again.code, left.err) == (3, "Nothing waits for a person.\n")


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("parked", "99"), 3, "Delivery 99 was never parked"),
        (("parked", "--resolve", "why"), 2, "--resolve closes one delivery"),
        (("replay",), 2, "Say which deliveries"),
        (("replay", "1", "--parked"), 2, "Say which deliveries"),
        (("replay", "--connection", "Mia-one"), 2, "Say which deliveries"),
        (("replay", "--since", "2h"), 2, "Say which deliveries"),
        (("replay", "99"), 3, "There is no delivery 99"),
        (("replay", "--connection", "Mia-one", "--since", "soon"), 2, "is not a span of time"),
        (("replay", "--connection", "nobody", "--since", "2h"), 3, "There is no connection 'nobody'"),
        (("listen", "--connection", "nobody"), 3, "There is no connection 'nobody'"),
        (("listen", "--forward", "localhost:3000"), 2, "is not an http address"),
        (("trigger", "Mia-one", "product.updated"), 2, "Give the body with --body FILE"),
        (("trigger", "Mia-two", "order.created"), 1, "has no webhook secret"),
        (("trigger", "Mia-one", "order.created", "--url", "http://127.0.0.1:9"), 1, "did not answer"),
    ],
)
async def test_what_cannot_be_done_is_a_sentence(
    desk: Desk, words: tuple[str, ...], code: int, sentence: str
) -> None:
    said = await desk.fairway(*words)

    assert (said.code, "Traceback" in said.err) == (code, False)
    assert sentence in said.err
    assert await desk.admin.fetchval("SELECT count(*) FROM hooks") == 2


async def test_a_replay_without_a_worker_says_that_there_is_none(desk: Desk) -> None:
    number = await parked_order(desk)

    said = await desk.fairway("replay", str(number), "--wait", "0")

    assert said.code == 0, said.err
    assert f"{number}  waits for a worker" in said.out
    assert "no worker is running" in said.out


async def test_a_replay_tells_what_became_of_each(desk: Desk) -> None:
    bad = await parked_order(desk)
    await desk.rig.deliver(desk.rig.order(9, (MUG, 1)))
    await desk.rig.drain()

    async with desk.working():
        parked = await desk.fairway("replay", "--parked", "--connection", "Mia-one", "--json")
        recent = await desk.fairway("replay", "--connection", "Mia-one", "--since", "2h")

    assert [(item["delivery_id"], item["became"]) for item in parked.json["outcomes"]] == [(bad, "parked")]
    assert "order W-9: nothing new" in recent.out
    assert "2 of 2 deliveries were read again, 1 wait for a person." in recent.out
    assert await desk.admin.fetchval("SELECT version FROM orders") == 1


async def test_more_than_a_thousand_are_asked_about(desk: Desk) -> None:
    await desk.rig.deliver(*({"id": number} for number in range(1001)), topic="order.deleted")
    await desk.rig.drain()

    asked = await desk.fairway("replay", "--connection", "Mia-one", "--since", "1h")
    meant = await desk.fairway("replay", "--connection", "Mia-one", "--since", "1h", "--yes", "--wait", "0")

    assert (asked.code, meant.code) == (2, 0)
    assert "1,001 deliveries. Give --yes" in asked.err
    assert "0 of 1,001 deliveries were read again" in meant.out


async def test_a_trigger_is_taken_once_and_moves_nothing(desk: Desk) -> None:
    async with desk.serving() as address, desk.working():
        said = await desk.fairway(
            "trigger", "Mia-one", "order.created", "--copies", "3", "--url", address, "--json"
        )

    assert said.code == 0, said.err
    assert said.json["answers"] == [200, 200, 200]
    assert (said.json["became"], said.json["words"]) == (
        "applied",
        "order fairway trigger: order placed, version 1",
    )
    assert await desk.admin.fetchval("SELECT intake FROM orders") == "ignore"
    assert await desk.admin.fetchval("SELECT count(*) FROM stock_ledger") == 0
    assert await desk.admin.fetchval("SELECT count(*) FROM hooks") == 2
    assert await desk.admin.fetchval("SELECT outcome FROM runs WHERE kind = 'trigger'") == "ok"


async def test_a_trigger_with_a_wrong_signature_is_refused_and_that_is_right(
    desk: Desk, tmp_path: Path
) -> None:
    body = tmp_path / "order.json"
    body.write_bytes(encode({"id": 3}))

    async with desk.serving() as address:
        said = await desk.fairway(
            "trigger", "Mia-one", "order.deleted", "--body", str(body), "--bad-signature", "--url", address
        )

    assert said.code == 0, said.err
    assert said.out == f"8 bytes to {address}: 401\nnot stored\n"


async def test_an_address_that_a_killed_trigger_left_is_deleted_by_the_next(desk: Desk) -> None:
    from datetime import timedelta

    from core.store import lent_tokens

    async with desk.rig.hub.database.transaction([desk.rig.merchant_id]) as tx:
        for token, age in (("old", 60), ("running", 1)):
            begun = wall_clock() - timedelta(minutes=age)
            await lent_tokens.lend(tx, desk.rig.merchant_id, desk.rig.first, token, begun)

    async with desk.serving() as address, desk.working():
        await desk.fairway("trigger", "Mia-one", "order.created", "--url", address)

    left = await desk.admin.fetch("SELECT token_hash = sha256('running') AS running FROM hooks ORDER BY 1")
    assert [row["running"] for row in left] == [False, False, True]


async def test_deliveries_are_told_as_they_arrive_with_what_became_of_them(desk: Desk) -> None:
    forwarded: list[tuple[str, bytes]] = []

    async def take(request: web.Request) -> web.Response:
        forwarded.append((request.headers["X-Fairway-Topic"], await request.read()))
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/", take)
    developer = await serve(app)
    await desk.rig.deliver(desk.rig.order(1, (MUG, 1)))
    body = desk.rig.order(2, (MUG, 1))

    async with (
        desk.listening("--connection", "Mia-one", "--forward", developer.url) as process,
        desk.working(),
    ):
        await desk.rig.deliver(desk.rig.order(3, (MUG, 1)), connection=desk.rig.second)
        await desk.rig.deliver(body)
        assert process.stdout is not None
        lines = [json.loads(await asyncio.wait_for(process.stdout.readline(), 20)) for _ in range(3)]  # noqa: TID251
    await developer.close()

    assert [line["event"] for line in lines] == ["arrived", "forwarded", "became"]
    arrived, posted, became = lines
    assert (arrived["connection"], arrived["topic"], arrived["via"]) == (
        "Mia-one",
        "order.updated",
        "webhook",
    )
    assert arrived["size"] == len(encode(body))
    assert posted["answer"] == "202"
    assert (became["became"], became["words"]) == ("applied", "order W-2: order placed, version 1")
    assert forwarded == [("order.updated", encode(body))]


@pytest.mark.parametrize(
    ("channel", "topic"), [("shopify", "orders/create"), ("woocommerce", "order.created")]
)
def test_a_sample_is_signed_as_its_channel_signs_and_takes_nothing_off_a_shelf(
    registry: dict[str, Connector], channel: str, topic: str
) -> None:
    now, connector = wall_clock(), registry[channel]
    body = sample(channel, topic, now)
    headers = {name.lower(): value for name, value in signed(channel, topic, body, SECRET).items()}

    reading = connector.read(Delivery(topic, headers, body), {})

    assert connector.verify(Delivery(topic, headers, body), [SECRET], now) is None
    assert isinstance(reading, OrderRead)
    assert reading.order.holds == ()
    assert decide_intake(reading.order, (), now=now, stock_since=now) in (Intake.RECORD_ONLY, Intake.IGNORE)
    assert not any(moves_stock(line, never=()) for line in reading.order.lines)


def test_every_channel_that_can_be_triggered_takes_its_signature(registry: dict[str, Connector]) -> None:
    for channel in set(SIGNERS) & set(registry):
        headers = {n.lower(): v for n, v in signed(channel, "x", b"{}", "sécret").items()}

        assert registry[channel].verify(Delivery("x", headers, b"{}"), ["sécret"], wall_clock()) is None, (
            channel
        )
        assert registry[channel].verify(Delivery("x", headers, b"{ }"), ["sécret"], wall_clock()) is not None


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@given(_values)
def test_indenting_changes_no_value(value: Any) -> None:
    assert decode(indented(encode(value).decode()).encode()) == value


@given(st.text())
def test_a_harmless_text_is_plain_to_see(text: str) -> None:
    assert harmless(text).isprintable()


def test_indenting_keeps_doubled_keys_digits_and_text_that_is_no_json() -> None:
    assert indented('{"a":1.50,"a":[{}]}') == '{\n  "a": 1.50,\n  "a": [\n    {}\n  ]\n}'
    assert indented("<html>{}") == "<html>{}"
