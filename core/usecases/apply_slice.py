"""Applies one slice of read deliveries in the caller's transaction, with statements for the whole slice.

Rows are locked in one order everywhere (todo, orders, stock, dirty marks, levels), so slices and levelling never
wait for each other in a circle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.connector import Change, Connector, Notice, TrackingRead, Unreadable
from core.failpoints import reach
from core.rules.intake import Intake, before_count
from core.rules.orders import contradictions
from core.rules.own_count import Lowers
from core.sealing import associated
from core.store import deliveries, orders, schedule
from core.store.database import Connection
from core.store.orders import StoredOrder
from core.usecases.apply_tracking import Said, apply_tracking
from core.usecases.fold_slice import Incoming, Item, fold_slice
from core.usecases.move_stock import move_stock
from core.usecases.order_lines import Want

CATALOG_PAUSE = timedelta(seconds=60)  # product notices come with every sale: look once a minute at most


@dataclass(slots=True)
class Applied:
    """Counts by outcome, and what has to be rung for."""

    applied: int = 0
    stale: int = 0
    same: int = 0
    parked: int = 0
    notices: int = 0
    trackings: int = 0
    fetches: int = 0
    levels_dirty: bool = False
    effects: bool = False

    def add(self, other: Applied) -> None:
        for name in ("applied", "stale", "same", "parked", "notices", "trackings", "fetches"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.levels_dirty |= other.levels_dirty
        self.effects |= other.effects


async def apply_slice(
    tx: Connection, items: Sequence[Item], registry: Mapping[str, Connector], now: datetime
) -> Applied:
    """Apply those of *items* whose lease is still ours; raises `Outrun` when the slice must be done again."""
    ours = await deliveries.still_held(tx, [item.claimed for item in items])
    items = [item for item in items if item.claimed.delivery_id in ours]
    folded = await fold_slice(tx, items)
    done = Applied(applied=len(folded.incoming), stale=folded.stale, same=folded.same)
    wants = folded.wanted
    await _notices(tx, items, done, wants, now)
    if folded.incoming:
        await _store(tx, folded.incoming, now)
        await reach("drain.moving", [state.order.order_number or "" for state in folded.incoming])
        done.levels_dirty = await move_stock(tx, [_want(state) for state in folded.incoming], now)
        await reach("drain.moved")
    if folded.gone:
        done.levels_dirty |= await _gone(tx, folded.gone, now)
    words = [
        Said(item.account, item.claimed.delivery_id, tracking)
        for item in items
        if isinstance(item.reading, TrackingRead)
        for tracking in item.reading.trackings
    ]
    if words:
        done.trackings = len(words)
        done.effects = await apply_tracking(tx, words, registry, now)
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
                "version": state.stored.version + 1 if state.stored else 1,
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
        "flags": ",".join(dict.fromkeys((*order.flags, *contradictions(order)))),
        "document_hash": state.version.document_hash,
        "document": state.item.account.box.seal(state.document, owner),
        "ship_by": order.ship_by,
    }


def _want(state: Incoming) -> Want:
    account, known = state.item.account, state.stored
    rule = account.count_rule
    placed_at = state.order.placed_at or state.item.received_at
    # When it was placed, where it is new and placing it is what counts; else some time since we last heard of it.
    lately = (known.changed_at if known else placed_at, state.changed_at)
    at_once = known is None and rule.at is Lowers.ORDER
    return Want(
        merchant_id=state.key[0],
        connection_id=state.key[1],
        order_id=state.order_id,
        order=state.order,
        intake=state.intake,
        cause=f"delivery:{state.item.claimed.delivery_id}",
        version=known.version + 1 if known else 1,
        known=known is not None,
        received_at=state.item.received_at,
        never_stock=account.never_stock,
        holds=tuple(state.holds),
        told=state.told,
        rule=rule,
        happened=(placed_at, placed_at) if at_once else lately,
        in_counts=before_count(state.order.placed_at, account.linked.stock_since),
    )


async def _gone(tx: Connection, gone: Sequence[tuple[Item, StoredOrder]], now: datetime) -> bool:
    """Orders that are not at the channel any more: their units go back, their record stays."""
    versions = await orders.mark_gone(
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
                "version": versions[known.order_id],
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
                version=known.version + 1,
                received_at=item.received_at,
                rule=item.account.count_rule,
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
