"""Settle the differences of a connection that had their time: look again, say what each is, and heal it by policy."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.connector import Connector, ReadsStock
from core.failpoints import reach
from core.hub import Hub
from core.log import get_log
from core.model.inventory import StockSeen
from core.net import Line, drive
from core.rules.drift import Look
from core.rules.drift_settling import Evidence, Step, Verdict, Wins, due, explained, settle
from core.store import drifts, looks, schedule
from core.store.database import Connection, Row
from core.store.schedule import Lease, held
from core.usecases.be_sure import be_sure
from core.usecases.compare_levels import (
    Key,
    evidence_of,
    followed,
    key_of,
    known_of,
    look_at,
    watched_of,
    writes_of,
)
from core.usecases.heal_drifts import Healing, heal, healers, lock_books
from core.usecases.lease import LostLease

BATCH = 200  # differences settled in one transaction

log = get_log("reconcile")


@dataclass(slots=True)
class Settled:
    """How many differences went away, are told again, were booked, and wait for a person."""

    gone: int = 0
    told: int = 0
    booked: int = 0
    asked: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where differences are settled. Every order that the channel had listed by *complete* is here."""

    hub: Hub
    lease: Lease
    connector: Connector
    line: Line
    complete: datetime | None

    @property
    def patience(self) -> timedelta:
        return timedelta(seconds=self.hub.settings.unseen_patience_s)


async def settle_drifts(hub: Hub, lease: Lease, connector: Connector, line: Line) -> Settled:
    """Settle what can be settled by now. Raises `LostLease`, and `ChannelError` where the channel cannot be asked."""
    done = Settled()
    where = (lease.merchant_id, lease.connection_id)
    async with hub.database.transaction([lease.merchant_id]) as tx:
        place = Place(hub, lease, connector, line, await drifts.complete_until(tx, *where))
        if place.complete is not None:
            await drifts.add_unexplained(tx, *where, place.complete - place.patience)
        rows = [row for row in await looks.watched(tx, *where) if row["drift_id"] is not None]
    for start in range(0, len(rows), BATCH):
        await _settle_some(place, rows[start : start + BATCH], done)
    if place.complete is not None:
        await be_sure(hub, lease, place.complete - place.patience)
    if done.told:
        await hub.wake.ring("push", [lease.merchant_id])
    if done.booked:
        await hub.wake.ring("relevel", [lease.merchant_id])
    return done


async def _settle_some(place: Place, rows: Sequence[Row], done: Settled) -> None:
    ripe = [row for row in rows if row["status"] == "watching" and _due(place, row)]
    seen = await _look(place, ripe)
    await reach("drift.called")
    lease, hub = place.lease, place.hub
    where = (lease.merchant_id, lease.connection_id)
    async with hub.database.transaction([lease.merchant_id]) as tx:
        who = await healers(tx, *where, ripe)
        marked = await lock_books(
            tx, lease.merchant_id, [row for row in ripe if who.may_book(row)], hub.clock()
        )
        if not await held(tx, lease) or not await schedule.renew(tx, lease, hub.settings.lease_s):
            raise LostLease
        await schedule.hold(tx, *where, "push")
        now = hub.clock()
        fresh = await looks.watched(tx, *where, locked=[row["listing_id"] for row in rows])
        fresh = [row for row in fresh if row["drift_id"] is not None]
        judged = await _judge(place, tx, fresh, seen, marked)
        changed = [
            {**followed(row, verdict, look, now), **_adopted(row, verdict)}
            for row, verdict, look in judged
            if verdict.step is not Step.SETTLED
        ]
        if changed:
            await looks.put_known(tx, *where, changed, now)
            await drifts.change(tx, lease.merchant_id, changed)
        healings = [
            Healing(
                row, verdict, wins, wins.value, who.places.get(key_of(row)), look.asked_at if look else None
            )
            for row, verdict, look in judged
            if verdict.step is Step.SETTLED
            for wins in (who.wins(row, verdict.kind, ours=verdict.ours),)
        ]
        await heal(tx, *where, healings, now)
        await reach("drift.storing")
    await reach("drift.stored")
    done.gone += sum(row["status"] == "closed" for row in changed)
    done.told += sum(one.wins is Wins.HUB for one in healings)
    done.booked += sum(one.wins is Wins.CHANNEL for one in healings)
    done.asked += sum(one.wins is Wins.ASK for one in healings)
    for one in healings:
        _say(lease, one)


def _due(place: Place, row: Row) -> bool:
    return due(watched_of(row), Evidence(complete_until=place.complete), place.patience)


async def _look(place: Place, rows: Sequence[Row]) -> dict[Key, Look | None]:
    """What the channel shows of these levels now, None where it cannot be asked."""
    if not isinstance(place.connector, ReadsStock):
        return {key_of(row): None for row in rows}
    found: dict[Key, Look | None] = {}
    size = place.connector.manifest.stock_batch
    for start in range(0, len(rows), size):
        batch = rows[start : start + size]
        asked_at = place.hub.clock()
        items = [(row["channel_stock_id"], row["channel_location_id"]) for row in batch]
        shown: dict[tuple[str, str], StockSeen] = {
            (one.channel_stock_id, one.channel_location_id): one
            for one in await drive(place.connector.read_stock_of(items), place.line)
        }
        found |= {
            key_of(row): look_at(shown.get(item), asked_at) for row, item in zip(batch, items, strict=True)
        }
    return found


async def _judge(
    place: Place,
    tx: Connection,
    rows: Sequence[Row],
    seen: Mapping[Key, Look | None],
    marked: Collection[int],
) -> list[tuple[Row, Verdict, Look | None]]:
    """What becomes of open differences, as far as anything does; *seen* are looks at those that were due."""
    hidden = place.connector.manifest.zero == "deactivate"
    writes = await writes_of(tx, place.lease, rows)
    about = await evidence_of(tx, place.lease, rows, place.complete)
    judged: list[tuple[Row, Verdict, Look | None]] = []
    for row in rows:
        key = key_of(row)
        known, evidence = known_of(row, writes.get(key), hidden=hidden, marked=marked), about[key]
        look: Look | None = None
        if row["status"] == "told":
            quiet = not known.pending and known.maybe is None
            words = "it shows what it should by now"
            verdict = Verdict(Step.GONE, watched_of(row).kind, by="hub", words=words) if quiet else None
        else:
            verdict = explained(watched_of(row), known, evidence)
        if verdict is None and row["status"] == "watching" and key in seen and _due(place, row):
            look = seen[key]
            verdict = settle(watched_of(row), known, evidence, look)
        if verdict is not None and verdict.step is not Step.WAIT:
            judged.append((row, verdict, look))
    return judged


def _adopted(row: Row, verdict: Verdict) -> dict[str, Any]:
    """The level once it follows what a further look has found."""
    return {
        "predicted": row["predicted"] + verdict.adopted,
        "unseen": row["unseen"] - verdict.adopted,
        "echoed": False,
        "booked": False,
    }


def _say(lease: Lease, healing: Healing) -> None:
    fields = {
        "merchant": lease.merchant_id,
        "connection": lease.connection_id,
        "drift": healing.row["drift_id"],
        "listing": healing.row["listing_id"],
        "kind": healing.verdict.kind,
        "units": healing.units,
        "wins": healing.wins,
    }
    log.warning(healing.verdict.words, extra={"fields": fields})
