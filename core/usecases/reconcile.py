"""Reconcile: read back in bulk what a channel shows, and settle what differs once every order that explains it is here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.connector import ReadsStock
from core.hub import Hub
from core.store import connections, guesses, locations, looks, reconciles, runs, schedule
from core.store.connections import Linked
from core.store.database import Connection
from core.store.schedule import Lease
from core.usecases.compare_levels import watched_of
from core.usecases.lease import NEVER
from core.usecases.read_back import Reader, read_back
from core.usecases.settle_drifts import settle_drifts

PULL_PAUSE = timedelta(seconds=5)  # between two looks whether a pull has told of every order


@dataclass(slots=True)
class Reconciled:
    """*levels* were compared: *drifted* were not as they should be, of *in_flight* nothing can be said. *more*: the sweep
    goes on in the next run. Differences: *gone* by themselves, *told* again, *booked*, and *asked* of a person.
    """

    levels: int = 0
    drifted: int = 0
    in_flight: int = 0
    gone: int = 0
    told: int = 0
    booked: int = 0
    asked: int = 0
    more: bool = False


async def reconcile(hub: Hub, lease: Lease) -> Reconciled:
    """Go on with the sweep of the connection of *lease*, or begin one that is due; then settle what is watched.

    Nothing is compared before a person has allowed to write to the channel: there is nothing it should show then. What
    it counts itself is followed all the same. Raises `LostLease` and `ChannelError`.
    """
    done = Reconciled()
    async with hub.database.transaction([lease.merchant_id]) as tx:
        linked = await connections.linked(tx, lease.merchant_id, lease.connection_id)
        own = await locations.shelf_counted_by(tx, lease.merchant_id, lease.connection_id)
        if not _wanted(linked, own):
            return done
        line = await hub.line(tx, linked)
    connector = hub.connector(linked.channel)
    if isinstance(connector, ReadsStock):
        read = await read_back(Reader(hub, lease, connector, line, linked.push_stock, own))
        done.levels, done.drifted, done.in_flight = read.levels, read.drifted, read.in_flight
        done.booked, done.more = read.booked, read.more
    if not done.more and linked.push_stock:
        settled = await settle_drifts(hub, lease, connector, line)
        done.gone, done.told, done.asked = settled.gone, settled.told, settled.asked
        done.booked += settled.booked
        await _ask_for_orders(hub, lease)
    return done


def _wanted(linked: Linked, own: object) -> bool:
    return linked.status == "active" and (linked.push_stock or bool(own))


async def _ask_for_orders(hub: Hub, lease: Lease) -> None:
    """Have orders pulled where one may explain a difference: at once, and again when its patience is over."""
    now = hub.clock()
    patience = timedelta(seconds=hub.settings.unseen_patience_s)
    pair = (lease.merchant_id, lease.connection_id)
    async with hub.database.transaction([lease.merchant_id]) as tx:
        pulled = await runs.checkpoint(tx, *pair, "orders")
        needed = [at + patience if at + patience <= now else at for at in await _watched_since(tx, lease)]
        if not any(pulled is None or pulled[0] < at for at in needed):
            return
        if await schedule.busy(tx, *pair, "pull", now):
            return
        await schedule.ring(tx, "pull", [pair], now)
    await hub.wake.ring("pull", [lease.merchant_id])


async def _watched_since(tx: Connection, lease: Lease) -> Sequence[datetime]:
    """When each look began that a watched difference rests on, when units were last found missing, and when something
    was last guessed of a level.
    """
    rows = await looks.watched(tx, lease.merchant_id, lease.connection_id)
    return await guesses.guessed_at(tx, lease.merchant_id, lease.connection_id) + [
        row["unseen_at"] if row["drift_id"] is None else watched_of(row).looked_at
        for row in rows
        if row["status"] in (None, "watching")
    ]


async def next_reconcile(hub: Hub, lease: Lease, result: Any) -> datetime:
    """At once where a sweep goes on; else when a difference can be settled, or the next sweep is due."""
    now = hub.clock()
    if result.more:
        return now
    patience = timedelta(seconds=hub.settings.unseen_patience_s)
    async with hub.database.transaction([lease.merchant_id]) as tx:
        linked = await connections.linked(tx, lease.merchant_id, lease.connection_id)
        if not _wanted(linked, await locations.shelf_counted_by(tx, lease.merchant_id, lease.connection_id)):
            return NEVER
        settling = [at + patience for at in await _watched_since(tx, lease)]
        last = await reconciles.last_started(tx, lease.merchant_id, lease.connection_id)
    sweeping = (last or now) + timedelta(seconds=hub.settings.reconcile_every_s)
    return min([sweeping, *(at if at > now else now + PULL_PAUSE for at in settling)])


async def watch_reconcile(hub: Hub, lease: Lease) -> None:
    """A pull has told of every order: what waits for that may be settled now."""
    async with hub.database.transaction([lease.merchant_id]) as tx:
        if not await _watched_since(tx, lease):
            return
        await schedule.ring(tx, "reconcile", [(lease.merchant_id, lease.connection_id)], hub.clock())
    await hub.wake.ring("reconcile", [lease.merchant_id])
