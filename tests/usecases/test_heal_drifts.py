"""Whose count is right where a person changed one at the channel: the hub's, the channel's, or whatever a person says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from drift_rig import DriftRig
from usecase_rig import ITEMS, MUG, TEA, Shop

from core.errors import Missing, UsageProblem
from core.rules.drift_settling import Wins
from core.rules.offers import ListingRule, Mode
from core.store import drifts
from core.store.listing_rules import Scope, put_rule, variants_in
from core.store.stock import mark_dirty
from core.usecases.heal_drift import heal_drift, ignore_drift
from core.usecases.relevel import relevel


@pytest.fixture
async def rig(fresh: str, make_hub: Callable[..., Any], clock: Any) -> AsyncIterator[DriftRig]:
    shop = Shop({ITEMS[MUG]: 100, ITEMS[TEA]: 0})
    admin = await asyncpg.connect(fresh)
    made = DriftRig(await make_hub(send=shop), clock, admin)
    await made.start(shop)
    yield made
    assert await made.violations() == {}
    await admin.close()


async def says(rig: DriftRig, wins: str, *kinds: str, connection: int = 0) -> None:
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        kinds = kinds or ("channel_edit", "channel_restock")
        await drifts.put_policy(tx, rig.merchant_id, connection, kinds, wins, "Mia", rig.clock())


async def drift_id(rig: DriftRig) -> int:
    (found,) = await rig.drifts()
    return int(found["drift_id"])


@pytest.mark.parametrize(("shows", "units"), [(103, 3), (98, -2)])
async def test_where_the_channel_wins_the_difference_is_booked_and_told_to_the_others(
    rig: DriftRig, shows: int, units: int
) -> None:
    await says(rig, "channel")
    rig.shows(shows)
    await rig.sweep()

    await rig.settled()

    assert await rig.drift() == ("channel_edit", "closed", units, "channel")
    assert await rig.stock() == (shows, 0)
    assert (rig.shown, rig.shop.writes) == (shows, [])
    level, other = await rig.level(rig.first), await rig.level(rig.second)
    assert (level["desired"], level["predicted"], level["unseen"], level["pending"]) == (
        shows,
        shows,
        0,
        False,
    )
    assert (other["desired"], other["pending"]) == (shows, True)


async def test_what_is_booked_is_booked_once_and_says_why(rig: DriftRig) -> None:
    await says(rig, "channel")
    rig.shows(103)
    await rig.sweep()
    await rig.settled()

    rows = await rig.admin.fetch("SELECT * FROM stock_ledger WHERE reason = 'adjust'")

    number = await drift_id(rig)
    assert [(row["on_hand_delta"], row["cause"], row["op_key"], row["actor"]) for row in rows] == [
        (3, f"drift:{number}", f"drift:{number}", "Mia-one")
    ]


async def test_what_a_channel_counts_itself_is_followed_though_it_is_told_nothing(rig: DriftRig) -> None:
    await rig.admin.execute("UPDATE locations SET master = 'channel', connection_id = $1", rig.first)
    await rig.switch_push(rig.first, on=False)
    await rig.counted_anew()
    rig.shows(97)

    await rig.sweep()

    assert await rig.stock() == (97, 0)
    assert await rig.drifts() == []
    assert await rig.due() == rig.clock() + timedelta(minutes=10)


async def test_a_word_for_one_connection_is_stronger_than_one_for_all(rig: DriftRig) -> None:
    await says(rig, "channel")
    await says(rig, "hub", "channel_edit", connection=rig.first)
    rig.shows(103)
    await rig.sweep()

    await rig.settled()

    assert (rig.shown, await rig.stock()) == (100, (100, 0))


@pytest.mark.parametrize("shows", [103, 98])
async def test_where_a_person_is_asked_nothing_is_written(rig: DriftRig, shows: int) -> None:
    await says(rig, "ask")
    rig.shows(shows)
    await rig.sweep()

    await rig.settled()
    await rig.settled()
    rig.clock.forward(minutes=11)
    await rig.sweep()
    rig.clock.forward(hours=2)

    assert await rig.drift() == ("channel_edit", "asked", shows - 100, "")
    assert (rig.shown, rig.shop.writes) == (shows, [])
    assert await rig.violations(at_rest=True) == {}


@pytest.mark.parametrize("shows", [103, 98])
async def test_a_person_has_the_hubs_count_told_again(rig: DriftRig, shows: int) -> None:
    await says(rig, "ask")
    rig.shows(shows)
    await rig.sweep()
    await rig.settled()

    status = await heal_drift(rig.hub, rig.merchant_id, await drift_id(rig), Wins.HUB, by="Mia")
    await relevel(rig.hub)
    await rig.push()

    assert status == "told"
    assert await rig.drift() == ("channel_edit", "closed", shows - 100, "Mia")
    assert (rig.shown, await rig.stock()) == (100, (100, 0))


@pytest.mark.parametrize("shows", [103, 98])
async def test_a_person_has_the_channels_count_booked(rig: DriftRig, shows: int) -> None:
    await says(rig, "ask")
    rig.shows(shows)
    await rig.sweep()
    await rig.settled()

    status = await heal_drift(rig.hub, rig.merchant_id, await drift_id(rig), Wins.CHANNEL, by="Mia")
    await relevel(rig.hub)
    await rig.push()

    assert status == "closed"
    assert await rig.drift() == ("channel_edit", "closed", shows - 100, "Mia")
    assert (rig.shown, await rig.stock()) == (shows, (shows, 0))
    assert rig.shop.writes == []


async def test_an_ignored_difference_stays_until_it_is_another_one(rig: DriftRig) -> None:
    await says(rig, "ask")
    rig.shows(103)
    await rig.sweep()
    await rig.settled()

    await ignore_drift(rig.hub, rig.merchant_id, await drift_id(rig), by="Mia")
    rig.clock.forward(minutes=11)
    await rig.sweep()
    same = await rig.drift()
    rig.shows(105)
    rig.clock.forward(minutes=11)
    await rig.sweep()

    assert same == ("channel_edit", "ignored", 3, "Mia")
    assert (await rig.drift())[:3] == ("channel_edit", "watching", 5)
    assert rig.shop.writes == []


async def test_what_is_asked_is_closed_when_orders_explain_it_after_all(rig: DriftRig) -> None:
    await says(rig, "ask")
    rig.shows(98)
    await rig.sweep()
    await rig.settled()

    await rig.deliver(rig.order(1, (MUG, 2)))
    await rig.drain()
    await rig.sweep()

    assert await rig.drift() == ("unseen_order", "closed", -2, "order")


async def test_what_is_asked_is_closed_by_a_later_write(rig: DriftRig) -> None:
    await says(rig, "ask")
    rig.shows(103)
    await rig.sweep()
    await rig.settled()

    await rig.deliver(rig.order(1, (MUG, 1)), connection=rig.second)
    await rig.drain()
    await relevel(rig.hub)
    await rig.push()
    await rig.sweep()

    assert rig.shown == 99
    assert await rig.drift() == ("channel_edit", "closed", 3, "hub")


async def test_a_difference_that_is_watched_waits_for_nobody(rig: DriftRig) -> None:
    rig.shows(103)
    await rig.sweep()

    with pytest.raises(UsageProblem, match="waits for nobody: it is watching"):
        await heal_drift(rig.hub, rig.merchant_id, await drift_id(rig), Wins.HUB, by="Mia")
    with pytest.raises(Missing, match="no open difference 999"):
        await ignore_drift(rig.hub, rig.merchant_id, 999, by="Mia")


async def test_no_count_heals_another_thing(rig: DriftRig) -> None:
    rig.shop.skus[ITEMS[MUG]] = "CUP"
    await rig.sweep()
    await rig.settled()

    with pytest.raises(UsageProblem, match="No count heals"):
        await heal_drift(rig.hub, rig.merchant_id, await drift_id(rig), Wins.HUB, by="Mia")
    await ignore_drift(rig.hub, rig.merchant_id, await drift_id(rig), by="Mia")

    assert (await rig.drift())[1] == "ignored"


async def test_a_kit_cannot_be_booked_so_a_person_is_asked(rig: DriftRig) -> None:
    await says(rig, "channel")
    await rig.admin.execute(
        """INSERT INTO kit_components (merchant_id, kit_id, component_id, units)
           SELECT k.merchant_id, k.variant_id, c.variant_id, 1 FROM variants k, variants c
           WHERE k.sku = $1 AND c.sku = $2""",
        MUG,
        TEA,
    )
    rig.shows(103)
    await rig.sweep()

    await rig.settled()

    assert (await rig.drift())[:2] == ("channel_edit", "asked")
    with pytest.raises(UsageProblem, match="cannot be booked"):
        await heal_drift(rig.hub, rig.merchant_id, await drift_id(rig), Wins.CHANNEL, by="Mia")
    await rig.admin.execute("DELETE FROM kit_components")


async def test_a_healing_that_a_later_order_makes_needless_is_over(rig: DriftRig) -> None:
    rig.shows(103)
    await rig.sweep()
    rig.clock.forward(minutes=3)
    await rig.pulled()
    await rig.sweep()
    told = await rig.drift()
    await rig.counted(mug=103)  # found on the shelf, before the channel was told
    await relevel(rig.hub)

    await rig.push()
    await rig.sweep()

    assert told == ("channel_edit", "told", 3, "hub")
    assert await rig.drift() == ("channel_edit", "closed", 3, "hub")
    assert (rig.shown, rig.shop.writes) == (103, [])


async def ruled(rig: DriftRig, rule: ListingRule) -> None:
    """The merchant says so of all listings, and it is levelled and told."""
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        scope = Scope()
        await put_rule(tx, rig.merchant_id, scope, rule, "Mia", rig.clock())
        variants = await variants_in(tx, rig.merchant_id, scope)
        await mark_dirty(tx, {(rig.merchant_id, one) for one in variants}, rig.clock())
    for _ in range(2):
        await relevel(rig.hub)
        await rig.push()
    rig.clock.forward(minutes=15)


async def test_a_strict_listing_that_shows_more_than_its_quota_is_told_at_once(rig: DriftRig) -> None:
    """The other channels may be selling the same units: there is no waiting for an order that explains nothing."""
    await ruled(rig, ListingRule(mode=Mode.STRICT))
    quota = rig.shown
    rig.shows(quota + 5)

    await rig.sweep()
    level = await rig.level(rig.first)
    await rig.push()
    await rig.settled()

    assert (level["possible"], level["pending"]) == (quota + 5, True)
    assert rig.shown == quota
    assert await rig.drift() == ("channel_edit", "closed", 5, "hub")


async def test_a_frozen_listing_is_not_told_so_a_person_is_asked(rig: DriftRig) -> None:
    await ruled(rig, ListingRule(freeze=rig.clock()))
    rig.shows(103)
    await rig.sweep()

    await rig.settled()

    assert (await rig.drift())[:2] == ("channel_edit", "asked")
    assert rig.shown == 103


async def test_units_of_a_cancelled_order_are_told_again_and_not_booked_for_the_ledger_has_them_back(
    rig: DriftRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = rig.hub.connector("woocommerce")
    asks = connector.manifest.model_copy(update={"gives_back_cancelled": False})
    monkeypatch.setattr(type(connector), "manifest", asks)
    await says(rig, "channel")
    placed = rig.clock()
    for status in ("processing", "cancelled"):
        rig.clock.forward(seconds=10)
        await rig.deliver(rig.order(1, (MUG, 2), placed=placed, changed=rig.clock(), status=status))
        await rig.drain()
    await relevel(rig.hub)
    rig.clock.forward(minutes=1)
    level = await rig.level(rig.first)
    assert (await rig.stock(), level["predicted"], level["pending"]) == ((100, 0), 100, False)
    rig.shows(102)
    await rig.sweep()

    await rig.settled()

    assert await rig.drift() == ("channel_restock", "closed", 2, "hub")
    assert (await rig.stock(), rig.shown) == ((100, 0), 100)


@pytest.mark.parametrize("paid", [True, False])
async def test_units_of_an_order_that_came_cancelled_already_are_told_again_for_the_ledger_never_missed_them(
    rig: DriftRig, paid: bool
) -> None:
    """The shop sold them before we wrote, and put them back after it; we heard of the order when all that was over."""
    await says(rig, "channel")
    rig.clock.forward(seconds=10)
    order = rig.order(1, (MUG, 2), placed=rig.clock(), changed=rig.clock(), status="cancelled")
    if not paid:
        order |= {"date_paid": None, "date_paid_gmt": None, "transaction_id": ""}
    await rig.deliver(order)
    await rig.drain()
    await relevel(rig.hub)
    rig.clock.forward(minutes=1)
    rig.shows(102)
    await rig.sweep()

    await rig.settled()

    assert await rig.drift() == ("channel_restock", "closed", 2, "hub")
    assert (await rig.stock(), rig.shown) == ((100, 0), 100)


async def test_units_of_an_order_that_our_counts_missed_from_the_start_are_not_in_the_ledger_yet(
    rig: DriftRig,
) -> None:
    before = rig.clock() - timedelta(days=3)
    await rig.deliver(rig.order(1, (MUG, 2), placed=before, changed=rig.clock(), status="cancelled"))
    await rig.drain()
    rig.clock.forward(minutes=1)
    rig.shows(102)
    await rig.sweep()

    await rig.settled()

    assert await rig.drift() == ("channel_restock", "asked", 2, "")
