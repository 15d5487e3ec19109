"""Mistakes in reading orders."""

from __future__ import annotations

import socket
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from conformance.kit import BERLIN, Kit

from core.connector import Change, Notice, OrderRead, Unreadable
from core.flow import decode
from core.model.order import PaymentStatus
from sabotages.base import BOTH, Changes, caught_by, order_changed


@caught_by("read-big-ids", *BOTH)
def keeps_ids_as_floats(kit: Kit) -> Changes:
    return order_changed(kit, lambda order: {"channel_order_id": str(int(float(order.channel_order_id)))})


@caught_by("money-exact", *BOTH)
def keeps_money_as_floats(kit: Kit) -> Changes:
    return order_changed(
        kit, lambda order: {"total": order.total.model_copy(update={"amount": float(order.total.amount)})}
    )


@caught_by("money-zero-decimal", *BOTH)
def counts_every_currency_in_cents(kit: Kit) -> Changes:
    return order_changed(
        kit,
        lambda order: {"total": order.total.model_copy(update={"amount": order.total.amount / Decimal(100)})},
    )


@caught_by("read-unknown-status", *BOTH)
def takes_unknown_words_for_paid(kit: Kit) -> Changes:
    return order_changed(
        kit, lambda order: {"payment_status": order.payment_status or PaymentStatus.PAID, "holds": ()}
    )


@caught_by("read-unknown-topic", *BOTH)
def knows_every_topic(kit: Kit) -> Changes:
    return {
        "read": lambda delivery, overrides: kit.connector.read(replace(delivery, topic=kit.topic), overrides)
    }


@caught_by("read-deleted", *BOTH)
def deletes_at_a_word(kit: Kit) -> Changes:
    def read(delivery: Any, overrides: Any) -> Any:
        found = kit.connector.read(delivery, overrides)
        deleted = isinstance(found, Notice) and found.change is Change.DELETED
        return replace(found, change=Change.GONE) if deleted else found

    return {"read": read}


@caught_by("time-dst", *BOTH)
def reads_the_clock_on_the_wall(kit: Kit) -> Changes:
    return order_changed(
        kit, lambda order: {"changed_at": order.changed_at.astimezone(BERLIN).replace(tzinfo=UTC)}
    )


@caught_by("time-missing", *BOTH)
def invents_a_missing_time(kit: Kit) -> Changes:
    return order_changed(kit, lambda order: {"changed_at": order.changed_at or order.placed_at})


@caught_by("pure-reading", *BOTH)
def looks_at_a_clock(kit: Kit) -> Changes:
    return order_changed(kit, lambda _: {"buyer_note": datetime.now(UTC).isoformat() and None})  # noqa: TID251


@caught_by("pure-reading", "shopify")
def looks_up_a_name(kit: Kit) -> Changes:
    return order_changed(kit, lambda _: {"buyer_note": socket.getaddrinfo("127.0.0.1", 80) and None})


@caught_by("pure-no-memory", *BOTH)
def remembers_the_first_reading(kit: Kit) -> Changes:
    known: dict[str, Any] = {}

    def read(delivery: Any, overrides: Any) -> Any:
        found = kit.connector.read(delivery, overrides)
        return (
            known.setdefault(found.order.channel_order_id, found) if isinstance(found, OrderRead) else found
        )

    return {"read": read}


@caught_by("body-truncated", *BOTH)
def skips_what_it_cannot_decode(kit: Kit) -> Changes:
    def read(delivery: Any, overrides: Any) -> Any:
        found = kit.connector.read(delivery, overrides)
        return Notice("other", Change.NONE) if isinstance(found, Unreadable) else found

    return {"read": read}


@caught_by("body-any-damage", *BOTH)
def trusts_the_shape_of_lines(kit: Kit) -> Changes:
    def read(delivery: Any, overrides: Any) -> Any:
        for line in decode(delivery.body)["line_items"]:
            line["sku"].strip()
        return kit.connector.read(delivery, overrides)

    return {"read": read}
