"""Several shops of one merchant that each keep their own count, and lose what they are told or answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

from usecase_rig import ITEMS, MUG, TEA, Rig

from core.errors import ChannelError, ErrorCode
from core.flow import Response, decode, encode
from core.hub import Hub
from core.rules.offers import ListingRule
from core.store import schedule
from core.store.listing_rules import Scope
from core.store.schedule import Lease
from core.usecases.be_sure import be_sure
from core.usecases.lease import NEVER, run_due
from core.usecases.relevel import relevel
from core.usecases.set_rules import set_rule

EVERYTHING = Scope()


@dataclass
class ShopOf:
    """One shop's counts by product id. Some items are *bad*: it refuses to write them, each by itself or, where
    *whole_batches*, with all that is asked for along with them. *late* are writes that come about when it is told to.
    """

    counts: dict[int, int]
    bad: dict[int, str] = field(default_factory=dict)
    whole_batches: bool = False
    writes: list[dict[int, int]] = field(default_factory=list)
    late: list[dict[int, int]] = field(default_factory=list)
    fault: str = ""  # of the next write: "answer" (lost after it), "request" (lost before it), "late"

    def answer(self, method: str, url: str, body: bytes | None) -> Response:
        if method == "GET":
            asked = parse_qs(urlsplit(url).query)["include"][0].split(",")
            return _said(200, [self._row(int(item)) for item in asked if int(item) in self.counts])
        update = {row["id"]: row["stock_quantity"] for row in decode(body or b"")["update"]}
        if self.whole_batches and update.keys() & self.bad.keys():
            return _said(400, {"code": "rest_invalid_param", "message": "Invalid parameter(s): update"})
        fault, self.fault = self.fault, ""
        if fault == "late":
            self.late.append(update)
        elif fault != "request":
            self.take(update)
        if fault:
            raise ChannelError(ErrorCode.TIMEOUT, "the answer never came")
        return _said(200, {"update": [self._told(item) for item in update]})

    def take(self, update: Mapping[int, int]) -> None:
        good = {item: quantity for item, quantity in update.items() if item not in self.bad}
        self.counts.update(good)
        self.writes.append(good)

    def _told(self, item: int) -> dict[str, Any]:
        if item in self.bad:
            return {"id": item, "error": {"code": "bad", "message": self.bad[item], "data": {"status": 400}}}
        return self._row(item)

    def _row(self, item: int) -> dict[str, Any]:
        return {"id": item, "type": "simple", "manage_stock": True, "stock_quantity": self.counts[item]}


def _said(status: int, value: Any) -> Response:
    return Response(status, {"content-type": "application/json"}, encode(value))


@dataclass
class Market:
    """Every shop by its host name; what is asked of a host that is not there yet is answered by a new, empty shop."""

    shops: dict[str, ShopOf] = field(default_factory=dict)

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Response:
        return self.at(urlsplit(url).netloc).answer(method, url, body)

    def at(self, host: str) -> ShopOf:
        return self.shops.setdefault(host.lower(), ShopOf(dict.fromkeys(ITEMS.values(), 0)))


@dataclass
class Bench(Rig):
    """A merchant with as many shops as a test wants. *shops* are their connections, in the order they were linked."""

    market: Market = field(default_factory=Market)
    shops: list[int] = field(default_factory=list)
    orders: int = 0

    async def open_shops(self, names: list[str], counts: int = 0) -> None:
        """Shops that all show *counts* of everything, and may be told."""
        await self.open()
        self.shops = [self.first, self.second]
        self.shops += [await self._link(f"Mia-{name}") for name in names[2:]]
        for connection in self.shops:
            await self.switch_push(connection)

    def shop(self, connection: int) -> ShopOf:
        names = ["one", "two", "three", "four", "five"]
        return self.market.at(f"mia-{names[self.shops.index(connection)]}.example")

    async def rule(self, scope: Scope = EVERYTHING, **said: Any) -> None:
        await set_rule(self.hub, self.merchant_id, scope, ListingRule(**said), by="a person")

    async def settle(self) -> None:
        """Level and push until nothing changes any more."""
        for _ in range(40):
            levelled = 0
            while (await relevel(self.hub)).variants:
                levelled += 1
            pushed = await self.push()
            if not levelled and not pushed:
                return
            self.clock.forward(seconds=3)
        raise AssertionError("stock is told again and again")

    async def sell(self, connection: int, sku: str = MUG, quantity: int = 1) -> dict[str, Any]:
        """A shop sells and lowers its own count; the order that will come of it."""
        shop = self.shop(connection)
        assert shop.counts[ITEMS[sku]] >= quantity
        shop.counts[ITEMS[sku]] -= quantity
        self.orders += 1
        now: datetime = self.clock()
        return self.order(self.orders, (sku, quantity), placed=now, changed=now)

    async def all_came_by(self, before: datetime) -> None:
        """Every order from up to *before* has come from every shop: nothing has to be guessed of them any more."""
        for connection in self.shops:
            async with self.hub.database.transaction([self.merchant_id]) as tx:
                await schedule.ring(tx, "reconcile", [(self.merchant_id, connection)], self.clock())

        async def sure(hub: Hub, lease: Lease) -> int:
            return await be_sure(hub, lease, before)

        async def never(hub: Hub, lease: Lease, result: object) -> datetime:
            return NEVER

        while await run_due(self.hub, "reconcile", sure, never):
            pass

    async def possible(self, sku: str = MUG) -> int:
        """What all shops together may be selling."""
        found = await self.admin.fetchval(
            "SELECT sum(possible) FROM listing_levels JOIN listings USING (merchant_id, listing_id) WHERE sku = $1",
            sku,
        )
        return int(found or 0)

    async def may_come_back(self) -> int:
        """Units sold unseen that a try without an answer, coming about late, would put on sale once more."""
        found = await self.admin.fetchval("SELECT sum(unseen) FROM listing_levels WHERE late IS NOT NULL")
        return int(found or 0)

    async def free(self, sku: str = MUG) -> int:
        on_hand, reserved = await self.stock(sku)
        return on_hand - reserved

    async def shortages(self) -> int:
        return int(await self.admin.fetchval("SELECT coalesce(sum(oversold), 0) FROM shortages"))


def picks(seed: int) -> Random:
    return Random(seed)


__all__ = ["ITEMS", "MUG", "TEA", "Bench", "Market", "ShopOf", "picks"]
