"""What a listing may sell: the merchant's rules on the units that are free, one step after the other.

How strict listings share the units between them is `core.rules.quotas`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from core.model.value import Value


class Mode(StrEnum):
    """Whether all listings of a variant may sell the same units, or each its own."""

    POOLED = "pooled"
    STRICT = "strict"


class Allowance(Value):
    """Units that may be sold before they are there: at most *up_to* in all, counting those sold already and still
    missing; nothing more from *until* on. `up_to=0` denies it, also where a wider rule allows it.

    A number is always asked for: an offer without one would be without end.
    """

    up_to: int = Field(ge=0)
    until: datetime | None = None

    def left(self, now: datetime) -> int:
        """Units still allowed, those sold already not counted."""
        return self.up_to if self.until is None or now < self.until else 0


class ListingRule(Value):
    """What a merchant says about listings; None where nothing is said.

    *percent* and *buffer* speak of the variant's units, *cap* and *minimum* of what the listing shows. Of *backorder*
    units the shelf owes, *preorder* units must be on their way. *stop_sell* and *freeze* are since when. With
    *strict_below* a pooled listing becomes strict while fewer units than that are free. With *buffer_limit*, units
    oversold in 10,000 orders that the merchant accepts, the buffer is the measured one as soon as there is one.
    """

    buffer: int | None = Field(default=None, ge=0)
    cap: int | None = Field(default=None, ge=0)
    percent: int | None = Field(default=None, ge=0, le=100)
    minimum: int | None = Field(default=None, ge=0)
    ends_at: datetime | None = None
    stop_sell: datetime | None = None
    freeze: datetime | None = None
    mode: Mode | None = None
    strict_below: int | None = Field(default=None, ge=0)
    backorder: Allowance | None = None
    preorder: Allowance | None = None
    buffer_limit: float | None = Field(default=None, ge=0)

    def strict(self, free: int) -> bool:
        """Whether listings share disjoint quotas while so many units are *free*."""
        return self.mode is Mode.STRICT or (self.strict_below is not None and free < self.strict_below)


NO_RULE = ListingRule()


def merge(scopes: Iterable[ListingRule]) -> ListingRule:
    """One rule of several, given from the widest scope to the narrowest: field by field the narrower one wins.

    What stops a listing holds whichever scope says so, since the first that did.

    >>> merge([ListingRule(buffer=2, cap=9), ListingRule(buffer=0)])  # doctest: +ELLIPSIS
    ListingRule(buffer=0, cap=9, ...)
    """
    said: dict[str, object] = {}
    for rule in scopes:
        if rule.buffer is not None and rule.buffer_limit is None:
            said.pop("buffer_limit", None)  # a narrower scope wants its own number
        for name in rule.model_fields_set:
            value = getattr(rule, name)
            if value is None:
                continue
            before = said.get(name)
            if name in ("stop_sell", "freeze") and isinstance(before, datetime):
                value = min(before, value)
            said[name] = value
    return ListingRule.model_construct(**said) if said else NO_RULE  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an offer: *quantity* is the number after it, *words* say it to a person."""

    name: str
    quantity: int
    words: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What a listing may sell, in its own units, and the steps that led there."""

    quantity: int
    steps: tuple[Step, ...]


def offer(
    free: int,
    rule: ListingRule = NO_RULE,
    *,
    now: datetime,
    units: int = 1,
    aside: int = 0,
    incoming: int = 0,
    backordered: int = 0,
    quota: int | None = None,
) -> Offer:
    """What a listing may sell when *free* units of its variant are there for it (kits counted by the caller).

    *units* of the variant are in one sold. *aside* of the free ones are kept for channels that cannot be told. *incoming*
    units are on their way, *backordered* ones sold and still missing. *quota* is what a strict listing was granted, in
    its own units; None where it is pooled.

    >>> offer(12, ListingRule(buffer=2, cap=5), now=datetime(2026, 1, 1)).quantity
    5
    >>> [step.words for step in offer(12, ListingRule(buffer=2), now=datetime(2026, 1, 1)).steps]
    ['free 12', 'buffer 2 → 10']
    """
    steps = [Step("free", free, f"free {free}")]

    def put(name: str, quantity: int, words: str) -> None:
        steps.append(Step(name, quantity, f"{words} → {quantity}"))

    def left() -> int:
        return steps[-1].quantity

    if aside:
        put("aside", free - aside, f"{aside} kept for a channel that cannot be told")
    back, pre = ahead(rule, now, incoming, backordered)
    if rule.backorder and rule.backorder.left(now):
        put("backorder", left() + back, f"backorder {back} more")
    if rule.preorder and rule.preorder.left(now):
        put("preorder", left() + pre, f"preorder {pre} of {incoming} incoming")
    if left() < 0:
        put("nothing", 0, "less than nothing")
    if rule.percent is not None:
        put("percent", left() * rule.percent // 100, f"{rule.percent} %")
    if rule.buffer:
        measured = "" if rule.buffer_limit is None else f" (for {rule.buffer_limit:g} oversold in 10,000)"
        put("buffer", max(0, left() - rule.buffer), f"buffer {rule.buffer}{measured}")
    if units > 1:
        put("units", left() // units, f"{units} in one")
    if quota is not None:
        put("quota", min(left(), quota), f"quota {quota}")
    if rule.cap is not None:
        put("cap", min(left(), rule.cap), f"cap {rule.cap}")
    if rule.minimum is not None and left() < rule.minimum:
        put("minimum", 0, f"below the minimum of {rule.minimum}")
    if rule.ends_at is not None and now >= rule.ends_at:
        put("ends_at", 0, f"ended {rule.ends_at:%Y-%m-%d %H:%M}")
    if rule.stop_sell is not None:
        put("stop_sell", 0, f"stop-sell since {rule.stop_sell:%Y-%m-%d %H:%M}")
    return Offer(left(), tuple(steps))


def ahead(rule: ListingRule, now: datetime, incoming: int = 0, backordered: int = 0) -> tuple[int, int]:
    """(backorder, preorder): units that may be sold before they are there. Those sold already and still missing come
    off what both allow.
    """
    back = rule.backorder.left(now) if rule.backorder else 0
    pre = min(rule.preorder.left(now), max(0, incoming)) if rule.preorder else 0
    return max(0, back - backordered), max(0, pre - max(0, backordered - back))


def changes_at(rule: ListingRule, now: datetime) -> datetime | None:
    """The next instant at which *rule* comes to another offer by itself; None where time changes nothing."""
    ahead = [
        at
        for at in (
            rule.ends_at,
            rule.backorder.until if rule.backorder else None,
            rule.preorder.until if rule.preorder else None,
        )
        if at is not None and at > now
    ]
    return min(ahead, default=None)
