"""A shop whose count is changed behind our back: sweeps, pulls that find no order, and the time both need."""

from __future__ import annotations

from typing import Any

import asyncpg
from usecase_rig import ITEMS, MUG, Rig, Shop

from core.store import drifts, runs
from core.usecases.lease import run_due
from core.usecases.reconcile import Reconciled, next_reconcile, reconcile
from core.usecases.relevel import relevel


class DriftRig(Rig):
    """A `Rig` whose first shop, *shop*, shows the 100 mugs on the shelf and is told what it may sell."""

    shop: Shop

    async def start(self, shop: Shop) -> None:
        self.shop = shop
        await self.open()
        await self.counted(mug=100)
        await self.shops_show(MUG, 100)
        await self.switch_push(self.first)
        await self.pulled()
        self.clock.forward(minutes=15)

    async def counted_anew(self) -> None:
        """Everything is levelled, as after a change of places."""
        await self.admin.execute(
            "INSERT INTO dirty (merchant_id, variant_id, since) SELECT merchant_id, variant_id, $1 FROM variants"
            " ON CONFLICT DO NOTHING",
            self.clock(),
        )
        await relevel(self.hub)

    def shows(self, units: int) -> None:
        self.shop.counts[ITEMS[MUG]] = units

    @property
    def shown(self) -> int:
        return self.shop.counts[ITEMS[MUG]]

    async def pulled(self) -> None:
        """Every order the first shop has had so far was listed, and is here."""
        async with self.hub.database.transaction([self.merchant_id]) as tx:
            known = await runs.checkpoint(tx, self.merchant_id, self.first, "orders")
            now = self.clock()
            epoch = known[1] if known else 0
            assert await runs.advance(tx, self.merchant_id, self.first, "orders", epoch, now, now)

    async def sweep(self) -> None:
        """Read everything the first shop shows, or only settle what is watched where it is too early for that."""
        await self.admin.execute(
            "UPDATE schedule SET due_at = $1 WHERE kind = 'reconcile' AND connection_id = $2",
            self.clock(),
            self.first,
        )
        assert await run_due(self.hub, "reconcile", reconcile, next_reconcile) == 1

    async def settled(self) -> None:
        """The patience is over, a pull has found no order, and what was decided is told."""
        self.clock.forward(minutes=3)
        await self.pulled()
        await self.sweep()
        await relevel(self.hub)
        await self.push()

    async def drifts(self, *, whole: bool = True) -> list[dict[str, Any]]:
        """Every difference, or the open ones; the oldest first."""
        async with self.hub.database.transaction([self.merchant_id]) as tx:
            return (await drifts.listed(tx, whole=whole))[::-1]

    async def drift(self) -> tuple[str, str, int, str]:
        """The only difference there ever was: kind, status, units, healed by."""
        (found,) = await self.drifts()
        return found["kind"], found["status"], found["units"], found["healed_by"]

    async def due(self) -> Any:
        return await self.admin.fetchval(
            "SELECT due_at FROM schedule WHERE kind = 'reconcile' AND connection_id = $1", self.first
        )

    async def rings(self, kind: str) -> int:
        rung: int = await self.admin.fetchval(
            "SELECT rung FROM schedule WHERE kind = $1 AND connection_id = $2", kind, self.first
        )
        return rung

    async def last_sweep(self) -> asyncpg.Record:
        row = await self.last_sweep_or_none()
        assert row is not None
        return row

    async def last_sweep_or_none(self) -> asyncpg.Record | None:
        return await self.admin.fetchrow("SELECT * FROM reconciles ORDER BY reconcile_id DESC LIMIT 1")


__all__ = ["DriftRig", "Reconciled"]
