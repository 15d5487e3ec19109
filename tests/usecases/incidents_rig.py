"""What tests of incidents share: a rig whose second shop is a marketplace, and what there is to read of incidents."""

from __future__ import annotations

from typing import Any

import asyncpg
from usecase_rig import MUG, Rig

from connectors.woocommerce import WooCommerce
from core.connector import Connector
from core.flow import decode
from core.store import listings, policies, stock
from core.store.stock import Entry
from core.usecases.fill_shortages import fill_shortages
from core.usecases.settle_incidents import settle_incidents
from core.usecases.take_back import take_back_found


class Bazaar(WooCommerce):
    """A marketplace that speaks WooCommerce: only whose shop it is differs."""

    manifest = WooCommerce.manifest.model_copy(update={"slug": "bazaar", "sells_as": "marketplace"})


def with_bazaar(registry: dict[str, Connector]) -> dict[str, Connector]:
    return {**registry, "bazaar": Bazaar()}


class IncidentRig(Rig):
    """*first* is an own shop, *second* a marketplace."""

    async def open(self, name: str = "Mia") -> None:
        await super().open(name)
        await self.admin.execute(
            "UPDATE connections SET channel = 'bazaar' WHERE connection_id = $1", self.second
        )

    async def sold(self, number: int, units: int = 1, *, at: int = 0, **more: Any) -> None:
        """An order for so many mugs comes in; *at* is the connection, the own shop when not given."""
        await self.deliver(self.order(number, (MUG, units), **more), connection=at)
        await self.drain()
        self.clock.forward(seconds=1)

    async def policy(self, policy: str, connection: int = 0, locations: tuple[int, ...] = ()) -> None:
        async with self.hub.database.transaction([self.merchant_id]) as tx:
            await policies.put_policy(
                tx, self.merchant_id, connection, policy, locations, "Mia", self.clock()
            )

    async def work(self) -> None:
        """What a worker does with stock besides draining and levelling."""
        await take_back_found(self.hub)
        await fill_shortages(self.hub)
        await settle_incidents(self.hub)

    async def location(self, name: str, master: str = "hub") -> int:
        """A location that stands behind no shop."""
        found: int = await self.admin.fetchval(
            """INSERT INTO locations (merchant_id, name, master, connection_id)
               VALUES ($1, $2, $3, CASE WHEN $3 = 'channel' THEN $4::bigint END) RETURNING location_id""",
            self.merchant_id,
            name,
            master,
            self.first,
        )
        return found

    async def put(self, location_id: int, units: int, sku: str = MUG) -> None:
        """Units of a variant come to a location, or are found missing there."""
        async with self.hub.database.transaction([self.merchant_id]) as tx:
            [variant_id] = (await listings.put_variants(tx, self.merchant_id, [sku])).values()
            found = Entry(
                merchant_id=self.merchant_id,
                variant_id=variant_id,
                location_id=location_id,
                on_hand_delta=units,
                reserved_delta=0,
                reason="adjust",
                cause="test",
                op_key=f"put:{await stock.transaction_id(tx)}",
            )
            await stock.post(tx, [found], self.clock())
            await stock.mark_dirty(tx, [(self.merchant_id, variant_id)], self.clock())

    async def incidents(self) -> list[asyncpg.Record]:
        return await self.admin.fetch("SELECT * FROM stock_incidents ORDER BY incident_id")

    async def lines(self) -> dict[str, tuple[int, str, str]]:
        """Order number -> (missing, policy, decided by) of the lines of all incidents that miss something."""
        rows = await self.admin.fetch(
            """SELECT o.channel_order_id, l.missing, l.policy, l.decided_by FROM incident_lines l
               JOIN orders o USING (merchant_id, order_id) WHERE missing > 0"""
        )
        return {row[0]: (row[1], row[2], row[3]) for row in rows}

    async def said(self) -> list[tuple[str, str, dict[str, Any]]]:
        """(kind, actor, detail) of all events, in their order."""
        rows = await self.admin.fetch("SELECT kind, actor, detail FROM incident_events ORDER BY event_id")
        return [(row[0], row[1], decode(row[2].encode())) for row in rows]

    async def held(self) -> dict[str, int]:
        """Order number -> units set aside for it."""
        rows = await self.admin.fetch(
            """SELECT o.channel_order_id, sum(held)::int FROM reservations JOIN orders o USING (merchant_id, order_id)
               WHERE held > 0 GROUP BY 1"""
        )
        return {row[0]: row[1] for row in rows}

    async def order_id(self, number: int) -> int:
        found: int = (await self.stored(number))["order_id"]
        return found
