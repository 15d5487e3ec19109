"""What is true, and what it cost: units, listings and the books of one run. Kept by the simulation, asked by no rule."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

from core.rules.stock import Level

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)  # second 0 of every run, for rules that think in times
CAUSES = ("channel_lag", "our_lag", "crossing", "lost_reply")


class Listing:
    """One SKU at one channel. *shown* is the truth, *sold* all units it sold; the rest is what the hub knows or believes."""

    __slots__ = (
        "attempts",
        "channel",
        "confirmed",
        "demanded",
        "desired",
        "desired_at",
        "empty",
        "empty_since",
        "heard",
        "item",
        "late",
        "late_until",
        "level",
        "lost",
        "maybe",
        "misread",
        "next_at",
        "pace",
        "pace_at",
        "possible",
        "put_back",
        "seq",
        "shown",
        "sold",
        "strict",
        "tried_at",
        "unseen_at",
        "unsure",
        "unsure_at",
    )

    def __init__(self, item: Item, channel: int) -> None:
        self.item = item
        self.channel = channel
        self.demanded = False  # somebody wants it here, sooner or later
        self.shown = 0
        self.sold = 0
        self.put_back = 0  # units shown only because a write crossed their sale
        self.misread = 0  # units shown only because a lost reply was misread
        self.empty = False  # units are there and this channel shows none
        self.empty_since = 0.0
        self.heard = 0  # of *sold*, what the hub has heard of
        self.level = Level(predicted=0)
        self.unseen_at = 0.0
        self.maybe: int | None = None
        self.confirmed = 0
        self.possible = 0  # the most units whose orders may still come from here
        self.strict = False
        self.late: int | None = None  # what a try that was given up on may still write
        self.late_until = 0.0
        self.tried_at = 0.0
        self.unsure, self.unsure_at = 0, 0.0  # units its last write may have put back on sale
        self.pace, self.pace_at = 0.0, EPOCH
        self.desired = 0
        self.seq = 0
        self.desired_at = 0.0
        self.next_at = 0.0
        self.lost = False  # its last write had no answer
        self.attempts: list[list[float]] = []  # [started, ended] of each write


class Item:
    """One SKU. *left* is the truth: units supplied less units sold, below zero where too many were sold; *free* is the
    same by what the hub has heard.
    """

    __slots__ = ("dirty", "free", "left", "listings", "number", "supplied")

    def __init__(self, number: int, units: int, channels: int) -> None:
        self.number = number
        self.left = units
        self.free = units
        self.supplied = units
        self.dirty = False
        self.listings = [Listing(self, channel) for channel in range(channels)]


@dataclass(slots=True)
class Books:
    """What one run of a policy came to. Units, but *orders*, *refused* (buyers who found too few) and *events*."""

    orders: int = 0
    units: int = 0
    oversold: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    refused_though_free: int = 0
    lost_s: float = 0.0
    supplied_scarce: int = 0
    sold_scarce: int = 0
    writes: int = 0
    replies_lost: int = 0
    crossings: int = 0
    events: int = 0
    most_over_free: int = 0  # strict: how far the channels' possible offers were ever above what was free

    def add(self, other: Books) -> None:
        """Take the books of another run in."""
        for name in self.__slots__:
            mine, its = getattr(self, name), getattr(other, name)
            setattr(self, name, max(mine, its) if name == "most_over_free" else mine + its)
