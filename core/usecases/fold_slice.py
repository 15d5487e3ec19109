"""Folds a slice of deliveries to the newest state of each order: what is news, what is late, what has to be looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from core.connector import Change, Notice, OrderRead, Reading
from core.hub import Account
from core.model.document import document_of
from core.model.order import Order
from core.rules.intake import Intake, decide_intake
from core.rules.orders import Verdict, Version, believed_change, judge
from core.rules.shipping import with_shipped
from core.store import orders
from core.store.database import Connection
from core.store.deliveries import Claimed
from core.store.orders import OrderKey, StoredOrder


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
class Incoming:
    """The newest state of one order in this slice, on its way to be stored. *told* is the order as the channel says it
    is; *order* also counts what we know to have left.
    """

    item: Item
    order: Order
    told: Order
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


@dataclass(slots=True)
class Folded:
    """*incoming*: one newest state per order; *gone*: orders that a look did not find any more; *wanted*: orders to
    look at, as (merchant, connection, order, why).
    """

    incoming: list[Incoming] = field(default_factory=list)
    gone: list[tuple[Item, StoredOrder]] = field(default_factory=list)
    wanted: list[tuple[int, int, str, str]] = field(default_factory=list)
    stale: int = 0
    same: int = 0


async def fold_slice(tx: Connection, items: Sequence[Item]) -> Folded:
    """Lock the orders of *items* and fold what is said about them; what is known to have left counts too."""
    folded = Folded()
    keys = [_key(item) for item in items]
    stored = await orders.lock(tx, [key for key in keys if key])
    states: dict[OrderKey, Incoming] = {}
    gone: dict[OrderKey, tuple[Item, StoredOrder]] = {}
    for item, key in zip(items, keys, strict=True):
        if key is None:
            continue
        known = stored.get(key)
        if not isinstance(item.reading, OrderRead):
            if known and known.gone_at is None:
                # A look from before the last change says nothing about the order as it is now: look again.
                if item.received_at < known.stored_at:
                    folded.wanted.append((*key, "an older look did not find it"))
                else:
                    gone[key] = (item, known)
            continue
        state = _incoming(item, item.reading.order, known)
        before = states[key].version if key in states else _version_of(known)
        verdict = judge(before, state.version)
        if key not in states and known and known.gone_at:
            verdict = _after_gone(known.gone_at, item, verdict)
        if verdict is Verdict.LOOK:
            folded.wanted.append((*key, "its place in time is not known"))
            if before is None:
                states[key] = state  # the sale is reserved all the same
        elif verdict is Verdict.APPLY:
            states[key] = state
            if item.looked:
                gone.pop(key, None)
        else:
            folded.stale += verdict is Verdict.STALE
            folded.same += verdict is Verdict.SAME
    folded.incoming = [states[key] for key in sorted(states)]
    folded.gone = [gone[key] for key in sorted(gone)]
    await _count_shipped(tx, folded.incoming)
    return folded


async def _count_shipped(tx: Connection, incoming: Sequence[Incoming]) -> None:
    """What left once has left, whatever the channel says now."""
    known = [(state, state.stored) for state in incoming if state.stored is not None]
    if not known:
        return
    merchants = [state.item.claimed.merchant_id for state, _ in known]
    left = await orders.units_left(tx, merchants, [stored.order_id for _, stored in known])
    for state, stored in known:
        state.order = with_shipped(state.order, left.get(stored.order_id, {}))


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
    plain = document_of(order)
    return Incoming(
        item=item,
        order=order,
        told=order,
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
