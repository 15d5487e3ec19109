"""Follow deliveries from outside: what became of each. Changes nothing, and works on none."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.connector import Change, Delivery, Notice, OrderRead, Problem, Reading, TrackingRead, Unreadable
from core.hub import Hub
from core.model.document import document_of
from core.rules.orders import Verdict, Version, judge
from core.sealing import SealBroken
from core.store import connections, follow
from core.store.database import Row
from core.store.deliveries import body_owner

BATCH = 200  # bodies in memory at once
LOOK_S = 0.2  # between two looks


class Became(StrEnum):
    """What became of a delivery."""

    WAITING = "waiting"  # no worker has read it yet
    PARKED = "parked"  # waits for a person
    APPLIED = "applied"  # it made a version of an order
    SAME = "same"  # the order was known to be so
    STALE = "stale"  # something newer was known
    LOOKED_AT = "looked_at"  # it cannot be ordered in time, so the order is fetched
    TRACKING = "tracking"
    NOTICE = "notice"  # a hint, after which we look ourselves


@dataclass(frozen=True, slots=True)
class Outcome:
    """*words* say it to a person; *version* is the last one of the order that this delivery ever made."""

    delivery_id: int
    became: Became
    words: str
    order_id: int | None = None
    order_number: str | None = None
    version: int | None = None
    reasons: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Arrived:
    """One stored delivery, its body opened; *broken* says why that was not possible."""

    row: Row
    body: bytes
    broken: str = ""

    @property
    def delivery_id(self) -> int:
        found: int = self.row["delivery_id"]
        return found


async def merchants_of(hub: Hub) -> list[int]:
    """Every merchant: an operator follows all of them."""
    async with hub.database.transaction([]) as tx:
        return await connections.merchant_ids(tx)


async def open_deliveries(hub: Hub, ids: Sequence[int]) -> list[Arrived]:
    """Those of *ids* that are stored."""
    merchants = await merchants_of(hub)
    async with hub.database.transaction(merchants) as tx:
        rows = await follow.load(tx, merchants, ids)
    found = []
    for row in rows:
        owner = body_owner(row["connection_id"], row["dedupe_key"])
        try:
            account = await hub.account(row["merchant_id"], row["connection_id"])
            found.append(Arrived(row, account.box.open(row["body"], owner)))
        except SealBroken as error:
            found.append(Arrived(row, b"", str(error)))
    return found


async def outcomes(hub: Hub, ids: Sequence[int]) -> list[Outcome]:
    """What became of deliveries, by reading them again and looking at the orders they name."""
    found: list[Outcome] = []
    for start in range(0, len(ids), BATCH):
        arrived = await open_deliveries(hub, ids[start : start + BATCH])
        readings = {item.delivery_id: await _read(hub, item) for item in arrived}
        async with hub.database.transaction({item.row["merchant_id"] for item in arrived}) as tx:
            stored = await follow.orders_of(tx, [n for item in arrived for n in _named(item, readings)])
        found += [
            _outcome(item.row, readings[item.delivery_id], stored.get(item.delivery_id)) for item in arrived
        ]
    return found


async def _read(hub: Hub, item: Arrived) -> Reading:
    broken = item.broken
    try:
        if not broken:
            account = await hub.account(item.row["merchant_id"], item.row["connection_id"])
            return account.connector.read(Delivery(item.row["topic"], {}, item.body), account.overrides)
    except Exception as error:  # noqa: BLE001 - a body that breaks a connector is what an operator came to see
        broken = f"reading it failed: {type(error).__name__}"
    return Unreadable((Problem(code="broken", pointer="", message=broken),))


def _named(item: Arrived, readings: dict[int, Reading]) -> Iterable[dict[str, Any]]:
    match readings[item.delivery_id]:
        case OrderRead(order):
            name: str | None = order.channel_order_id
        case Notice(change=Change.GONE, resource_id=resource_id):
            name = resource_id
        case _:
            name = None
    if name:
        yield {**dict(item.row), "channel_order_id": name}


def _outcome(row: Row, reading: Reading, stored: Row | None) -> Outcome:
    number = row["delivery_id"]
    if row["waiting"] is not None:
        tries = f", tried {row['waiting']} times" if row["waiting"] else ""
        return Outcome(number, Became.WAITING, f"waits for a worker{tries}")
    if row["reasons"] and row["resolved_at"] is None:
        reasons = tuple(row["reasons"])
        return Outcome(number, Became.PARKED, f"parked: {why(reasons)}", reasons=reasons)
    if stored is not None and stored["version"] is not None:
        words = f"{stored['kind'].replace('_', ' ')}, version {stored['version']}"
        return _about(stored, number, Became.APPLIED, words)
    match reading:
        case OrderRead() if stored is not None:
            return _about(stored, number, *_judged(row, reading, stored))
        case TrackingRead(trackings):
            return Outcome(number, Became.TRACKING, f"tracking of {len(trackings)} parcels")
        case Notice(subject=subject, change=change, resource_id=resource_id):
            return Outcome(number, Became.NOTICE, f"notice: {subject} {resource_id or ''} {change}")
        case Unreadable(reasons):
            return Outcome(number, Became.NOTICE, f"it cannot be read now: {reasons[0].message}")
    return Outcome(number, Became.NOTICE, "read, and changed nothing")


def _about(stored: Row, delivery_id: int, became: Became, words: str) -> Outcome:
    name = stored["order_number"] or stored["order_id"]
    return Outcome(
        delivery_id,
        became,
        f"order {name}: {words}",
        stored["order_id"],
        stored["order_number"],
        stored["version"],
    )


def _judged(row: Row, reading: OrderRead, stored: Row) -> tuple[Became, str]:
    """Why an order that was read made no version, judged by what is known now."""
    looked = row["received_at"] if row["via"] != "webhook" else None
    document = hashlib.sha256(document_of(reading.order)).digest()
    known = Version(stored["changed_at"], stored["fetched_at"], stored["document_hash"])
    match judge(known, Version(reading.order.changed_at, looked, document)):
        case Verdict.SAME:
            return Became.SAME, "known already"
        case Verdict.LOOK:
            return Became.LOOKED_AT, "its place in time is not known, so the channel is asked"
    return Became.STALE, "something newer is known"


def why(reasons: Sequence[dict[str, str]]) -> str:
    """Reasons in words, each with its place in the payload."""
    return "; ".join(f"{r['message']} (at {r['pointer']})" if r["pointer"] else r["message"] for r in reasons)


async def until_read(
    hub: Hub, ids: Sequence[int], patience_s: float, *, tell: Callable[[int], None] = lambda _: None
) -> set[int]:
    """Wait until workers have read *ids*, at most *patience_s*; returns those still waiting. *tell* hears how many."""
    merchants = await merchants_of(hub)
    deadline = time.monotonic() + patience_s
    while True:
        async with hub.database.transaction(merchants) as tx:
            waiting = await follow.still_waiting(tx, merchants, ids)
        tell(len(waiting))
        if not waiting or time.monotonic() >= deadline:
            return waiting
        await asyncio.sleep(LOOK_S)
