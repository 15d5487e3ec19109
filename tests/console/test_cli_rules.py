"""Saying from a terminal what listings may sell, stopping them, and asking why they show what they show."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from desk_rig import Desk, open_desk


@pytest.fixture
async def desk(fresh: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(fresh, tmp_path) as made:
        yield made


async def said(desk: Desk, *words: str) -> Any:
    answer = await desk.fairway(*words, "--json")
    assert answer.code == 0, answer.err
    return answer.json


async def told(desk: Desk) -> int | None:
    """What the shop shows once everything is levelled and told."""
    await desk.reconcile("--wait")
    return desk.shop.stock_of("MUG")


async def test_the_narrower_rule_decides_and_is_told(desk: Desk) -> None:
    await said(desk, "stock", "rules", "set", "--buffer", "1", "--cap", "4")
    await said(desk, "stock", "rules", "set", "--listing", "MUG", "--buffer", "3")

    assert await told(desk) == 2
    table = (await desk.fairway("stock", "rules")).out
    assert "cap 4, buffer 1" in table
    assert "MUG at" in table


async def test_a_rule_is_taken_back_field_by_field(desk: Desk) -> None:
    await said(desk, "stock", "rules", "set", "--buffer", "1", "--cap", "3", "--by", "Mia")
    left = await said(desk, "stock", "rules", "remove", "cap")

    assert left["rule"] == {"buffer": 1}
    assert await told(desk) == 4


async def test_a_limit_of_oversold_units_is_a_rule_like_any_other(desk: Desk) -> None:
    set_ = await said(desk, "stock", "rules", "set", "--connection", "woocommerce", "--buffer-limit", "2")
    table = (await desk.fairway("stock", "rules", "list")).out
    left = await said(desk, "stock", "rules", "remove", "buffer_limit", "--connection", "woocommerce")

    assert set_["rule"] == {"buffer_limit": 2.0}
    assert "buffer for at most 2 oversold in 10,000" in table
    assert left["rule"] == {}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--backorder", "many"), "'many' is not a number of units"),
        (("--ends", "tomorrow"), "'tomorrow' is not a date"),
        ((), "Nothing was said"),
        (("--listing", "JAR", "--buffer", "1"), "No listing is called 'JAR'"),
        (("--tag", "new", "--listing", "MUG", "--buffer", "1"), "--tag goes without"),
    ],
)
async def test_what_makes_no_rule_is_said_so(desk: Desk, words: tuple[str, ...], reason: str) -> None:
    refused = await desk.fairway("stock", "rules", "set", *words)

    assert refused.code != 0
    assert reason in refused.err


async def test_a_tagged_variant_follows_the_rule_of_its_tag(desk: Desk) -> None:
    await said(desk, "stock", "tag", "MUG", "--tag", "fragile")
    await said(desk, "stock", "rules", "set", "--tag", "fragile", "--percent", "50")

    assert await told(desk) == 2


async def test_stop_sell_takes_it_off_sale_and_resume_puts_it_back(desk: Desk) -> None:
    stopped = await said(desk, "stop-sell", "--listing", "MUG")
    while_stopped = await told(desk)
    await said(desk, "resume", "--listing", "MUG")

    assert (stopped["listings"], stopped["selling"]) == (1, 1)
    assert while_stopped == 0
    assert await told(desk) == 5


async def test_what_is_frozen_is_told_nothing_and_a_person_is_told_that(desk: Desk) -> None:
    await said(desk, "freeze")
    await said(desk, "stock", "rules", "set", "--cap", "1")
    while_frozen = await told(desk)
    why = (await desk.fairway("stock", "why", "MUG")).out
    await said(desk, "unfreeze")

    assert while_frozen == 5
    assert "It is frozen: nothing is written before `fairway unfreeze`." in why
    assert "cap 1 → 1" in why
    assert await told(desk) == 1


async def test_why_leads_from_the_shelf_to_what_the_shop_shows(desk: Desk) -> None:
    await said(desk, "stock", "rules", "set", "--buffer", "2")
    assert await told(desk) == 3

    lines = (await desk.fairway("stock", "why", "MUG")).out
    (one,) = await said(desk, "stock", "why", "MUG")

    assert "5 on hand - 0 reserved = 5 free" in lines
    assert "may sell 3: free 5 | buffer 2 → 3" in lines
    assert one["levels"][0]["offer"] == 3


async def test_no_wave_waits_on_a_quiet_day(desk: Desk) -> None:
    assert (await said(desk, "waves"))["waves"] == []
    assert (await desk.fairway("waves", "release", "7")).code != 0
