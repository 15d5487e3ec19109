"""Set rules: a person says what listings may sell, stops them, or forbids telling their channel anything."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from core.hub import Hub
from core.rules.offers import ListingRule
from core.rules.skus import tidy_sku
from core.store import braking, connections, listing_rules, schedule
from core.store.braking import Braked
from core.store.database import Connection, again
from core.store.listing_rules import Scope
from core.store.stock import mark_dirty


@again
async def set_rule(
    hub: Hub, merchant_id: int, scope: Scope, said: ListingRule, *, without: Collection[str] = (), by: str
) -> ListingRule:
    """Add *said* to what is said about *scope* and forget the fields *without*; returns what is said now.

    Nothing is told to a channel yet; many listings that change by it are held as a wave and asked about.
    """
    now = hub.clock()
    async with hub.database.transaction([merchant_id]) as tx:
        rule = await _change(tx, merchant_id, scope, said, without, by, now)
        await _mark(tx, merchant_id, scope, now, sold=False)
    await hub.wake.ring("relevel", [merchant_id])
    return rule


@again
async def stop_sell(hub: Hub, merchant_id: int, scope: Scope, *, by: str) -> Braked:
    """Take everything in *scope* off sale: its channels are told nothing else before that."""
    now = hub.clock()
    async with hub.database.transaction([merchant_id]) as tx:
        await _change(tx, merchant_id, scope, ListingRule(stop_sell=now), (), by, now)
        # Levelling that runs now has read the rules before this one: its marks are waited for.
        await _mark(tx, merchant_id, scope, now, sold=True)
        await schedule.ring(tx, "push", await braking.connections_in(tx, merchant_id, scope), now)
        await braking.stop(tx, merchant_id, scope, now)
        found = await braking.count(tx, merchant_id, scope)
    await hub.wake.ring("push", [merchant_id])
    await hub.wake.ring("relevel", [merchant_id])
    return found


@again
async def freeze(hub: Hub, merchant_id: int, scope: Scope, *, by: str) -> Braked:
    """Write nothing to channels for what is in *scope*; what a call under way writes is the last."""
    now = hub.clock()
    async with hub.database.transaction([merchant_id]) as tx:
        await _change(tx, merchant_id, scope, ListingRule(freeze=now), (), by, now)
        await _mark(tx, merchant_id, scope, now, sold=True)
        await braking.freeze(tx, merchant_id, scope)
        return await braking.count(tx, merchant_id, scope)


@again
async def let_go(hub: Hub, merchant_id: int, scope: Scope, what: str, *, by: str) -> Braked:
    """Take back a stop (*what* is "stop_sell") or a freeze ("freeze") of exactly this scope. Wider ones still hold.

    What was stopped is offered again without a question: somebody has just said so.
    """
    now = hub.clock()
    async with hub.database.transaction([merchant_id]) as tx:
        await _change(tx, merchant_id, scope, ListingRule(), (what,), by, now)
        await _mark(tx, merchant_id, scope, now, sold=True)
        found = await braking.count(tx, merchant_id, scope)
    await hub.wake.ring("relevel", [merchant_id])
    return found


async def expire_rules(hub: Hub) -> int:
    """Level anew what a rule's date changes: the end of a listing, of backorders, of preorders. Returns how many rules."""
    now = hub.clock()
    async with hub.database.transaction([]) as tx:
        merchants = await connections.merchant_ids(tx)
    async with hub.database.transaction(merchants) as tx:
        over = await listing_rules.due(tx, now)
        for said in over:
            await _mark(tx, said.merchant_id, said.scope, now, sold=True)
    return len(over)


@again
async def retry(hub: Hub, merchant_id: int, scope: Scope) -> int:
    """Tell channels again what they refused in *scope*; returns how many levels that is about."""
    now = hub.clock()
    async with hub.database.transaction([merchant_id]) as tx:
        await schedule.ring(tx, "push", await braking.connections_in(tx, merchant_id, scope), now)
        count = await braking.unpark(tx, merchant_id, scope)
    await hub.wake.ring("push", [merchant_id])
    return count


@again
async def tag_variants(hub: Hub, merchant_id: int, skus: Sequence[str], tags: Sequence[str]) -> int:
    """Give variants these tags instead of those they have; returns how many variants were found."""
    now = hub.clock()
    async with hub.database.transaction([merchant_id]) as tx:
        found = await listing_rules.put_tags(tx, merchant_id, [tidy_sku(sku) for sku in skus], tags)
        await mark_dirty(tx, {(merchant_id, variant_id) for variant_id in found}, now)
    await hub.wake.ring("relevel", [merchant_id])
    return len(found)


async def _change(
    tx: Connection,
    merchant_id: int,
    scope: Scope,
    said: ListingRule,
    without: Collection[str],
    by: str,
    now: datetime,
) -> ListingRule:
    before = await listing_rules.rule_of(tx, merchant_id, scope)
    kept = {name: getattr(before, name) for name in before.model_fields_set if name not in without}
    rule = ListingRule(**(kept | {name: getattr(said, name) for name in said.model_fields_set}))
    await listing_rules.put_rule(tx, merchant_id, scope, rule, by, now)
    return rule


async def _mark(tx: Connection, merchant_id: int, scope: Scope, now: datetime, *, sold: bool) -> None:
    variants = await listing_rules.variants_in(tx, merchant_id, scope)
    if variants:
        await mark_dirty(tx, {(merchant_id, variant_id) for variant_id in variants}, now, sold=sold)
