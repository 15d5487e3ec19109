"""Locations: who stands behind which place of a channel, whose count holds, and what is told where nobody does."""

from __future__ import annotations

import pytest
from usecase_rig import MUG, Rig

from core.errors import Missing, UsageProblem
from core.rules.locations import Master
from core.store import listings
from core.usecases.arrange_locations import add_location, map_location, set_master
from core.usecases.count_stock import Counted, count_stock
from core.usecases.follow_channel import Shown, follow_channel
from core.usecases.relevel import relevel


async def count(rig: Rig, units: int, location: str) -> None:
    await count_stock(rig.hub, rig.merchant_id, [Counted(MUG, units, location)], cause="c")


async def desired(rig: Rig, connection: int) -> int | None:
    await relevel(rig.hub)
    found: int | None = (await rig.level(connection))["desired"]
    return found


async def own_store(rig: Rig) -> None:
    """The first shop stores goods itself: its only place is counted by it."""
    await add_location(rig.hub, rig.merchant_id, "FBA", Master.CHANNEL, "Mia-one")
    await map_location(rig.hub, rig.merchant_id, "Mia-one", "", "FBA")
    await map_location(rig.hub, rig.merchant_id, "Mia-one", "", "Main", away=True)


async def test_several_locations_stand_behind_one_place_and_one_behind_several(rig: Rig) -> None:
    await count(rig, 5, "Main")
    await add_location(rig.hub, rig.merchant_id, "Depot", Master.HUB)
    await count(rig, 3, "Depot")
    alone = await desired(rig, rig.first)

    new = await map_location(rig.hub, rig.merchant_id, "Mia-one", "Main", "Depot")  # the place by its name
    again = await map_location(rig.hub, rig.merchant_id, "Mia-one", "", "Depot")

    assert (alone, await desired(rig, rig.first), await desired(rig, rig.second)) == (5, 8, 5)
    assert (new, again) == (True, False)


async def test_a_place_with_nothing_behind_it_is_told_nothing(rig: Rig) -> None:
    await count(rig, 5, "Main")
    before = await desired(rig, rig.first)

    await map_location(rig.hub, rig.merchant_id, "Mia-one", "", "Main", away=True)

    assert (before, await desired(rig, rig.first), await desired(rig, rig.second)) == (5, None, 5)
    assert (await rig.level(rig.first))["pending"] is False


async def test_a_catalogue_that_is_read_again_maps_nothing_that_a_person_took_away(rig: Rig) -> None:
    await map_location(rig.hub, rig.merchant_id, "Mia-one", "", "Main", away=True)

    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        shelf = await listings.default_location(tx, rig.merchant_id)
        await listings.map_location_once(tx, rig.merchant_id, rig.first, "", shelf, "Main")

    assert await rig.admin.fetchval("SELECT count(*) FROM connection_locations") == 1


async def test_what_a_channel_stores_is_what_it_shows_and_nobody_else_sells_it(rig: Rig) -> None:
    await count(rig, 5, "Main")
    await own_store(rig)
    level = await rig.level(rig.first)
    shown = [Shown(level["listing_id"], "", 7)]
    rig.clock.forward(minutes=1)

    booked = await follow_channel(rig.hub, rig.merchant_id, rig.first, shown, read_at=rig.clock())
    elsewhere = await follow_channel(rig.hub, rig.merchant_id, rig.second, shown, read_at=rig.clock())

    assert [(change.location, change.after.on_hand) for change in booked.changes] == [("FBA", 7)]
    assert elsewhere.changes == []
    assert (
        await rig.admin.fetchval("SELECT actor FROM stock_ledger ORDER BY entry_id DESC LIMIT 1") == "Mia-one"
    )
    assert (await desired(rig, rig.first), await desired(rig, rig.second)) == (None, 5)


async def test_units_that_a_channel_sold_and_has_not_shipped_are_still_there(rig: Rig) -> None:
    await own_store(rig)
    shown = [Shown((await rig.level(rig.first))["listing_id"], "", 7)]
    await follow_channel(rig.hub, rig.merchant_id, rig.first, shown, read_at=rig.clock())
    await rig.deliver(rig.order(1, (MUG, 2)))
    await rig.drain()
    rig.clock.forward(minutes=1)

    less = [Shown(shown[0].listing_id, "", 5)]
    booked = await follow_channel(rig.hub, rig.merchant_id, rig.first, less, read_at=rig.clock())

    assert [(change.after.on_hand, change.after.free) for change in booked.changes] in ([(7, 5)], [])
    assert await rig.stock() == (7, 2)


async def test_another_channel_sells_what_a_channel_stores_where_the_merchant_says_so(rig: Rig) -> None:
    await count(rig, 5, "Main")
    await own_store(rig)
    shown = [Shown((await rig.level(rig.first))["listing_id"], "", 7)]
    await follow_channel(rig.hub, rig.merchant_id, rig.first, shown, read_at=rig.clock())

    await map_location(rig.hub, rig.merchant_id, "Mia-two", "", "FBA")

    assert await desired(rig, rig.second) == 12


async def test_a_location_becomes_ours_to_count_again(rig: Rig) -> None:
    await own_store(rig)
    with pytest.raises(UsageProblem, match="counted by its channel"):
        await count(rig, 3, "FBA")

    await set_master(rig.hub, rig.merchant_id, "FBA", Master.HUB)
    await count(rig, 3, "FBA")

    assert await desired(rig, rig.first) == 3


async def test_what_cannot_be_arranged_is_a_sentence(rig: Rig) -> None:
    hub, merchant = rig.hub, rig.merchant_id
    for attempt, match in (
        (add_location(hub, merchant, "Main", Master.HUB), "already"),
        (add_location(hub, merchant, " ", Master.HUB), "not a name"),
        (add_location(hub, merchant, "X", Master.CHANNEL), "needs to know which"),
        (add_location(hub, merchant, "X", Master.HUB, "Mia-one"), "needs to know which"),
        (set_master(hub, merchant, "Main", Master.CHANNEL, "Mia-one"), "the only location"),
    ):
        with pytest.raises(UsageProblem, match=match):
            await attempt
    for missing in (
        set_master(hub, merchant, "Nowhere", Master.HUB),
        map_location(hub, merchant, "Nobody", "", "Main"),
        map_location(hub, merchant, "Mia-one", "gid://1", "Main"),
    ):
        with pytest.raises(Missing):
            await missing
