"""The ways of sharing stock that are compared, each made of the hub's own rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from console.simulate.books import EPOCH, Item, Listing
from console.simulate.channels import Channel
from core.rules.levelling import weight_now
from core.rules.offers import ListingRule, Mode, offer
from core.rules.quotas import BLIND, QuotaLevel, grant


class Policy(Protocol):
    """What the hub wants to be shown. *heard* is told of each order that came."""

    def wishes(self, item: Item, now: float, /) -> list[int]: ...

    def heard(self, listing: Listing, quantity: int, placed: float, now: float) -> None: ...

    def told(self, listing: Listing, now: float) -> None: ...

    def measured(self, now: float, /) -> list[Item]: ...


class Ruled:
    """All listings under one rule: pooled with a buffer, strict, or strict below so many units."""

    def __init__(self, rule: ListingRule, channels: Sequence[Channel]) -> None:
        self.rule = rule
        self.blind = [0 if channel.compares else BLIND for channel in channels]
        self.offers: dict[int, int] = {}  # free -> what a pooled listing may sell

    def wishes(self, item: Item, now: float) -> list[int]:
        free = max(0, item.free)
        if free not in self.offers:
            self.offers[free] = offer(free, self.rule, now=EPOCH).quantity
        limit = self.offers[free]
        strict = self.rule.strict(free)
        for listing in item.listings:
            listing.strict = strict
        if not strict:
            return [limit] * len(item.listings)
        at = EPOCH + timedelta(seconds=now)
        return grant(
            free,
            [
                QuotaLevel(
                    listing.channel,
                    listing.possible,
                    weight_now(listing.pace, listing.pace_at, at),
                    limit,
                    shows=(listing.level.predicted or 0) + listing.level.unseen,
                    blind=self.blind[listing.channel],
                    unsure=listing.unsure,
                )
                for listing in item.listings
            ],
        )

    def heard(self, listing: Listing, quantity: int, placed: float, now: float) -> None:
        """It keeps no memory."""

    def told(self, listing: Listing, now: float) -> None:
        """It keeps no memory."""

    def measured(self, _now: float) -> list[Item]:
        return []


def pooled(channels: Sequence[Channel], buffer: int = 0) -> Ruled:
    return Ruled(ListingRule(buffer=buffer), channels)


def strict(channels: Sequence[Channel]) -> Ruled:
    return Ruled(ListingRule(mode=Mode.STRICT), channels)


def pooled_then_strict(channels: Sequence[Channel], below: int) -> Ruled:
    return Ruled(ListingRule(strict_below=below), channels)
