"""Orders of kits: their components are held, leave and come back, once, whatever the kit becomes meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from usecase_rig import MUG, TEA, Rig

from core.store import listings
from core.usecases.define_kits import define_kits
from core.usecases.fill_shortages import fill_shortages
from core.usecases.ship_order import Box, ship_order
from core.usecases.take_back import take_back

SET, BOX = "SET", "BOX"
TWO_MUGS_AND_TEA = {MUG: 2, TEA: 1}


@pytest.fixture
async def shop(rig: Rig) -> Rig:
    """Ten mugs, ten teas, and a set of two mugs and a tea."""
    await rig.counted(mug=10, tea=10)
    await define_kits(rig.hub, rig.merchant_id, {SET: TWO_MUGS_AND_TEA})
    return rig


async def reserved(rig: Rig) -> dict[str, int]:
    """SKU -> units set aside, where there are any."""
    rows = await rig.admin.fetch(
        "SELECT sku, reserved FROM stock JOIN variants USING (merchant_id, variant_id) WHERE reserved > 0 ORDER BY sku"
    )
    return {row["sku"]: row["reserved"] for row in rows}


async def missing(rig: Rig) -> dict[str, int]:
    rows = await rig.admin.fetch(
        "SELECT sku, sum(quantity)::int AS n FROM shortages JOIN variants USING (merchant_id, variant_id)"
        " WHERE quantity > 0 GROUP BY sku ORDER BY sku"
    )
    return {row["sku"]: row["n"] for row in rows}


async def dirty(rig: Rig) -> set[str]:
    rows = await rig.admin.fetch(
        "DELETE FROM dirty d USING variants v WHERE v.variant_id = d.variant_id RETURNING sku"
    )
    return {row["sku"] for row in rows}


async def count(rig: Rig, sku: str, units: int, location: str = "Main") -> None:
    """Put a balance there with its ledger entry, at any location."""
    await rig.admin.execute(
        """WITH place AS (
             INSERT INTO locations (merchant_id, name) VALUES ($1, $4) ON CONFLICT (merchant_id, name)
               DO UPDATE SET name = excluded.name RETURNING location_id
           ), what AS (
             SELECT variant_id FROM variants WHERE merchant_id = $1 AND sku = $2
           ), entry AS (
             INSERT INTO stock_ledger (merchant_id, op_key, variant_id, location_id, on_hand_delta, reserved_delta,
               reason, cause, recorded_at, occurred_at)
             SELECT $1, gen_random_uuid()::text, variant_id, location_id, $3, 0, 'adjust', 'test', now(), now()
             FROM place, what)
           INSERT INTO stock AS s (merchant_id, variant_id, location_id, on_hand)
           SELECT $1, variant_id, location_id, $3 FROM place, what
           ON CONFLICT (merchant_id, variant_id, location_id) DO UPDATE SET on_hand = s.on_hand + excluded.on_hand""",
        rig.merchant_id,
        sku,
        units,
        location,
    )


async def sell(rig: Rig, number: int, *lines: tuple[str, int], **more: Any) -> None:
    await rig.deliver(rig.order(number, *lines, **more))
    await rig.drain()


async def test_an_order_of_kits_holds_its_components(shop: Rig) -> None:
    await sell(shop, 1, (SET, 3))

    assert await reserved(shop) == {MUG: 6, TEA: 3}
    assert await shop.holds(1) == set()


async def test_the_same_state_twice_holds_them_once(shop: Rig) -> None:
    await sell(shop, 1, (SET, 3))
    await sell(shop, 1, (SET, 3), minute=1, customer_note="ring twice")

    assert await reserved(shop) == {MUG: 6, TEA: 3}


async def test_ready_made_kits_are_sold_before_others_are_put_together(shop: Rig) -> None:
    await count(shop, SET, 2)

    await sell(shop, 1, (SET, 3))

    assert await reserved(shop) == {SET: 2, MUG: 2, TEA: 1}


async def test_kits_inside_a_kit_are_taken_apart_to_the_last_component(shop: Rig) -> None:
    await define_kits(shop.hub, shop.merchant_id, {BOX: {SET: 2, TEA: 1}})

    await sell(shop, 1, (BOX, 1))

    assert await reserved(shop) == {MUG: 4, TEA: 3}


async def test_quantities_edited_cancelled_and_gone_move_whole_kits(shop: Rig) -> None:
    await sell(shop, 1, (SET, 3))
    await sell(shop, 1, (SET, 4), minute=1)
    assert await reserved(shop) == {MUG: 8, TEA: 4}

    await sell(shop, 1, (SET, 1), minute=2)
    assert await reserved(shop) == {MUG: 2, TEA: 1}

    await sell(shop, 1, (SET, 1), minute=3, status="cancelled")
    assert await reserved(shop) == {}


async def test_a_line_taken_out_of_its_order_lets_its_components_go(shop: Rig) -> None:
    await sell(shop, 1, (MUG, 1), (SET, 2))
    await sell(shop, 1, (MUG, 1), minute=1)

    assert await reserved(shop) == {MUG: 1}


async def test_shipping_in_parts_books_each_kit_out_once(shop: Rig) -> None:
    await count(shop, SET, 1)
    await sell(shop, 1, (SET, 3))
    order_id = (await shop.stored(1))["order_id"]

    for number, units in (("1Z1", 1), ("1Z2", 1), ("1Z2", 1)):
        await ship_order(
            shop.hub, shop.merchant_id, order_id, Box("UPS", number), units={"71": units}, cause="a person"
        )

    assert await shop.stock(SET) == (0, 0)
    assert (await shop.stock(MUG), await shop.stock(TEA)) == ((8, 2), (9, 1))

    await sell(shop, 1, (SET, 3), minute=5, status="completed")
    assert (await shop.stock(MUG), await shop.stock(TEA)) == ((6, 0), (8, 0))


async def test_an_order_that_comes_fulfilled_has_taken_its_components(shop: Rig) -> None:
    await sell(shop, 1, (SET, 2), status="completed")

    assert (await shop.stock(MUG), await shop.stock(TEA)) == ((6, 0), (8, 0))


async def test_a_line_keeps_what_its_kit_was_made_of(shop: Rig) -> None:
    await sell(shop, 1, (SET, 2))

    await define_kits(shop.hub, shop.merchant_id, {SET: {MUG: 1}})
    await sell(shop, 1, (SET, 3), minute=1)
    assert await reserved(shop) == {MUG: 6, TEA: 3}

    await sell(shop, 2, (SET, 1))
    assert await reserved(shop) == {MUG: 7, TEA: 3}

    await define_kits(shop.hub, shop.merchant_id, {SET: {}})
    await sell(shop, 1, (SET, 3), minute=2, status="completed")
    await sell(shop, 2, (SET, 1), minute=2, status="cancelled")
    assert (await shop.stock(MUG), await shop.stock(TEA)) == ((4, 0), (7, 0))


async def test_a_variant_that_becomes_a_kit_leaves_older_orders_as_they_were(rig: Rig) -> None:
    await rig.counted(mug=10, tea=10)
    await sell(rig, 1, (TEA, 2))

    await define_kits(rig.hub, rig.merchant_id, {TEA: {MUG: 3}})
    await sell(rig, 1, (TEA, 1), minute=1)

    assert await reserved(rig) == {TEA: 1}


async def test_what_a_kit_lacks_is_missing_by_component_and_filled_when_it_comes(rig: Rig) -> None:
    await rig.counted(mug=5, tea=1)
    await define_kits(rig.hub, rig.merchant_id, {SET: TWO_MUGS_AND_TEA})

    await sell(rig, 1, (SET, 3))
    assert (await reserved(rig), await missing(rig)) == ({MUG: 5, TEA: 1}, {MUG: 1, TEA: 2})
    assert await rig.holds(1) == {"short_stock"}

    await rig.counted(mug=9, tea=2)
    assert (await reserved(rig), await missing(rig)) == ({MUG: 6, TEA: 2}, {TEA: 1})
    assert await rig.holds(1) == {"short_stock"}

    await rig.counted(tea=3)
    assert (await reserved(rig), await missing(rig)) == ({MUG: 6, TEA: 3}, {})
    assert await rig.holds(1) == set()


async def test_ready_made_kits_that_come_in_fill_what_could_not_be_put_together(rig: Rig) -> None:
    await rig.counted(mug=5, tea=1)
    await define_kits(rig.hub, rig.merchant_id, {SET: TWO_MUGS_AND_TEA})
    await sell(rig, 1, (SET, 3))
    await dirty(rig)

    await count(rig, SET, 7)
    await fill_shortages(rig.hub)

    assert (await reserved(rig), await missing(rig)) == ({MUG: 2, TEA: 1, SET: 2}, {})
    assert await rig.holds(1) == set()
    assert await dirty(rig) == {MUG, TEA, SET}


async def test_a_ready_made_kit_that_a_count_did_not_find_is_put_together_instead(shop: Rig) -> None:
    await count(shop, SET, 2)
    await sell(shop, 1, (SET, 2))
    await sell(shop, 2, (MUG, 9))
    variant = await shop.admin.fetchval("SELECT variant_id FROM variants WHERE sku = $1", SET)

    await count(shop, SET, -1)
    await take_back(shop.hub, shop.merchant_id, [variant])
    assert (await reserved(shop), await missing(shop)) == ({MUG: 9, SET: 1}, {SET: 1})
    assert await fill_shortages(shop.hub) == 0  # one mug is not enough

    await shop.counted(mug=11)
    assert (await reserved(shop), await missing(shop)) == ({MUG: 11, SET: 1, TEA: 1}, {})
    assert await shop.holds(1) == set()


async def test_each_kit_comes_from_one_location_where_one_has_it_whole(shop: Rig) -> None:
    await count(shop, MUG, -9)
    await count(shop, MUG, 2, "Cellar")
    await count(shop, TEA, 5, "Cellar")
    async with shop.hub.database.transaction([shop.merchant_id]) as tx:
        cellar = await tx.fetchval("SELECT location_id FROM locations WHERE name = 'Cellar'")
        await listings.map_location_once(tx, shop.merchant_id, shop.first, "cellar", cellar, "Cellar")

    await sell(shop, 1, (SET, 1))

    held = await shop.admin.fetch(
        "SELECT DISTINCT name FROM reservations JOIN locations USING (merchant_id, location_id)"
    )
    assert [row["name"] for row in held] == ["Cellar"]


async def test_a_bundle_that_its_shop_takes_apart_is_not_reserved_twice(shop: Rig) -> None:
    payload = shop.order(1, (SET, 1), (MUG, 2), (TEA, 1))
    container, *parts = payload["line_items"]
    container |= {"bundled_by": "", "bundled_items": [part["id"] for part in parts]}
    container["meta_data"] = [{"key": "_reduced_stock", "value": "1"}]
    for part in parts:
        part |= {"bundled_by": container["id"], "bundled_items": []}

    await shop.deliver(payload)
    await shop.drain()

    assert await reserved(shop) == {MUG: 2, TEA: 1}


async def test_whatever_moves_marks_every_kit_it_is_in(shop: Rig) -> None:
    await define_kits(shop.hub, shop.merchant_id, {BOX: {SET: 2}})
    assert await dirty(shop) >= {BOX, SET}

    await sell(shop, 1, (TEA, 1))
    assert await dirty(shop) == {TEA, SET, BOX}

    await sell(shop, 2, (SET, 1))
    assert await dirty(shop) == {MUG, TEA, SET, BOX}


async def test_a_kit_that_changes_marks_the_kits_it_is_in(shop: Rig) -> None:
    await define_kits(shop.hub, shop.merchant_id, {BOX: {SET: 2}})
    await dirty(shop)

    await define_kits(shop.hub, shop.merchant_id, {SET: {MUG: 1}})
    assert await dirty(shop) == {SET, BOX}

    await define_kits(shop.hub, shop.merchant_id, {SET: {MUG: 1}})
    assert await dirty(shop) == set()
