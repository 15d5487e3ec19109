"""One run: buyers, channels, the hub's clockwork and one policy, event by event in simulated seconds.

The rules that decide are the hub's own (`core.rules`); the world around them is ours, and keeps the truth apart.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import timedelta
from heapq import heappop, heappush
from itertools import count

from console.simulate.books import EPOCH, Books, Item, Listing
from console.simulate.buyers import World
from console.simulate.channels import CATALOG_EVERY_S, PULL_EVERY_S, UNSEEN_PATIENCE_S, Channel, news_of
from console.simulate.policies import Policy
from console.simulate.pushes import Pusher
from console.simulate.pushes import World as Around
from core.rules.levelling import pace_now
from core.rules.stock import CROSSING, Level, after_own_count

NOTICED_S = 0.1  # from an order's arrival to its listings levelled anew: drain and relevel
CROSSING_S = CROSSING.total_seconds()
MEASURE_EVERY_S = 10.0  # as the hub's jobs tally sales
FORGOTTEN_S = 1200.0  # attempts older than any order still on its way are forgotten

Then = Callable[..., object]


class Run:
    """One policy in one world. *seed* decides what the world leaves open: which replies get lost."""

    def __init__(
        self, world: World, channels: Sequence[Channel], policy: Policy, *, seed: str, replies_lost: float
    ) -> None:
        self.world, self.channels, self.policy = world, channels, policy
        self.books = Books()
        self.items = [Item(number, units, len(channels)) for number, units in enumerate(world.supply)]
        here = [0] * len(channels)
        for _, sku, place, _, _ in world.buyers:
            self.items[sku].listings[place].demanded = True
            here[place] += 1
        self.news = [news_of(channel, seed, world.seconds, here[i]) for i, channel in enumerate(channels)]
        around = Around(self.later, self.look, self.settled)
        self.pushers = [
            Pusher(channel, around, self.books, luck, replies_lost)
            for channel in channels
            for luck in [random.Random(f"{seed}/replies/{channel.name}")]  # noqa: S311
        ]
        self.queue: list[tuple[float, int, Then, object]] = []
        self.number = count()
        self.written: list[dict[Listing, None]] = [{} for _ in channels]  # blind, since the last pulls
        self.missing: list[dict[Listing, None]] = [{} for _ in channels]  # listings with unseen units

    def later(self, at: float, then: Then, what: object) -> None:
        """Have *then* called with the time and *what*."""
        heappush(self.queue, (at, next(self.number), then, what))

    def play(self) -> Books:
        """From the first buyer to the last second; the news of the last sales is not waited for."""
        self._open()
        queue, items, end = self.queue, self.items, self.world.seconds
        events = 0
        for at, sku, place, quantity, luck in self.world.buyers:
            while queue and queue[0][0] <= at:
                when, _, then, what = heappop(queue)
                then(when, what)
                events += 1
            self.buy(at, items[sku].listings[place], quantity, luck)
        while queue and queue[0][0] <= end:
            when, _, then, what = heappop(queue)
            then(when, what)
            events += 1
        self.books.events = events + len(self.world.buyers)
        self._close(end)
        return self.books

    # What happens at the channels ------------------------------------------------------------------------------

    def buy(self, now: float, listing: Listing, quantity: int, luck: float) -> None:
        """A buyer takes *quantity* where so many are shown, and leaves where not."""
        item, books = listing.item, self.books
        shown = listing.shown
        if shown < quantity:
            books.refused += 1
            if item.left >= quantity:
                books.refused_though_free += 1
            return
        left = item.left
        if left < quantity:
            self._oversell(listing, quantity, quantity - max(0, left))
        listing.shown = shown - quantity
        listing.sold += quantity
        item.left = left - quantity
        books.orders += 1
        books.units += quantity
        if left > 0 >= left - quantity:
            for each in item.listings:
                self.look(each, now)
        elif shown == quantity:
            self.look(listing, now)
        self.later(self.news[listing.channel].arrives(now, luck), self.heard, (listing, quantity, now))

    def _oversell(self, listing: Listing, quantity: int, over: int) -> None:
        """Whose fault it is, unit by unit: a write that put units back, a hub that knew, or news still on its way."""
        wrong = listing.put_back + listing.misread
        by_write = min(over, max(0, quantity - max(0, listing.shown - wrong)))
        back = min(by_write, listing.put_back)
        known = min(listing.desired, max(0, listing.item.free))
        should = max(0, known - (listing.sold - listing.heard))
        by_hub = min(over - by_write, max(0, quantity - should))
        causes = self.books.oversold
        causes["crossing"] += back
        causes["lost_reply"] += by_write - back + (by_hub if listing.lost else 0)
        causes["our_lag"] += 0 if listing.lost else by_hub
        causes["channel_lag"] += over - by_write - by_hub

    def look(self, listing: Listing, now: float) -> None:
        """Whether *listing* shows nothing though there are units, and since when."""
        empty = listing.shown <= 0 < listing.item.left and listing.demanded
        if empty != listing.empty:
            listing.empty = empty
            if empty:
                listing.empty_since = now
            else:
                self.books.lost_s += now - listing.empty_since

    def restock(self, now: float, what: tuple[int, int]) -> None:
        """Goods come in and are counted at once."""
        item = self.items[what[0]]
        item.left += what[1]
        item.free += what[1]
        item.supplied += what[1]
        for listing in item.listings:
            self.look(listing, now)
        self.dirty(item, now)

    # What the hub does -----------------------------------------------------------------------------------------

    def heard(self, now: float, what: tuple[Listing, int, float]) -> None:
        """An order has come: its units are reserved, and its channel has lowered its own count already."""
        listing, quantity, placed = what
        listing.item.free -= quantity
        listing.heard += quantity
        listing.level = after_own_count(listing.level, quantity)
        listing.possible = max(0, listing.possible - quantity)
        at = EPOCH + timedelta(seconds=now)
        listing.pace = quantity + pace_now(listing.pace, listing.pace_at, at)
        listing.pace_at = at
        if not self.channels[listing.channel].compares and _written_near(listing, placed):
            if listing.maybe is None:
                listing.maybe = listing.confirmed  # a write of ours may have wiped this sale out: look again
            listing.possible = max(listing.possible, listing.confirmed + listing.level.unseen)
        self.policy.heard(listing, quantity, placed, now)
        self.dirty(listing.item, now)

    def dirty(self, item: Item, now: float) -> None:
        """*item* is levelled anew shortly, once for all that happens until then."""
        if not item.dirty:
            item.dirty = True
            self.later(now + NOTICED_S, self.relevel, item)

    def relevel(self, now: float, item: Item) -> None:
        """What each listing of *item* may sell; those whose channel has to be told are told."""
        item.dirty = False
        for listing, desired in zip(item.listings, self.policy.wishes(item, now), strict=True):
            if desired != listing.desired:
                listing.desired = desired
                listing.desired_at = now
                listing.seq += 1
            listing.possible = max(listing.possible, desired)
            if (
                listing.maybe is not None
                or not listing.level.settled(desired)
                or (listing.strict and listing.possible > max(desired, _believed(listing)))
            ):
                if not listing.lost:
                    listing.next_at = now
                self.pushers[listing.channel].wish(listing, now)
            elif listing.late is not None and listing.late_until > now:
                listing.next_at = listing.late_until  # it may show another number by then
                self.pushers[listing.channel].wish(listing, now)
            else:
                self.pushers[listing.channel].waiting.pop(listing, None)

    def settled(self, listing: Listing, now: float, freed: bool) -> None:
        """A channel has confirmed what it shows; with *freed* units that it has given up are for others."""
        self.policy.told(listing, now)
        if listing.level.unseen:
            self.missing[listing.channel][listing] = None
        if listing.unsure:
            self.written[listing.channel][listing] = None
        if freed:
            self.dirty(listing.item, now)

    def pull(self, now: float, place: int) -> None:
        """Orders asked for have come; units missing since well before it are given up: there is no order for them."""
        missing, written = self.missing[place], self.written[place]
        sure = now - self.channels[place].visible_after_s - UNSEEN_PATIENCE_S
        for listing in [each for each in written if each.unsure_at < sure and each.maybe is None]:
            del written[listing]
            listing.unsure = 0
            if listing.strict:
                self.dirty(listing.item, now)
        since = now - PULL_EVERY_S - self.channels[place].visible_after_s - UNSEEN_PATIENCE_S
        for listing in [each for each in missing if not each.level.unseen]:
            del missing[listing]
        for listing in [each for each in missing if each.unseen_at < since]:
            listing.level = Level(listing.level.predicted, 0)
            self.dirty(listing.item, now)
        self.later(now + PULL_EVERY_S, self.pull, place)

    def catalogue(self, now: float, place: int) -> None:
        """All live counts are read. Where nothing has moved for a while and a count is not what it should be: more is
        told again, fewer are sales whose orders are on their way.
        """
        for item in self.items:
            listing = item.listings[place]
            level, shown = listing.level, listing.shown
            if level.predicted == shown or not self._quiet(listing, now):
                continue
            missing = max(0, (level.predicted or 0) - shown)
            if missing and not level.unseen:
                listing.unseen_at = now
            listing.level = Level(shown, level.unseen + missing)
            if listing.level.unseen:
                self.missing[place][listing] = None
            self.dirty(item, now)
        self.later(now + CATALOG_EVERY_S, self.catalogue, place)

    def measure(self, now: float, _: object) -> None:
        """The policy measures; what comes to another number by it is levelled anew."""
        for item in self.policy.measured(now):
            self.dirty(item, now)
        self.later(now + MEASURE_EVERY_S, self.measure, None)

    def _quiet(self, listing: Listing, now: float) -> bool:
        last = listing.attempts[-1][1] if listing.attempts else 0.0
        settled = listing.maybe is None and listing.level.settled(listing.desired)
        return settled and last < now - UNSEEN_PATIENCE_S

    # Beginning and end -----------------------------------------------------------------------------------------

    def _open(self) -> None:
        """The shops were set up before: every channel shows what it should, and the hub knows it."""
        for item in self.items:
            for listing, desired in zip(item.listings, self.policy.wishes(item, 0.0), strict=True):
                listing.desired = listing.shown = listing.confirmed = listing.possible = desired
                listing.level = Level(desired)
            for listing in item.listings:
                self.look(listing, 0.0)
        for at, sku, units in self.world.restocks:
            self.later(at, self.restock, (sku, units))
        self.later(MEASURE_EVERY_S, self.measure, None)
        for place in range(len(self.channels)):
            self.later(self.news[place].pulls, self.pull, place)
            self.later(CATALOG_EVERY_S * (place + 1) / len(self.channels), self.catalogue, place)

    def _close(self, end: float) -> None:
        for item in self.items:
            for listing in item.listings:
                if listing.empty:
                    self.books.lost_s += end - listing.empty_since
        supplied = self.world.supplied
        for sku in self.world.scarce:
            self.books.supplied_scarce += supplied[sku]
            self.books.sold_scarce += min(supplied[sku], supplied[sku] - self.items[sku].left)


def _believed(listing: Listing) -> int:
    """What it shows and has sold unseen, as far as the hub knows."""
    return (listing.level.predicted or 0) + listing.level.unseen


def _written_near(listing: Listing, placed: float) -> bool:
    """Whether a write was under way when the order was placed, as near as two clocks tell."""
    attempts = listing.attempts
    for started, ended in reversed(attempts):
        if ended < placed - CROSSING_S:
            break
        if started <= placed + CROSSING_S:
            return True
    if len(attempts) > 64 and attempts[0][1] < placed - FORGOTTEN_S:
        del attempts[: bisect_left(attempts, placed - FORGOTTEN_S, key=lambda each: each[1])]
    return False
