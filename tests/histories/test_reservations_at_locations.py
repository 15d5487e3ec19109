"""Reservations that looked at the wrong shelf, at no shelf, or at the units that were their own."""

from __future__ import annotations

import pytest
from incidents_rig import IncidentRig
from usecase_rig import MUG

from core.rules.incidents import Policy
from core.usecases.relevel import relevel
from core.usecases.resolve_incident import resolve_incident
from core.usecases.ship_order import Box, ship_order


@pytest.fixture
async def depot(market: IncidentRig) -> int:
    """A second location that both shops are served from."""
    found = await market.location("Depot")
    for connection in (market.first, market.second):
        await market.admin.execute(
            """INSERT INTO connection_locations (merchant_id, connection_id, channel_location_id, location_id)
               VALUES ($1, $2, '', $3)""",
            market.merchant_id,
            connection,
            found,
        )
    return found


async def shelves(market: IncidentRig) -> dict[str, tuple[int, int]]:
    """Location -> (on hand, set aside)."""
    rows = await market.admin.fetch(
        "SELECT name, on_hand, reserved FROM stock JOIN locations USING (merchant_id, location_id)"
    )
    return {row["name"]: (row["on_hand"], row["reserved"]) for row in rows}


async def test_an_order_that_only_both_locations_can_serve_is_set_aside_at_both(
    market: IncidentRig, depot: int
) -> None:
    """medusajs/medusa#14987: availability was summed over all locations, and all of it reserved at the first."""
    await market.counted(mug=4)
    await market.put(depot, 3)

    await market.sold(1, 6)

    assert await shelves(market) == {"Main": (4, 4), "Depot": (3, 2)}
    assert await market.lines() == {}


async def test_units_moved_to_another_location_are_checked_against_what_is_there(market: IncidentRig) -> None:
    """medusajs/medusa#16488: changing the location of a reservation did not look whether the new one had the units."""
    await market.counted(mug=1)
    await market.put(await market.location("Depot"), 1)
    await market.sold(1, 4)
    (incident,) = await market.incidents()

    done = await resolve_incident(
        market.hub, market.merchant_id, incident["incident_id"], Policy.OTHER_LOCATION, by="Mia"
    )

    assert done.missing == 2
    assert await shelves(market) == {"Main": (1, 1), "Depot": (1, 1)}


async def test_an_edit_that_changes_only_the_price_moves_no_unit(market: IncidentRig) -> None:
    """medusajs/medusa#16406: a price-only edit reserved the whole line again, though half of it had been fulfilled."""
    await market.counted(mug=10)
    await market.sold(1, 6)
    await ship_order(
        market.hub,
        market.merchant_id,
        await market.order_id(1),
        Box("UPS", "1Z1"),
        units={"71": 4},
        cause="test",
    )
    before = await market.admin.fetchval("SELECT count(*) FROM stock_ledger")
    market.clock.forward(minutes=1)

    edited = market.order(1, (MUG, 6), minute=5, total="54.00", discount_total="6.00")
    edited["line_items"][0].update(total="54.00")
    await market.deliver(edited)
    await market.drain()

    assert (await market.stored(1))["version"] == 3
    assert await market.stock() == (6, 2)
    assert await market.admin.fetchval("SELECT count(*) FROM stock_ledger") == before


async def test_orders_whose_reservations_took_all_of_the_stock_can_be_shipped(market: IncidentRig) -> None:
    """medusajs/medusa#6500: with every unit reserved nothing was available, so the very orders could not be fulfilled."""
    await market.counted(mug=4)
    for number in range(1, 5):
        await market.sold(number, 1)
    await relevel(market.hub)
    sellable = (await market.level(market.first))["desired"]

    for number in range(1, 5):
        await ship_order(
            market.hub,
            market.merchant_id,
            await market.order_id(number),
            Box("UPS", f"1Z{number}"),
            cause="test",
        )

    assert sellable == 0
    assert await market.stock() == (0, 0)


async def test_what_is_set_aside_at_a_location_already_is_not_set_aside_again(
    market: IncidentRig, depot: int
) -> None:
    """vendurehq/vendure#4030: an order of 13 took ten where ten were on hand, although others had them already."""
    await market.counted(mug=10)
    await market.put(depot, 15)
    await market.sold(1, 8)

    await market.sold(2, 13)

    assert await shelves(market) == {"Main": (10, 10), "Depot": (15, 11)}
