"""What a channel does to its own count by itself: when it takes sold units off, whether it gives them back, and
whether its number includes units that it has sold and not shipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from core.connector import Manifest, Settings
from core.errors import UsageProblem
from core.model.order import Order, OrderLine, PaymentStatus, Source

SETTING = "lowers_stock_at"  # of a connection, where the manifest leaves it to a setting at the channel

_PAID = (PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED)


class Lowers(StrEnum):
    """When a channel takes sold units off its own count."""

    ORDER = "order"
    PAYMENT = "payment"
    SHIPMENT = "shipment"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class CountRule:
    """How one connection's channel keeps its own count.

    *gives_back*: cancelled units that it had taken off come back by themselves. *counts_unshipped*: its number includes
    units sold and not shipped, so it sells that many fewer than it shows. *compares*: it lets no write wipe out a sale.
    """

    at: Lowers = Lowers.ORDER
    gives_back: bool = False
    counts_unshipped: bool = False
    compares: bool = True


class OwnCount(NamedTuple):
    """What one order line is to its channel's number: units by which it is *lowered*, and *unshipped* units
    that it includes.
    """

    lowered: int = 0
    unshipped: int = 0


def count_rule(manifest: Manifest, settings: Settings) -> CountRule:
    """The rule of a connection. Where nobody has said when the channel lowers, it counts as never: then at worst too
    little is sold for a while.
    """
    said = settings.get(SETTING, "") if manifest.lowers_stock_at == "setting" else manifest.lowers_stock_at
    return CountRule(
        at=Lowers(said) if said in list(Lowers) else Lowers.NEVER,
        gives_back=manifest.gives_back_cancelled,
        counts_unshipped=manifest.counts_own_unshipped,
        compares=manifest.compare_and_set,
    )


def check_count_rule(manifest: Manifest, settings: Settings) -> None:
    """Raises `UsageProblem` where the connection has to say when its channel lowers its count, and does not."""
    if manifest.lowers_stock_at != "setting":
        return
    allowed = [
        str(word) for word in Lowers if not manifest.counts_own_unshipped or word in _NOT_BEFORE_SHIPMENT
    ]
    if settings.get(SETTING) not in allowed:
        raise UsageProblem(
            f"{manifest.name} lowers its own count when the account says so, and {SETTING} is "
            f"{settings.get(SETTING, '')[:20]!r}.",
            fix=f"Set {SETTING} to what the account is set to: {', '.join(allowed)}.",
        )


_NOT_BEFORE_SHIPMENT = (Lowers.SHIPMENT, Lowers.NEVER)


def own_count(line: OrderLine, order: Order, rule: CountRule) -> OwnCount:
    """What *line* is to the channel's number now. *order* is as the channel itself says it is: a shipment that it has
    not been told of has changed nothing there.
    """
    if line.tracked is False or order.source is Source.DRAFT:
        return OwnCount()
    shipped = min(line.units, line.quantity_fulfilled)
    kept = shipped if order.cancelled else max(shipped, line.units - line.quantity_cancelled)
    return OwnCount(
        lowered=_lowered(line, kept, shipped, order, rule),
        unshipped=kept - shipped if rule.counts_unshipped else 0,
    )


def still_counts(
    happened: tuple[datetime, datetime], told_at: datetime | None, crossing: timedelta
) -> bool | None:
    """Whether units given back in the span *happened* are in a number that we last wrote at *told_at*: a write leaves
    nothing of what came before it. None where the two are too close to say (within *crossing*).
    """
    if told_at is None or happened[0] >= told_at + crossing:
        return True
    return False if happened[1] <= told_at - crossing else None


def _lowered(line: OrderLine, kept: int, shipped: int, order: Order, rule: CountRule) -> int:
    if rule.at is Lowers.NEVER:
        return 0
    if rule.at is Lowers.SHIPMENT:
        return shipped
    # What the channel tells of each line, or of each order, need not be concluded.
    if line.channel_lowered is not None:
        return line.channel_lowered
    if order.channel_lowered_stock is not None:
        return line.units if order.channel_lowered_stock else 0
    if rule.at is Lowers.PAYMENT and order.payment_status not in _PAID:
        return 0
    return kept if rule.gives_back else line.units
