"""A day of the real hub in simulated time: seconds pass only when the work of the seconds before is done."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from console.scenarios.crowd import CHANNELS, DEAD, START, Plan, Tell, buyers, supply
from console.scenarios.market import LOST_REPLIES, SECRET, Clock, Transport, connectors, open_shops
from console.scenarios.verdict import p95, sales_of
from core.connector import Delivery
from core.errors import FairwayError
from core.hub import Hub, open_hub
from core.rules.offers import ListingRule, Mode
from core.settings import Settings
from core.store import connections, deliveries, listing_rules, scenario_books
from core.store.deliveries import Incoming
from core.store.listing_rules import Scope
from core.store.verify import verify
from core.usecases.count_stock import Counted, count_stock
from core.usecases.drain import drain
from core.usecases.fill_shortages import fill_shortages
from core.usecases.hold_back import hold_back
from core.usecases.lease import run_due
from core.usecases.link_account import link_account
from core.usecases.measure import measure
from core.usecases.pull_catalog import next_catalog, pull_catalog
from core.usecases.pull_orders import next_pull, pull_orders
from core.usecases.push_stock import next_push, push_stock
from core.usecases.reconcile import next_reconcile, reconcile
from core.usecases.relevel import SLICE, relevel
from core.usecases.tally_sales import tally_sales
from simulators.plain import PlainShop

TICK = timedelta(seconds=10)  # how often the hub looks for work
FILL_EVERY = timedelta(minutes=1)
MEASURE_EVERY = timedelta(minutes=2)
AFTERWARDS = timedelta(minutes=30)  # until everything has come to rest

POLICIES = {
    "fixed": ListingRule(buffer=2),
    "pooled": ListingRule(mode=Mode.POOLED),
    "pooled_then_strict": ListingRule(mode=Mode.POOLED, strict_below=5),
}


@dataclass(slots=True)
class Day:
    """One hub with its channels. *stops* are the seconds from a wish for zero to the channel that sells none of it."""

    plan: Plan
    hub: Hub
    clock: Clock
    shops: dict[str, PlainShop]
    transport: Transport
    merchant_id: int = 0
    links: dict[str, int] = field(default_factory=dict)
    stops: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    waiting: dict[tuple[str, str], datetime] = field(default_factory=dict)
    asked_at: datetime = START
    backlog_empty: datetime | None = None
    fill_at: datetime = START
    measure_at: datetime = START

    async def link(self, name: str) -> None:
        link = await link_account(
            self.hub, merchant="friday", channel=name, name=name, settings={"base_url": f"http://{name}"},
            credentials={"token": self.shops[name].token, "webhook_secret": SECRET},
        )  # fmt: skip
        self.merchant_id, self.links[name] = link.merchant_id, link.connection_id

    async def begin(self, rule: ListingRule) -> None:
        """Everything is linked, counted and told before the first buyer comes."""
        for name in CHANNELS:
            await self.link(name)
        counts = [Counted(sku, units) for sku, units in supply(self.plan).items()]
        await count_stock(self.hub, self.merchant_id, counts, cause="first count")
        while await run_due(self.hub, "catalog", pull_catalog, next_catalog):
            pass
        async with self.hub.database.transaction([self.merchant_id]) as tx:
            await listing_rules.put_rule(tx, self.merchant_id, Scope(), rule, "the scenario", self.clock())
            for connection_id in self.links.values():
                await connections.switch_push(tx, self.merchant_id, connection_id, on=True)
            await scenario_books.all_dirty(tx, self.merchant_id, self.clock())
        for name in CHANNELS:
            self.hub.forget(self.merchant_id, self.links[name])
        for _ in range(10):
            await self.work()

    async def hear(self) -> None:
        """Webhooks that have left are checked and stored, as the edge does."""
        batch = []
        for name, shop in self.shops.items():
            due = shop.webhooks_due(self.clock())
            if not due:
                continue
            account = await self.hub.account(self.merchant_id, self.links[name])
            where = (self.merchant_id, self.links[name])
            for body, headers in due:
                refused = account.connector.verify(Delivery("order", headers, body), [SECRET], self.clock())
                if refused is not None:
                    raise FairwayError(f"A webhook of {name} is not authentic: {refused.reason}.")
                key = deliveries.dedupe_key(where[1], "order", body)
                sealed = account.box.seal(body, deliveries.body_owner(where[1], key))
                batch.append(Incoming(*where, "order", "webhook", key, sealed, {}, self.clock()))
        if batch:
            async with self.hub.database.transaction([self.merchant_id]) as tx:
                await deliveries.add(tx, batch)

    async def work(self) -> None:
        """Everything that is due now, until nothing more is due."""
        await self.hear()
        await run_due(self.hub, "reconcile", reconcile, next_reconcile)
        await run_due(self.hub, "pull", pull_orders, next_pull)
        while (await drain(self.hub)).claimed:
            pass
        if self.clock() >= self.fill_at:
            await fill_shortages(self.hub)
            self.fill_at = self.clock() + FILL_EVERY
        if sold := await tally_sales(self.hub):
            await hold_back(self.hub, sold)
        if self.clock() >= self.measure_at:
            while await measure(self.hub):
                pass
            await hold_back(self.hub)
            self.measure_at = self.clock() + MEASURE_EVERY
        # Twice: what a strict listing has given up is for others.
        for _ in range(2):
            while (releveled := await relevel(self.hub)).variants == SLICE:
                pass
            await run_due(self.hub, "push", push_stock, next_push)
            if not releveled.variants:
                break
        await self._look_at_stops()

    async def _look_at_stops(self) -> None:
        async with self.hub.database.transaction([self.merchant_id]) as tx:
            for row in await scenario_books.stopped_since(tx, self.asked_at):
                self.waiting.setdefault((row["name"], row["channel_item_id"]), row["desired_at"])
            late = self.backlog_empty is None and self.clock() >= self.plan.relinked
            if late and await scenario_books.backlog(tx, self.links[DEAD]) == 0:
                self.backlog_empty = self.clock()
        self.asked_at = self.clock()
        for (name, item), since in list(self.waiting.items()):
            if self.shops[name].for_sale(item) == 0:
                self.stops[name].append((self.clock() - since).total_seconds())
                del self.waiting[name, item]

    async def live(self, tell: Tell) -> None:
        """Buyers come until the end; the hub works every few seconds; one token dies and is replaced."""
        crowd, place = buyers(self.plan), 0
        end = self.plan.ends + AFTERWARDS
        tick, dead = START, False
        while tick < end:
            tick += TICK if tick < self.plan.ends else TICK * 6
            while place < len(crowd) and crowd[place].at <= tick:
                buyer = crowd[place]
                self.clock.now = max(self.clock.now, buyer.at)
                self.shops[buyer.channel].buy(buyer.sku)
                place += 1
            self.clock.now = max(self.clock.now, tick)
            if not dead and self.plan.dies <= tick < self.plan.relinked:
                self.shops[DEAD].revoke_token()
                dead = True
            if dead and tick >= self.plan.relinked:
                self.shops[DEAD].restore_token(f"{DEAD}-2")
                await self.link(DEAD)
                dead = False
            if tick >= self.plan.ends:
                self.transport.lost = 0.0
            await self.work()
            tell((tick - START) / (end - START))

    async def verdict(self, policy: str) -> dict[str, Any]:
        async with self.hub.database.transaction([self.merchant_id]) as tx:
            stored = await scenario_books.stored_orders(tx)
            explained = await scenario_books.explained(tx)
            violations = (await verify(tx, at_rest=True, now=self.clock()))["violations"]
        lost = sum(
            len(shop.books.order_ids() - stored.get(self.links[name], set()))
            for name, shop in self.shops.items()
        )
        empty = self.backlog_empty
        return {
            "policy": policy,
            **sales_of(self.plan, self.shops),
            "lost": lost,
            "explained": explained,
            "violations": violations,
            "backlog_minutes": round((empty - self.plan.relinked).total_seconds() / 60, 1) if empty else None,
            "stop_sell_p95_s": {name: p95(self.stops[name]) for name in CHANNELS},
            "never_stopped": len(self.waiting),
        }


async def run_day(policy: str, plan: Plan, settings: Settings, tell: Tell) -> dict[str, Any]:
    """The day of *plan* with the hub's *policy* on the empty database that *settings* name."""
    clock = Clock(START)
    shops = open_shops(plan, clock)
    transport = Transport(shops, random.Random(f"answers {plan.seed}"), lost=0.0)  # noqa: S311
    async with open_hub(settings, connectors(), clock=clock, send=transport, application=policy) as hub:
        day = Day(plan, hub, clock, shops, transport)
        await day.begin(POLICIES[policy])
        transport.lost = LOST_REPLIES
        await day.live(tell)
        return await day.verdict(policy)
