"""What comes in, as what: ship it, only reserve its units, only keep a record, or ignore it.

A merchant's own rules are asked first, then the defaults below; the first that fits decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from pydantic import Field

from core.model.order import FulfillmentStatus, LineKind, Order, OrderLine, PaymentStatus, Source
from core.model.value import Value


class Intake(StrEnum):
    """SHIP: reserve and ship. RESERVE_ONLY: hold the units, do not ship yet. RECORD_ONLY: keep it, touch no stock.
    IGNORE: keep it out of lists; its bytes stay.
    """

    SHIP = "ship"
    RESERVE_ONLY = "reserve_only"
    RECORD_ONLY = "record_only"
    IGNORE = "ignore"

    @property
    def reserves(self) -> bool:
        return self in (Intake.SHIP, Intake.RESERVE_ONLY)


class Conditions(Value):
    """All that are given must hold. *older_than_days* counts from when the order was placed."""

    payment_status: tuple[PaymentStatus, ...] | None = None
    source: tuple[Source, ...] | None = None
    test: bool | None = None
    cancelled: bool | None = None
    fulfilled_by_channel: bool | None = None
    fulfillment_status: tuple[FulfillmentStatus, ...] | None = None
    tag: str | None = None
    older_than_days: float | None = Field(default=None, ge=0)
    before_stock_count: Literal[True] | None = None


class IntakeRule(Value):
    conditions: Conditions
    action: Intake


DEFAULTS: tuple[IntakeRule, ...] = (
    # A checkout or quote may never become an order.
    IntakeRule(conditions=Conditions(source=(Source.DRAFT,)), action=Intake.IGNORE),
    # A test order sells nothing.
    IntakeRule(conditions=Conditions(test=True), action=Intake.RECORD_ONLY),
    # The marketplace ships it from its own shelves.
    IntakeRule(conditions=Conditions(fulfilled_by_channel=True), action=Intake.RECORD_ONLY),
    # The counts we started from had these units out already.
    IntakeRule(conditions=Conditions(before_stock_count=True), action=Intake.RECORD_ONLY),
    # Sold over the counter: it has left the shelf, so it is deducted at once (the lines say fulfilled).
    IntakeRule(conditions=Conditions(source=(Source.POINT_OF_SALE,)), action=Intake.SHIP),
    # Not paid for: hold the units, wait for the money.
    IntakeRule(
        conditions=Conditions(payment_status=(PaymentStatus.PENDING, PaymentStatus.PARTIALLY_PAID)),
        action=Intake.RESERVE_ONLY,
    ),
    # No money will come.
    IntakeRule(
        conditions=Conditions(payment_status=(PaymentStatus.VOIDED, PaymentStatus.FAILED)),
        action=Intake.RECORD_ONLY,
    ),
)


def decide_intake(
    order: Order, rules: Iterable[IntakeRule], *, now: datetime, stock_since: datetime
) -> Intake:
    """What *order* comes in as. *stock_since* is when the connection's counts were taken.

    An unknown payment status reserves and waits: the hold it carries is for a person to lift.
    """
    for rule in (*rules, *DEFAULTS):
        if _fits(rule.conditions, order, now, stock_since):
            return rule.action
    return Intake.SHIP if order.payment_status is not None else Intake.RESERVE_ONLY


def before_count(placed_at: datetime | None, stock_since: datetime) -> bool:
    """Whether the counts of *stock_since* had this order's units out already.

    Channels tell whole seconds: an order of the very second of the count is taken as after it, so that its units are
    reserved rather than sold twice.
    """
    return placed_at is not None and placed_at < stock_since.replace(microsecond=0)


def _fits(wanted: Conditions, order: Order, now: datetime, stock_since: datetime) -> bool:
    age = now - order.placed_at if order.placed_at else timedelta(0)
    return (
        (wanted.payment_status is None or order.payment_status in wanted.payment_status)
        and (wanted.source is None or order.source in wanted.source)
        and (wanted.test is None or order.test is wanted.test)
        and (wanted.cancelled is None or order.cancelled is wanted.cancelled)
        and (wanted.fulfilled_by_channel is None or order.fulfilled_by_channel is wanted.fulfilled_by_channel)
        and (wanted.fulfillment_status is None or order.fulfillment_status in wanted.fulfillment_status)
        and (wanted.tag is None or wanted.tag in order.tags)
        and (wanted.older_than_days is None or age > timedelta(days=wanted.older_than_days))
        and (wanted.before_stock_count is None or before_count(order.placed_at, stock_since))
    )


def moves_stock(line: OrderLine, *, never: Iterable[str]) -> bool:
    """Whether this line takes units from a shelf. *never* are SKU patterns the merchant declared (`*` at an end).

    Gift cards, downloads, tips and insurance never do; nor does what the channel says it does not count.
    """
    if line.kind is not LineKind.PRODUCT or line.tracked is False or line.quantity == 0:
        return False
    sku = line.sku or ""
    return not any(_matches(pattern, sku) for pattern in never)


def _matches(pattern: str, sku: str) -> bool:
    if pattern.endswith("*"):
        return sku.startswith(pattern[:-1])
    return sku.endswith(pattern[1:]) if pattern.startswith("*") else sku == pattern
