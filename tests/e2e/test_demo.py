"""The demo as its users run it: the command's numbers, and that its judge can say no."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from command_rig import run_command
from loop_rig import Loop, open_loop

from console.demo.books import compare
from core.store import demo_books
from core.usecases.ship_order import Box, ship_order

NUMBERS = [
    "sent",
    "accepted",
    "rejected",
    "deduplicated",
    "orders",
    "holds",
    "parked",
    "stock_pushes",
    "tracking_pushes",
    "duplicate_effects",
    "lost",
    "duplicated",
    "oversold",
    "oversold_explained",
    "invariants_violated",
    "propagation_p95_ms",
    "seconds",
]


async def run_demo(home: Path, *words: str, patience_s: float) -> dict[str, Any]:
    told, code = await run_command(home, "demo", "--headless", "--json", *words, patience_s=patience_s)
    assert code == 0, told
    return told


def balances(told: dict[str, Any]) -> bool:
    zeros = (
        "lost",
        "duplicated",
        "duplicate_effects",
        "tracking_missing",
        "wrong_levels",
        "invariants_violated",
    )
    return {told[name] for name in zeros} == {0} and told["oversold_explained"] >= told["oversold"]


async def test_the_demo_balances_its_books_and_says_so_in_one_json_object(tmp_path: Path) -> None:
    told = await run_demo(tmp_path, "--orders", "60", "--seed", "3", patience_s=110)

    assert set(NUMBERS) <= told.keys()
    assert balances(told)
    assert told["orders"] >= 60
    assert told["accepted"] > told["orders"]
    assert told["stock_pushes"] > 0
    assert told["tracking_pushes"] == told["orders"]


async def test_the_books_balance_although_everything_is_killed_and_answers_are_lost(tmp_path: Path) -> None:
    told = await run_demo(tmp_path, "--orders", "150", "--seed", "5", "--chaos", patience_s=300)

    assert balances(told)
    assert told["tracking_pushes"] == told["orders"]
    assert set(told["killed"]) == {"web", "worker", "PostgreSQL", "Valkey"}


async def test_the_books_balance_although_nothing_ever_rings(tmp_path: Path) -> None:
    told = await run_demo(tmp_path, "--orders", "60", "--seed", "4", "--without-valkey", patience_s=150)

    assert balances(told)
    assert told["tracking_pushes"] == told["orders"]


async def test_a_parcel_goes_from_the_desk_to_the_shop_and_its_way_is_known(
    fresh: str, make_hub: Callable[..., Any]
) -> None:
    async with open_loop(await make_hub(), fresh, seed=6) as loop:
        await ship_everything(loop)

        verdict = await compare(loop.hub, loop.merchant_id, loop.shops, loop.connections)

    assert (verdict.tracking_pushes, verdict.tracking_missing, verdict.duplicate_effects) == (2, 0, 0)
    assert verdict.passed


async def test_an_effect_that_happened_twice_or_never_is_seen_in_the_shops_books(
    fresh: str, make_hub: Callable[..., Any]
) -> None:
    async with open_loop(await make_hub(), fresh, seed=6) as loop:
        await ship_everything(loop)
        loop.shopify.books.shipped.append(loop.shopify.books.shipped[0])
        loop.woocommerce.books.noted.clear()

        verdict = await compare(loop.hub, loop.merchant_id, loop.shops, loop.connections)

    assert (verdict.tracking_pushes, verdict.tracking_missing, verdict.duplicate_effects) == (1, 1, 1)
    assert not verdict.passed


async def ship_everything(loop: Loop) -> None:
    """One order in each shop, each in a parcel that the carrier brings to its end."""
    assert loop.woocommerce.checkout([("MUG", 1)])
    assert loop.shopify.checkout([("TEA", 2)])
    await loop.turn()
    async with loop.hub.database.transaction([loop.merchant_id]) as tx:
        waiting = await demo_books.orders_to_ship(tx)
    for order_id in waiting:
        box = Box("UPS", f"TRACK{order_id}")
        await ship_order(loop.hub, loop.merchant_id, order_id, box, cause="test")
    await loop.turn()
    for code in loop.shops.easypost.truth():
        while loop.shops.easypost.advance(code):
            await loop.turn()
    await loop.turn()


@pytest.mark.parametrize("deleted", [0, 1])
async def test_an_order_that_vanished_from_the_hub_is_counted_as_lost(
    deleted: int, *, fresh: str, make_hub: Callable[..., Any]
) -> None:
    async with open_loop(await make_hub(), fresh, seed=4) as loop:
        orders = [loop.woocommerce.checkout([("MUG", 1)]), loop.shopify.checkout([("TEA", 2)])]
        await loop.turn()

        await _delete_behind_its_back(fresh, deleted)
        verdict = await compare(loop.hub, loop.merchant_id, loop.shops, loop.connections)

    assert all(orders)
    # One whole order, no unit of which is counted again.
    assert verdict.lost == deleted
    assert verdict.passed is (deleted == 0)


async def _delete_behind_its_back(admin_url: str, count: int) -> None:
    admin = await asyncpg.connect(admin_url)
    try:
        await admin.execute("SET session_replication_role = replica")  # no guard of the schema sees it
        for table in ("reservations", "shortages", "order_events", "order_lines", "orders"):
            await admin.execute(
                f"DELETE FROM {table} WHERE order_id IN (SELECT order_id FROM (SELECT DISTINCT order_id FROM orders"
                f" WHERE order_id <= $1) o ORDER BY 1 LIMIT $2)",
                2**62,
                count,
            )
    finally:
        await admin.close()
