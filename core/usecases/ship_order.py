"""Ship: goods of an order have left in a parcel. Stock, history and everything to be told are written at once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.connector import PushesFulfillments, TracksParcels
from core.errors import Missing, UsageProblem
from core.failpoints import reach
from core.flow import decode
from core.hub import Account, Hub
from core.model.order import Order
from core.rules.intake import Intake
from core.rules.shipping import OpenLine, choose_lines, tidy_tracking_number, with_shipped
from core.sealing import associated
from core.store import connections, fulfillments, orders, outbox, schedule
from core.store.database import Connection, Row, again
from core.store.outbox import Wish
from core.usecases.apply_tracking import where_it_is
from core.usecases.move_stock import move_stock
from core.usecases.order_lines import OWN_HOLDS, Want
from core.usecases.track_parcels import tracker_wish


@dataclass(frozen=True, slots=True)
class Box:
    """One parcel: who carries it, under which number, and where it can be followed."""

    carrier: str
    tracking_number: str
    tracking_url: str | None = None


@dataclass(frozen=True, slots=True)
class Shipped:
    """*units* by line left in the parcel. *repeated*: this was recorded before and nothing happened now.

    *channel_takes* says whether the channel can be told, *channel_told* whether it may be; *carriers* who follows it.
    """

    order_id: int
    fulfillment_id: int
    units: dict[str, int]
    connection: str
    channel_takes: bool
    channel_told: bool
    carriers: tuple[str, ...]
    repeated: bool = False


@again
async def ship_order(
    hub: Hub,
    merchant_id: int,
    order_id: int,
    box: Box,
    *,
    units: Mapping[str, int] | None = None,
    shipped_at: datetime | None = None,
    despite_holds: bool = False,
    cause: str,
) -> Shipped:
    """Record that *units* by line id (everything that is open, when not given) left in *box*, and have the channel and
    the carrier told. The same call twice is one shipment.

    Raises `UsageProblem` where the order is held (unless *despite_holds*), cancelled, gone or has less to ship.
    """
    box = _tidy(box)
    now = hub.clock()
    # Before the transaction: what it has to read of the account takes a session of its own.
    account = await _account(hub, merchant_id, order_id)
    async with hub.database.transaction([merchant_id]) as tx:
        await orders.lock_ids(tx, merchant_id, [order_id])
        [row] = await orders.documents(tx, merchant_id, [order_id])
        op_key = _op_key(order_id, box, units)
        known = await fulfillments.find(tx, merchant_id, op_key)
        if known is not None:
            return await _as_before(tx, account, order_id, known)
        lines = await orders.lines_to_ship(tx, merchant_id, order_id)
        _may_ship(row, despite_holds=despite_holds)
        chosen = choose_lines([OpenLine(**dict(line)) for line in lines], units)
        fulfillment_id = await fulfillments.add(
            tx, merchant_id, order_id, op_key, chosen, shipped_at=shipped_at or now, cause=cause, now=now
        )
        await _book_out(tx, account, row, fulfillment_id, chosen, now)
        parcel_id = await fulfillments.put_parcel(
            tx, merchant_id, fulfillment_id, box.carrier, box.tracking_number, box.tracking_url
        )
        takes = isinstance(account.connector, PushesFulfillments)
        wishes = _wishes(row["connection_id"] if takes else None, order_id, fulfillment_id)
        wishes += await where_it_is(tx, merchant_id, parcel_id, fulfillment_id, hub.registry, now)
        carriers = await connections.carriers(tx, merchant_id, _carriers(hub))
        wishes += [tracker_wish(one.connection_id, parcel_id) for one in carriers[:1]]
        await outbox.add(tx, merchant_id, wishes, now)
        await schedule.ring(tx, "effect", [(merchant_id, wish.connection_id) for wish in wishes], now)
        linked = await connections.linked(tx, merchant_id, row["connection_id"])
        await reach("ship.storing")
    await reach("ship.stored")
    await hub.wake.ring("effect", [merchant_id])
    return Shipped(
        order_id=order_id,
        fulfillment_id=fulfillment_id,
        units=chosen,
        connection=linked.name,
        channel_takes=takes,
        channel_told=takes and linked.push_fulfillments and linked.status == "active",
        carriers=tuple(one.name for one in carriers[:1] if one.status == "active"),
    )


async def _account(hub: Hub, merchant_id: int, order_id: int) -> Account:
    async with hub.database.transaction([merchant_id]) as tx:
        found = await orders.documents(tx, merchant_id, [order_id])
    if not found:
        raise Missing(f"There is no order {order_id}.", fix="See `fairway orders`.")
    return await hub.account(merchant_id, found[0]["connection_id"])


def _wishes(connection_id: int | None, order_id: int, fulfillment_id: int) -> list[Wish]:
    """What the order's channel is to be told, where it can be. Of one order one thing is told at a time."""
    if connection_id is None:
        return []
    told = f"fulfillment:{fulfillment_id}"
    return [Wish(connection_id, "fulfillment", f"order:{order_id}", fulfillment_id, told, {})]


