"""The policy with buffers that follow lag and velocity: it measures both as the hub does, from orders as they come.

What to hold back is decided by `core.rules.buffers`. What it is asked is rounded and its answers are kept: most SKUs sell
alike, and a season would else take hours to calculate.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from math import log

from console.simulate.books import EPOCH, Item, Listing
from console.simulate.channels import Channel
from core.rules.buffers import Outlet, limit_per_sell_out, smallest_buffers
from core.rules.demand import HALF_LIVES, Tally, Velocity, fastest, parts
from core.rules.lags import LagModel
from core.rules.stock import desired_level
from core.usecases.tally_sales import SETTLED

LIMIT = 0.1  # units oversold in 10,000 orders that the merchant bears: it costs little, as the figures show
AGAIN_S = 3600.0  # what sells nothing any more is looked at again after so long
LEARN = 20  # lags are read anew when so many times as many have been measured
# Rounded are rates, parts of a channel and limits: to powers of these.
RATE, PART, LIMITS = 2.0, 4.0, 4.0
SLOW = 0.02  # units an hour; slower is as slow


class LagAware:
    """Every listing may sell what is free, less a buffer of its own."""

    def __init__(self, channels: Sequence[Channel], limit: float = LIMIT) -> None:
        self.limit = limit
        self.lags = Lags(len(channels))
        self.sales: deque[tuple[float, Item, int, float]] = (
            deque()
        )  # (known, item, units, sold), not yet measured
        self.tallies: dict[Item, tuple[Tally, ...]] = {}
        self.orders = [1.0] * len(channels)  # of all SKUs
        self.buffers: dict[Item, tuple[int, ...]] = {}
        self.looked_at: dict[Item, float] = {}
        self.again_at = 0.0
        self.known: dict[tuple[object, ...], tuple[int, ...]] = {}
        self.nothing = (0,) * len(channels)

    def wishes(self, item: Item, _now: float) -> list[int]:
        return [desired_level(item.free, buffer) for buffer in self.buffers.get(item, self.nothing)]

    def heard(self, listing: Listing, quantity: int, placed: float, now: float) -> None:
        self.sales.append((now, listing.item, quantity, placed))
        self.orders[listing.channel] += 1
        self.lags.news_came(listing.channel, now - placed)

    def told(self, listing: Listing, now: float) -> None:
        self.lags.was_told(listing.channel, now - listing.desired_at)

    def measured(self, now: float) -> list[Item]:
        """Count the sales that have settled, and return the items whose buffers are other ones by now."""
        selling: set[Item] = set()
        if now >= self.again_at:
            self.again_at = now + AGAIN_S / 10
            selling = {
                item
                for item, buffers in self.buffers.items()
                if any(buffers) and self.looked_at[item] <= now - AGAIN_S
            }
        while self.sales and self.sales[0][0] <= now - SETTLED.total_seconds():
            _, item, quantity, sold = self.sales.popleft()
            sold_at = EPOCH + timedelta(seconds=sold)
            tallies = self.tallies.get(item) or tuple(
                Tally(half_life, EPOCH, EPOCH) for half_life in HALF_LIVES
            )
            self.tallies[item] = tuple(tally.after(quantity, sold_at) for tally in tallies)
            selling.add(item)
        if self.lags.learn():
            self.known.clear()
        changed = []
        for item in sorted(selling, key=lambda one: one.number):
            buffers, self.looked_at[item] = self._buffers(item, now), now
            if buffers != self.buffers.get(item, self.nothing):
                self.buffers[item] = buffers
                changed.append(item)
        return changed

    def _buffers(self, item: Item, now: float) -> tuple[int, ...]:
        at = EPOCH + timedelta(seconds=now)
        tallies = self.tallies[item]
        pace = fastest(tally.velocity(at) for tally in tallies)
        orders = max(1.0, item.free + max(tally.aged(at).orders for tally in tallies))
        rate = round(log(max(SLOW, pace.units_per_hour) / SLOW, RATE))
        seen, limit = round(log(pace.seen + 1, LIMITS)), round(log(orders, LIMITS))
        whole = sum(self.orders)
        usual = [orders / whole for orders in self.orders]
        here = parts([listing.heard for listing in item.listings], usual)
        more_here = tuple(round(log(mine / part, PART)) for mine, part in zip(here, usual, strict=True))
        key = (rate, seen, limit, more_here)
        found = self.known.get(key)
        if found is None:
            shares = [part * PART**more for part, more in zip(usual, more_here, strict=True)]
            velocities = [
                Velocity(SLOW * RATE**rate * share / sum(shares), pace.dispersion, LIMITS**seen)
                for share in shares
            ]
            outlets = list(map(Outlet, velocities, self.lags.news, self.lags.publish))
            found = smallest_buffers(outlets, limit_per_sell_out(self.limit, LIMITS**limit)).units
            self.known[key] = found
        return found


class Lags:
    """What was measured of every channel's lags, and the models made of it."""

    def __init__(self, channels: int) -> None:
        self.news_s: list[list[float]] = [[] for _ in range(channels)]
        self.publish_s: list[list[float]] = [[] for _ in range(channels)]
        self.learned = self.count = 0
        self.news = [LagModel().assured()] * channels
        self.publish = [LagModel().assured()] * channels

    def news_came(self, channel: int, seconds: float) -> None:
        self.news_s[channel].append(seconds)
        self.count += 1

    def was_told(self, channel: int, seconds: float) -> None:
        self.publish_s[channel].append(seconds)

    def learn(self) -> bool:
        """Whether so much has come that the models were made anew."""
        if self.count < max(200, LEARN * self.learned):
            return False
        self.learned = self.count
        self.news = [LagModel.of(each).assured() for each in self.news_s]
        self.publish = [LagModel.of(each).assured() for each in self.publish_s]
        return True
