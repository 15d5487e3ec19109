"""What a channel shows is read back, and a difference is healed only when no order explains it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from drift_rig import DriftRig
from usecase_rig import ITEMS, MUG, TEA, Shop

from core.flow import decode
from core.usecases.relevel import relevel


@pytest.fixture
def shop() -> Shop:
    return Shop({ITEMS[MUG]: 100, ITEMS[TEA]: 0})


@pytest.fixture
async def rig(fresh: str, make_hub: Callable[..., Any], clock: Any, shop: Shop) -> AsyncIterator[DriftRig]:
    admin = await asyncpg.connect(fresh)
    made = DriftRig(await make_hub(send=shop), clock, admin)
    await made.start(shop)
    yield made
    assert await made.violations() == {}
    await admin.close()


async def test_what_is_as_it_should_be_is_left_alone(rig: DriftRig) -> None:
    await rig.sweep()

    assert await rig.drifts() == []
    level = await rig.level(rig.first)
    assert (level["live"], level["live_as"], level["live_at"]) == (100, "none", rig.clock())
    assert (await rig.last_sweep())["finished_at"] == rig.clock()
    assert await rig.due() == rig.clock() + timedelta(minutes=10)


async def test_a_raised_count_is_watched_and_told_again_when_no_order_explains_it(rig: DriftRig) -> None:
    rig.shows(103)

    await rig.sweep()
    seen = await rig.drift()
    assert (await rig.level(rig.first))["pending"] is False
    await rig.settled()

    assert seen == ("channel_edit", "watching", 3, "")
    assert await rig.drift() == ("channel_edit", "closed", 3, "hub")
    assert (rig.shown, rig.shop.writes) == (100, [{ITEMS[MUG]: 100}])
    assert await rig.violations(at_rest=True) == {}


async def test_missing_units_count_as_sold_until_no_order_has_come_for_them(rig: DriftRig) -> None:
    rig.shows(98)

    await rig.sweep()
    level = await rig.level(rig.first)
    seen = await rig.drift()
    await rig.settled()

    assert (level["predicted"], level["unseen"], level["pending"]) == (98, 2, False)
    assert seen == ("unseen_order", "watching", -2, "")
    assert await rig.drift() == ("channel_edit", "closed", -2, "hub")
    assert rig.shown == 100
    assert await rig.violations(at_rest=True) == {}


async def test_a_sale_whose_order_comes_late_is_never_put_back(rig: DriftRig) -> None:
    rig.shows(98)
    await rig.sweep()

    await rig.deliver(rig.order(1, (MUG, 2)))
    await rig.drain()
    await rig.settled()

    assert await rig.drift() == ("unseen_order", "closed", -2, "order")
    assert (rig.shown, rig.shop.writes) == (98, [])


@pytest.mark.parametrize(
    ("shows", "orders", "kind"), [(98, 0, "channel_edit"), (98, 1, "unseen_order"), (103, 0, "channel_edit")]
)
async def test_what_it_showed_and_what_it_should_have_shown_is_kept_when_it_is_over(
    rig: DriftRig, shows: int, orders: int, kind: str
) -> None:
    rig.shows(shows)
    await rig.sweep()
    for number in range(orders):
        await rig.deliver(rig.order(number + 1, (MUG, 2)))
        await rig.drain()
    await rig.settled()

    (found,) = await rig.drifts()

    assert (found["kind"], found["status"]) == (kind, "closed")
    assert (found["expected"], found["live"], found["units"]) == (100, shows, shows - 100)
    assert found["heal_s"] == 180


async def test_part_of_what_is_missing_was_sold_and_the_rest_is_told_again(rig: DriftRig) -> None:
    rig.shows(95)  # two of them sold, three edited away
    await rig.sweep()

    await rig.deliver(rig.order(1, (MUG, 2)))
    await rig.drain()
    await rig.settled()

    assert await rig.drift() == ("channel_edit", "closed", -3, "hub")
    assert rig.shown == 98


async def test_orders_are_asked_for_at_once_and_when_their_time_is_over(rig: DriftRig) -> None:
    rig.shows(98)
    await rig.sweep()
    at_once = await rig.rings("pull")
    due = await rig.due()

    await rig.pulled()
    await rig.admin.execute("UPDATE schedule SET due_at = 'infinity' WHERE kind = 'pull'")
    rig.clock.forward(minutes=1)
    await rig.sweep()
    patient = await rig.rings("pull")
    rig.clock.forward(minutes=1, seconds=1)
    await rig.sweep()

    assert (at_once, patient, await rig.rings("pull")) == (1, 1, 2)
    assert due == rig.clock() - timedelta(seconds=1)  # two minutes after the look
    assert (await rig.drift())[1] == "watching"


async def test_nothing_is_settled_while_a_delivery_of_the_channel_waits_to_be_understood(
    rig: DriftRig,
) -> None:
    rig.shows(98)
    await rig.sweep()
    rig.clock.forward(minutes=3)
    await rig.deliver(rig.order(1, (MUG, 2)))

    await rig.pulled()
    await rig.sweep()
    waiting = await rig.drift()
    await rig.drain()
    await rig.sweep()

    assert waiting == ("unseen_order", "watching", -2, "")
    assert await rig.drift() == ("unseen_order", "closed", -2, "order")


async def test_missing_units_wait_for_a_person_where_something_sent_then_could_not_be_read(
    rig: DriftRig,
) -> None:
    rig.shows(98)
    await rig.sweep()
    await rig.deliver({"id": 7, "line_items": "none"})
    await rig.drain()

    await rig.settled()

    assert await rig.drift() == ("unseen_order", "asked", -2, "")
    assert (rig.shown, rig.shop.writes) == (98, [])
    rig.clock.forward(hours=2)
    assert await rig.violations(at_rest=True) == {}


async def test_a_count_that_comes_right_by_itself_is_not_written(rig: DriftRig) -> None:
    rig.shows(103)
    await rig.sweep()
    rig.shows(100)

    await rig.settled()

    assert await rig.drift() == ("channel_edit", "closed", 3, "itself")
    assert rig.shop.writes == []


async def test_missing_units_that_come_back_are_no_sale_any_more(rig: DriftRig) -> None:
    rig.shows(98)
    await rig.sweep()
    rig.shows(100)
    rig.clock.forward(minutes=11)

    await rig.sweep()

    level = await rig.level(rig.first)
    assert (level["predicted"], level["unseen"], level["unseen_at"]) == (100, 0, None)
    assert await rig.drift() == ("unseen_order", "closed", -2, "itself")


async def test_a_lost_write_is_known_by_what_it_had_changed(rig: DriftRig) -> None:
    await rig.deliver(rig.order(1, (MUG, 10)), connection=rig.second)
    await rig.drain()
    await relevel(rig.hub)
    await rig.push()
    rig.clock.forward(minutes=15)
    rig.shows(100)  # as it was before

    await rig.sweep()
    await rig.settled()

    assert await rig.drift() == ("lost_push", "closed", 10, "hub")
    assert rig.shown == 90


async def test_a_lost_write_is_known_though_orders_that_were_on_their_way_hid_it(rig: DriftRig) -> None:
    await rig.deliver(rig.order(1, (MUG, 10)), connection=rig.second)
    await rig.drain()
    await relevel(rig.hub)
    await rig.push()
    rig.clock.forward(minutes=15)
    rig.shows(98)  # as it was before, and two sold

    await rig.sweep()
    seen = await rig.drift()
    await rig.deliver(rig.order(2, (MUG, 2)))
    await rig.drain()
    await relevel(rig.hub)
    await rig.settled()
    await rig.settled()

    assert seen == ("channel_edit", "watching", 8, "")
    assert await rig.drift() == ("lost_push", "closed", 10, "hub")
    assert rig.shown == 88


async def test_units_that_an_order_says_are_back_are_a_restock_though_they_were_told_away(
    rig: DriftRig,
) -> None:
    """Shipped goods that come back are on sale there, and here once somebody has received them."""
    await rig.deliver(rig.order(1, (MUG, 2), status="completed"))
    await rig.drain()
    rig.shows(98)
    await rig.counted(mug=98)
    await relevel(rig.hub)
    await rig.push()
    rig.clock.forward(minutes=15)
    rig.shows(100)

    await rig.sweep()
    seen = await rig.drift()
    back = rig.order(1, (MUG, 2), status="refunded", changed=rig.clock())
    back["date_completed_gmt"] = back["date_created_gmt"]
    for line in back["line_items"]:
        line["meta_data"] = [{"id": 1, "key": "_reduced_stock", "value": "0"}]
    await rig.deliver(back)
    await rig.drain()
    await relevel(rig.hub)
    await rig.push()
    await rig.settled()

    assert seen == ("channel_edit", "watching", 2, "")
    assert await rig.drift() == ("channel_restock", "closed", 2, "hub")


async def test_a_look_that_crosses_a_write_proves_nothing(rig: DriftRig) -> None:
    await rig.deliver(rig.order(1, (MUG, 10)), connection=rig.second)
    await rig.drain()
    await relevel(rig.hub)
    await rig.push()
    rig.shows(100)  # an answer from before the write

    await rig.sweep()

    assert await rig.drifts() == []
    assert (await rig.level(rig.first))["live_as"] == "in_flight"
    assert decode((await rig.last_sweep())["found"].encode()) == {"in_flight": 1}


async def test_a_pending_write_is_not_watched_since_it_looks_itself(rig: DriftRig) -> None:
    await rig.deliver(rig.order(1, (MUG, 10)), connection=rig.second)
    await rig.drain()
    rig.shows(97)

    await rig.sweep()  # its variant is dirty
    await relevel(rig.hub)
    await rig.sweep()

    assert await rig.drifts() == []


async def test_a_write_whose_answer_was_lost_is_recognised_by_what_it_wrote(rig: DriftRig) -> None:
    await rig.deliver(rig.order(1, (MUG, 10)), connection=rig.second)
    await rig.drain()
    await relevel(rig.hub)
    rig.shop.lose = 1
    await rig.push()
    rig.clock.forward(minutes=1)

    await rig.sweep()

    assert await rig.drift() == ("own_echo", "closed", -10, "itself")
    level = await rig.level(rig.first)
    assert (level["predicted"], level["maybe"], level["pending"]) == (90, None, False)
    assert await rig.violations(at_rest=True) == {}


async def test_a_try_that_may_still_arrive_is_no_echo_yet(rig: DriftRig) -> None:
    await rig.deliver(rig.order(1, (MUG, 10)), connection=rig.second)
    await rig.drain()
    await relevel(rig.hub)
    rig.shop.lose = 1
    await rig.push()

    await rig.sweep()

    assert await rig.drifts() == []
    assert (await rig.level(rig.first))["maybe"] == 90


async def test_units_a_write_found_missing_are_settled_like_those_a_look_did(rig: DriftRig) -> None:
    await rig.deliver(rig.order(1, (MUG, 10)), connection=rig.second)
    await rig.drain()
    await relevel(rig.hub)
    rig.shop.sell_before_read = {ITEMS[MUG]: 3}
    await rig.push()
    told = rig.shown

    await rig.settled()

    assert told == 87
    assert rig.shown == 90
    assert await rig.drift() == ("channel_edit", "closed", -3, "hub")


async def test_another_thing_under_the_same_listing_asks_a_person(rig: DriftRig) -> None:
    rig.shop.skus[ITEMS[MUG]] = "CUP"
    await rig.sweep()

    await rig.settled()

    (found,) = await rig.drifts()
    assert (found["kind"], found["status"]) == ("mapping_changed", "asked")
    assert "CUP" in found["words"]
    assert rig.shop.writes == []


async def test_a_listing_that_is_gone_asks_a_person_and_one_that_is_back_does_not(rig: DriftRig) -> None:
    del rig.shop.counts[ITEMS[MUG]]
    await rig.sweep()
    await rig.settled()
    gone = await rig.drift()
    rig.shows(100)
    rig.clock.forward(minutes=11)

    await rig.sweep()

    assert gone == ("mapping_changed", "asked", 0, "")
    assert await rig.drift() == ("mapping_changed", "closed", 0, "itself")


async def test_nothing_is_read_before_a_person_allowed_to_write(rig: DriftRig, shop: Shop) -> None:
    await rig.switch_push(rig.first, on=False)

    await rig.sweep()

    assert shop.pages == []


async def test_a_difference_found_again_is_one_difference(rig: DriftRig) -> None:
    rig.shows(103)
    await rig.sweep()
    rig.clock.forward(minutes=11)

    await rig.sweep()

    assert await rig.drift() == ("channel_edit", "watching", 3, "")
    (found,) = await rig.drifts()
    assert found["found_at"] == rig.clock() - timedelta(minutes=11)