def _carriers(hub: Hub) -> list[str]:
    return [slug for slug, connector in hub.registry.items() if isinstance(connector, TracksParcels)]


def _tidy(box: Box) -> Box:
    number, carrier = tidy_tracking_number(box.tracking_number), " ".join(box.carrier.split())
    if not number or len(number) > 100 or not number.isprintable():
        raise UsageProblem(f"{box.tracking_number[:40]!r} is not a tracking number.")
    if not carrier or len(carrier) > 100 or not carrier.isprintable():
        raise UsageProblem("A parcel needs the name of its carrier.", fix="Such as --carrier UPS.")
    return Box(carrier, number, box.tracking_url)


def _op_key(order_id: int, box: Box, units: Mapping[str, int] | None) -> str:
    said = repr((order_id, box.carrier.lower(), box.tracking_number, sorted((units or {}).items())))
    return f"ship:{order_id}:{hashlib.sha256(said.encode()).hexdigest()[:32]}"


def _may_ship(row: Row, *, despite_holds: bool) -> None:
    number = row["order_number"] or row["channel_order_id"]
    if row["gone_at"] is not None:
        raise UsageProblem(f"Order {number} does not exist at the channel any more.")
    if row["cancelled_at"] is not None:
        raise UsageProblem(f"Order {number} was cancelled at the channel.")
    if row["holds"] and not despite_holds:
        reasons = "; ".join(hold["message"] or hold["code"] for hold in row["holds"][:5])
        raise UsageProblem(
            f"Order {number} is held: {reasons}.",
            fix="Settle that first, or say --despite-holds if the goods have left all the same.",
        )
    if row["intake"] != Intake.SHIP and row["intake"] != Intake.RECORD_ONLY and not despite_holds:
        why = "is not paid for" if row["intake"] == Intake.RESERVE_ONLY else "is no order yet"
        raise UsageProblem(
            f"Order {number} {why}: its intake is {row['intake']}.",
            fix="Say --despite-holds if the goods have left all the same.",
        )


async def _as_before(tx: Connection, account: Account, order_id: int, fulfillment_id: int) -> Shipped:
    merchant_id = account.linked.merchant_id
    linked = await connections.linked(tx, merchant_id, account.linked.connection_id)
    takes = isinstance(account.connector, PushesFulfillments)
    return Shipped(
        order_id=order_id,
        fulfillment_id=fulfillment_id,
        units=await fulfillments.units_of(tx, merchant_id, fulfillment_id),
        connection=linked.name,
        channel_takes=takes,
        channel_told=takes and linked.push_fulfillments and linked.status == "active",
        carriers=(),
        repeated=True,
    )


async def _book_out(
    tx: Connection, account: Account, row: Row, fulfillment_id: int, chosen: Mapping[str, int], now: datetime
) -> None:
    """Take the units off the shelves, as the order's own next state: history, lines, holds and stock agree."""
    merchant_id, order_id = account.linked.merchant_id, row["order_id"]
    owner = associated("order", row["connection_id"], row["channel_order_id"])
    document: dict[str, Any] = decode(account.box.open(row["document"], owner))
    left = (await orders.units_left(tx, [merchant_id], [order_id])).get(order_id, {})
    now_left = {line_id: left.get(line_id, 0) + chosen.get(line_id, 0) for line_id in {*left, *chosen}}
    said = Order.model_validate(document)
    order = with_shipped(said, now_left)
    version = await orders.mark_shipped(tx, merchant_id, order_id, str(order.fulfillment_status), now)
    await orders.add_events(
        tx,
        [
            {
                "merchant_id": merchant_id,
                "order_id": order_id,
                "version": version,
                "kind": "order_shipped",
                "delivery_id": row["delivery_id"],
                "detail": {"fulfillment_id": fulfillment_id, "fulfillment_status": order.fulfillment_status},
            }
        ],
        now,
    )
    holds = [hold for hold in row["holds"] if hold["code"] not in OWN_HOLDS]
    await orders.put_holds(tx, [(merchant_id, order_id, holds)])
    await move_stock(
        tx,
        [
            Want(
                merchant_id=merchant_id,
                connection_id=row["connection_id"],
                order_id=order_id,
                order=order,
                intake=Intake(row["intake"]),
                cause=f"fulfillment:{fulfillment_id}",
                received_at=row["stored_at"],
                never_stock=account.never_stock,
                holds=tuple(holds),
                told=said,
                rule=account.count_rule,
            )
        ],
        now,
    )
