"""Reading back what a shop shows from a terminal, and saying whose count is right."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from desk_rig import Desk, open_desk


@pytest.fixture
async def desk(fresh: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(fresh, tmp_path) as made:
        yield made


async def test_what_a_shop_shows_is_read_back_and_told_again(desk: Desk) -> None:
    as_it_should = await desk.reconcile()
    desk.shop.set_stock("MUG", 9)

    healed = await desk.reconcile("--wait")
    now, ever = [(await desk.fairway("drifts", "list", *more, "--json")).json for more in ((), ("--all",))]

    assert (as_it_should["done"], as_it_should["total"], as_it_should["found"]) == (1, 1, {"none": 1})
    assert (healed["found"], healed["healed"]) == ({"channel_edit": 1}, 1)
    assert 0 < healed["heal_p95_s"] < 30
    assert desk.shop.stock_of("MUG") == 5
    assert now == []
    assert [(row["sku"], row["kind"], row["units"], row["healed_by"]) for row in ever] == [
        ("MUG", "channel_edit", 4, "hub")
    ]
    assert ever[0]["heal_s"] == pytest.approx(healed["heal_p95_s"])
    assert "HEAL_S" in (await desk.fairway("drifts", "list", "--all")).out


async def test_a_person_books_what_the_shop_shows(desk: Desk) -> None:
    drift = await desk.ask()
    table = await desk.fairway("drifts")

    said = await desk.fairway("drifts", "heal", str(drift), "--by", "channel", "--name", "Mia", "--json")
    stock = (await desk.fairway("stock", "--json")).json["stock"]

    assert "channel_edit" in table.out
    assert said.json == {"drift_id": drift, "status": "closed"}
    assert [(row["sku"], row["on_hand"]) for row in stock] == [("MUG", 9)]


async def test_a_person_leaves_a_difference_as_it_is(desk: Desk) -> None:
    drift = await desk.ask()

    said = await desk.fairway("drifts", "ignore", str(drift))
    again = await desk.reconcile("--wait")

    assert said.code == 0
    assert (again["found"], again["asked"]) == ({"channel_edit": 1}, 0)
    assert [row["status"] for row in (await desk.fairway("drifts", "list", "--json")).json] == ["ignored"]
    assert desk.shop.stock_of("MUG") == 9


async def test_words_that_cannot_be_are_refused_in_sentences(desk: Desk) -> None:
    unknown = await desk.fairway("drifts", "heal", "99", "--by", "hub")
    nowhere = await desk.fairway("reconcile", "nobody")
    await desk.fairway("connections", "--push-off", "woocommerce")
    nothing = await desk.fairway("reconcile")

    assert (unknown.code, "no difference 99" in unknown.err) == (3, True)
    assert (nowhere.code, "Nothing of 'nobody' can be compared" in nowhere.err) == (2, True)
    assert (nothing.code, "--push-on" in nothing.err) == (2, True)


async def test_what_was_said_about_whose_count_is_right_is_shown(desk: Desk) -> None:
    await desk.fairway(
        "drifts", "policy", "channel", "--kind", "channel_restock", "--connection", "woocommerce"
    )

    said = (await desk.fairway("drifts", "policy", "--json")).json

    assert [(row["connection"], row["kind"], row["wins"]) for row in said] == [
        ("woocommerce", "channel_restock", "channel")
    ]


async def test_a_shop_that_does_not_answer_is_named(desk: Desk) -> None:
    desk.shop.revoke_key()

    said = await desk.fairway("reconcile")

    assert said.code != 0
    assert "woocommerce" in said.err
    assert "Traceback" not in said.err
