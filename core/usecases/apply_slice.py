"""Applies one slice of read deliveries in the caller's transaction, with statements for the whole slice.

Rows are locked in one order everywhere (todo, orders, stock, dirty marks, levels), so slices and levelling never
wait for each other in a circle.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from core.connector import Change, Notice, OrderRead, Reading, Unreadable
from core.hub import Account
from core.model.order import Order
from core.rules.intake import Intake, before_count, decide_intake
from core.rules.orders import Verdict, Version, believed_change, judge
from core.sealing import associated
from core.store import deliveries, orders, schedule
from core.store.database import Connection
from core.store.deliveries import Claimed
from core.store.orders import OrderKey, StoredOrder
from core.usecases.move_stock import Want, move_stock

CATALOG_PAUSE = timedelta(seconds=60)  # product notices come with every sale: look once a minute at most


@dataclass(frozen=True, slots=True)
class Item:
    """One delivery, understood. *looked* says that we fetched it ourselves."""

    claimed: Claimed
    account: Account
    topic: str
    looked: bool
    received_at: datetime
    reading: Reading


@dataclass(slots=True)
class Applied:
    """Counts by outcome, and what has to be rung for."""

    applied: int = 0
    stale: int = 0
    same: int = 0
    parked: int = 0
    notices: int = 0
    fetches: int = 0
    levels_dirty: bool = False

    def add(self, other: Applied) -> None:
        for name in ("applied", "stale", "same", "parked", "notices", "fetches"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.levels_dirty |= other.levels_dirty


@dataclass(slots=True)
class Incoming:
    """The newest state of one order in this slice, on its way to be stored."""

    item: Item
    order: Order
    document: bytes
    changed_at: datetime
    version: Version
    intake: Intake
    stored: StoredOrder | None
    holds: list[dict[str, str]] = field(default_factory=list)
    order_id: int = 0

    @property
    def key(self) -> OrderKey:
        return (self.item.claimed.merchant_id, self.item.claimed.connection_id, self.order.channel_order_id)


async def apply_slice(tx: Connection, items: Sequence[Item], now: datetime) -> Applied:
    """Apply those of *items* whose lease is still ours; raises `Outrun` when the slice must be done again."""
    ours = await deliveries.still_held(tx, [item.claimed for item in items])
    items = [item for item in items if item.claimed.delivery_id in ours]
    done = Applied()
    wants: list[tuple[int, int, str, str]] = []
    incoming, gone = await _newest(tx, items, done, wants)
    await _notices(tx, items, done, wants, now)
    if incoming:
        await _store(tx, incoming, now)
        done.levels_dirty = await move_stock(tx, [_want(state) for state in incoming], now)
    if gone:
        done.levels_dirty |= await _gone(tx, gone, now)
    unreadable = [
        (i.claimed, i.topic, _reasons(i.reading)) for i in items if isinstance(i.reading, Unreadable)
    ]
    if unreadable:
        await deliveries.park(tx, unreadable, now)
        done.parked = len(unreadable)
    if wants:
        # In the order in which a fetch locks them: first its schedule, then what it serves.
        await schedule.ring(tx, "fetch", {(want[0], want[1]) for want in wants}, now)
        await deliveries.fetch_wanted(tx, wants, now)
        done.fetches = len(wants)
    await deliveries.finish(tx, [item.claimed for item in items])
    return done


def _reasons(reading: Unreadable) -> list[dict[str, str]]:
    return [reason.model_dump() for reason in reading.reasons]


async def _newest(
    tx: Connection, items: Sequence[Item], done: Applied, wants: list[tuple[int, int, str, str]]
) -> tuple[list[Incoming], list[tuple[Item, StoredOrder]]]:
    """Fold the slice to one newest state per order, and find the orders a look did not find any more."""
    keys = [_key(item) for item in items if _key(item)]
    stored = await orders.lock(tx, [key for key in keys if key])
    states: dict[OrderKey, Incoming] = {}
    gone: dict[OrderKey, tuple[Item, StoredOrder]] = {}
    for item in items:
        key = _key(item)
        if key is None:
            continue
        known = stored.get(key)
        if not isinstance(item.reading, OrderRead):
            if known and known.gone_at is None:
                gone[key] = (item, known)
            continue
        state = _incoming(item, item.reading.order, known)
        before = states[key].version if key in states else _version_of(known)
        verdict = judge(before, state.version)
        if key not in states and known and known.gone_at:
            verdict = _after_gone(known.gone_at, item, verdict)
        if verdict is Verdict.LOOK:
            wants.append((*key, "its place in time is not known"))
            if before is None:
                states[key] = state  # the sale is reserved all the same
        elif verdict is Verdict.APPLY:
            states[key] = state
            if item.looked:
                gone.pop(key, None)
        else:
            done.stale += verdict is Verdict.STALE
            done.same += verdict is Verdict.SAME
    done.applied = len(states)
    return [states[key] for key in sorted(states)], [gone[key] for key in sorted(gone)]


def _after_gone(gone_at: datetime, item: Item, verdict: Verdict) -> Verdict:
    """What a state means for an order that was looked for and not found.

    Only a later look brings it back, since webhooks may be late.
    """
    if item.looked:
        return Verdict.APPLY if item.received_at >= gone_at else Verdict.STALE
    return Verdict.STALE if verdict is Verdict.STALE else Verdict.LOOK


def _key(item: Item) -> OrderKey | None:
    if isinstance(item.reading, OrderRead):
        return (item.claimed.merchant_id, item.claimed.connection_id, item.reading.order.channel_order_id)
    if isinstance(item.reading, Notice) and item.reading.change is Change.GONE and item.reading.resource_id:
        return (item.claimed.merchant_id, item.claimed.connection_id, item.reading.resource_id)
    return None


def _incoming(item: Item, order: Order, stored: StoredOrder | None) -> Incoming:
    changed_at, ahead = believed_change(order.changed_at, item.received_at, order.placed_at)
    if ahead:
        order = order.model_copy(update={"flags": (*order.flags, "changed_at_in_future")})
    plain = order.model_dump_json().encode()
    return Incoming(
        item=item,
        order=order,
        document=plain,
        changed_at=changed_at,
        version=Version(
            changed_at=changed_at if order.changed_at is not None else None,
            fetched_at=item.received_at if item.looked else None,
            document_hash=hashlib.sha256(plain).digest(),
        ),
        intake=decide_intake(
            order, item.account.rules, now=item.received_at, stock_since=item.account.linked.stock_since
        ),
        stored=stored,
        holds=[hold.model_dump() for hold in order.holds],
    )


def _version_of(stored: StoredOrder | None) -> Version | None:
    if stored is None:
        return None
    return Version(stored.changed_at, stored.fetched_at, stored.document_hash)


async def _store(tx: Connection, incoming: Sequence[Incoming], now: datetime) -> None:
    """Write the orders and their history; gives the new ones their ids."""
    new = [state for state in incoming if state.stored is None]
    if new:
        ids = await orders.insert(tx, [_row(state, now) for state in new])
        for state in new:
            state.order_id = ids[state.key]
    known = [state for state in incoming if state.stored is not None]
    for state in known:
        assert state.stored is not None  # noqa: S101 - filtered above
        state.order_id = state.stored.order_id
    if known:
        await orders.update(tx, [_row(state, now) for state in known])
    await orders.add_events(
        tx,
        [
            {
                "merchant_id": state.key[0],
                "order_id": state.order_id,
                "kind": _event(state),
                "delivery_id": state.item.claimed.delivery_id,
                "detail": {
                    "payment_status": state.order.payment_status,
                    "fulfillment_status": state.order.fulfillment_status,
                    "channel_status": state.order.channel_status,
                    "intake": state.intake,
                },
            }
            for state in incoming
        ],
        now,
    )


def _event(state: Incoming) -> str:
    if state.stored is None:
        return "order_placed"
    return "order_cancelled" if state.order.cancelled else "order_changed"


def _row(state: Incoming, now: datetime) -> dict[str, Any]:
    order, claimed = state.order, state.item.claimed
    owner = associated("order", claimed.connection_id, order.channel_order_id)
    return {
        "merchant_id": claimed.merchant_id,
        "connection_id": claimed.connection_id,
        "channel_order_id": order.channel_order_id,
        "order_id": state.order_id,
        "order_number": order.order_number,
        "placed_at": order.placed_at,
        "changed_at": state.changed_at,
        "fetched_at": state.version.fetched_at,
        "stored_at": now,
        "delivery_id": claimed.delivery_id,
        "intake": state.intake,
        "channel_status": order.channel_status,
        "payment_status": order.payment_status,
        "fulfillment_status": order.fulfillment_status,
        "cancelled_at": order.cancelled_at or (state.changed_at if order.cancelled else None),
        "gone_at": None,
        "currency": order.currency,
        "total": order.total.amount if order.total else None,
        "holds": state.holds,
        "flags": ",".join(order.flags),
        "lowered": order.channel_lowered_stock or bool(state.stored and state.stored.lowered),
        "document_hash": state.version.document_hash,
        "document": state.item.account.box.seal(state.document, owner),
    }


def _want(state: Incoming) -> Want:
    linked = state.item.account.linked
    counted = not before_count(state.order.placed_at, linked.stock_since)
    return Want(
        merchant_id=state.key[0],
        connection_id=state.key[1],
        order_id=state.order_id,
        order=state.order,
        intake=state.intake,
        cause=f"delivery:{state.item.claimed.delivery_id}",
        known=state.stored is not None,
        received_at=state.item.received_at,
        never_stock=state.item.account.never_stock,
        holds=tuple(state.holds),
        compares=state.item.account.connector.manifest.compare_and_set,
        # Units the channel took off its own count that we did not know of before.
        lowers=state.order.channel_lowered_stock and counted,
        lowered_before=bool(state.stored and state.stored.lowered),
    )


async def _gone(tx: Connection, gone: Sequence[tuple[Item, StoredOrder]], now: datetime) -> bool:
    """Orders that are not at the channel any more: their units go back, their record stays."""
    await orders.mark_gone(
        tx,
        [(i.claimed.merchant_id, known.order_id, i.claimed.delivery_id) for i, known in gone],
        now,
    )
    await orders.add_events(
        tx,
        [
            {
                "merchant_id": item.claimed.merchant_id,
                "order_id": known.order_id,
                "kind": "order_gone",
                "delivery_id": item.claimed.delivery_id,
                "detail": {},
            }
            for item, known in gone
        ],
        now,
    )
    return await move_stock(
        tx,
        [
            Want(
                merchant_id=item.claimed.merchant_id,
                connection_id=item.claimed.connection_id,
                order_id=known.order_id,
                order=None,
                intake=Intake.RECORD_ONLY,
                cause=f"delivery:{item.claimed.delivery_id}",
                received_at=item.received_at,
            )
            for item, known in gone
        ],
        now,
    )


async def _notices(
    tx: Connection,
    items: Sequence[Item],
    done: Applied,
    wants: list[tuple[int, int, str, str]],
    now: datetime,
) -> None:
    """Hints make us look: at an order, at the catalogue, at the connection itself. They change nothing else."""
    catalogs, probes = set(), set()
    for item in items:
        notice = item.reading
        if not isinstance(notice, Notice):
            continue
        done.notices += 1
        where = (item.claimed.merchant_id, item.claimed.connection_id)
        if (
            notice.subject == "order"
            and notice.change in (Change.CHANGED, Change.DELETED)
            and notice.resource_id
        ):
            wants.append((*where, notice.resource_id, f"the channel says it is {notice.change}"))
        elif notice.subject == "product" and notice.change is not Change.NONE:
            catalogs.add(where)
        elif notice.subject == "connection":
            probes.add(where)
    if catalogs:
        await schedule.ring(tx, "catalog", catalogs, now + CATALOG_PAUSE)
    if probes:
        await schedule.ring(tx, "probe", probes, now)
