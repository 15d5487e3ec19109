"""A hub that is put back to an earlier point in time: nothing is lost, and nothing is told twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loop_rig import Loop, open_loop
from replay_rig import run_hub

from console.backup.making import make_backup, restore_backup
from console.demo.books import compare
from core.hub import Hub, open_hub
from core.sealing import Keyring
from core.store import demo_books
from core.usecases.count_stock import Counted, count_stock
from core.usecases.ship_order import Box, ship_order
from jobs.work import Worker
from tests.conftest import PASSWORDS, as_role

ROUNDS = 12  # of three seconds, within which what is in doubt is known again


def rings_of(hub: Hub) -> dict[str, Keyring]:
    assert hub.settings.outbound is not None
    return {"inbound": hub.settings.inbound, "outbound": hub.settings.outbound}


async def ship(loop: Loop, *, parcels: str) -> None:
    """Whatever can leave leaves, and its carrier has it."""
    async with loop.hub.database.transaction([loop.merchant_id]) as tx:
        waiting = await demo_books.orders_to_ship(tx)
    assert waiting
    for order_id in waiting:
        await ship_order(
            loop.hub, loop.merchant_id, order_id, Box("UPS", f"{parcels}{order_id}"), cause="test"
        )


def shown_by(loop: Loop) -> dict[str, int]:
    return {sku: loop.woocommerce.stock_of(sku) or 0 for sku in loop.shops.supply}


async def carry(loop: Loop, *, steps: int) -> None:
    for code in loop.shops.easypost.truth():
        for _ in range(steps):
            loop.shops.easypost.advance(code)
    await loop.shops.callbacks.settled()


async def look(loop: Loop, clock: Any) -> None:
    """The worker looks again and again while time passes."""
    worker = Worker(loop.hub)
    for _ in range(ROUNDS):
        await worker.look()
        clock.forward(seconds=3)


async def test_what_was_written_and_forgotten_is_written_again_though_the_words_are_the_same(
    fresh: str, elsewhere: str, make_hub: Callable[..., Any], clock: Any, registry: Any, tmp_path: Path
) -> None:
    async with open_loop(await make_hub(), fresh, seed=12) as loop:
        await make_backup(fresh, tmp_path / "hub.backup", rings_of(loop.hub))
        assert loop.woocommerce.checkout([("TEA", 1)])
        await loop.turn()
        sold = loop.shopify.available("TEA")
        await count_stock(loop.hub, loop.merchant_id, [Counted("TEA", 30)], cause="forgotten")
        await loop.turn()
        counted = loop.shopify.available("TEA")
        clock.forward(minutes=30)

        await restore_backup(elsewhere, tmp_path / "hub.backup", rings_of(loop.hub), PASSWORDS, clock=clock)
        settings = replace(loop.hub.settings, database_url=as_role(elsewhere, "fairway_worker"))
        async with (
            open_hub(settings, registry, clock=clock, application="restored") as hub,
            run_hub(hub, elsewhere) as running,
        ):
            running.merchants.append(loop.merchant_id)
            await look(replace(loop, hub=hub, running=running), clock)

    assert (sold, counted) == (3, 29)
    assert (loop.shopify.available("TEA"), loop.woocommerce.stock_of("TEA")) == (3, 3)


async def test_nothing_is_lost_and_nothing_told_twice_after_an_older_state_was_put_back(
    fresh: str, elsewhere: str, make_hub: Callable[..., Any], clock: Any, registry: Any, tmp_path: Path
) -> None:
    async with open_loop(await make_hub(), fresh, seed=11) as loop:
        assert loop.woocommerce.checkout([("MUG", 1)])
        assert loop.shopify.checkout([("TEA", 1)])
        await loop.turn()
        await ship(loop, parcels="EARLY")  # wished, and not told when the backup is made
        cancelled = loop.woocommerce.checkout([("MUG", 2)])
        binned = loop.woocommerce.checkout([("MUG", 1)])
        assert cancelled is not None
        assert binned is not None
        await loop.shops.courier.settled()
        await Worker(loop.hub).spell("drain")
        backup = await make_backup(fresh, tmp_path / "hub.backup", rings_of(loop.hub))

        # What happens from here on the hub will have forgotten.
        await loop.turn()
        await carry(loop, steps=2)
        await loop.turn()
        assert loop.shopify.checkout([("MUG", 3)])
        assert loop.woocommerce.checkout([("TEA", 1)])
        loop.woocommerce.set_status(cancelled.order_id, "cancelled")
        loop.woocommerce.delete(binned.order_id)
        await loop.turn()
        told = [
            len(loop.shopify.books.shipped),
            len(loop.woocommerce.books.noted),
            len(loop.shopify.books.noted),
        ]
        writes = [len(shop.books.stock_writes) for shop in (loop.shopify, loop.woocommerce)]
        clock.forward(minutes=30)

        restored = await restore_backup(
            elsewhere, tmp_path / "hub.backup", rings_of(loop.hub), PASSWORDS, clock=clock
        )
        settings = replace(loop.hub.settings, database_url=as_role(elsewhere, "fairway_worker"))
        async with (
            open_hub(settings, registry, clock=clock, application="restored") as hub,
            run_hub(hub, elsewhere) as running,
        ):
            running.merchants.append(loop.merchant_id)
            again = replace(loop, hub=hub, running=running)
            # One of the shops is slow to say what was ordered there: until then nobody is told what is left.
            pull = "UPDATE schedule SET lease_until = $1 WHERE kind = 'pull' AND connection_id = $2"
            woocommerce = loop.connections["woocommerce"]
            await running.admin.execute(pull, datetime.max.replace(tzinfo=UTC), woocommerce)
            await look(again, clock)
            held_back = [len(shop.books.stock_writes) for shop in (loop.shopify, loop.woocommerce)]
            await running.admin.execute(pull, datetime.min.replace(tzinfo=UTC), woocommerce)
            await look(again, clock)
            await again.turn()
            in_doubt = await running.admin.fetchval(
                "SELECT count(*) FROM connections WHERE doubted_at IS NOT NULL"
            )
            now_told = [
                len(loop.shopify.books.shipped),
                len(loop.woocommerce.books.noted),
                len(loop.shopify.books.noted),
            ]
            await carry(again, steps=9)
            # Their callbacks go to the hub that is no more: the carrier is asked.
            verdict = await compare(hub, loop.merchant_id, loop.shops, loop.connections)
            orders = await running.admin.fetchval("SELECT count(*) FROM orders")
            gone = await running.admin.fetchval(
                "SELECT gone_at FROM orders WHERE channel_order_id = $1", str(binned.order_id)
            )

        shown = shown_by(loop)
        raised = [
            one
            for shop, before in zip((loop.shopify, loop.woocommerce), writes, strict=True)
            for one in shop.books.stock_writes[before:]
            if one.after > shown[one.sku]
        ]

    assert raised == []  # what was sold and forgotten never came to be on sale again
    assert held_back == writes
    assert gone is not None
    assert backup["orders"] == 4
    assert restored["doubted"]["effects"] >= 2
    assert in_doubt == 0
    assert now_told == told
    assert orders == 6
    # The unit of the deleted order is on the shelf again, which its shop's books do not know.
    assert (verdict.lost, verdict.duplicated, verdict.duplicate_effects, verdict.wrong) == (1, 0, 0, [])
    assert verdict.wrong_states == 0
    assert verdict.numbers["violations"] == {}
