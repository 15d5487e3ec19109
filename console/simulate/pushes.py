"""How one channel is told its counts: one call at a time, in batches, within its limits, with replies that get lost.

What is written is decided by `core.rules.stock`; here is what happens to it on the way.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from heapq import nsmallest

from console.simulate.books import Books, Listing
from console.simulate.channels import CALL_DEADLINE_S, Channel
from core.errors import ChannelError, ErrorCode
from core.rules.backoff import pause_after
from core.rules.quotas import BLIND
from core.rules.stock import LONGEST_CALL, Level, after_own_count, most_shown, quantity_to_write

LATE = 0.25  # part of the writes without an answer that had their effect only after everybody had given up. Assumed
ROUNDS = 5  # times a compared value may be stale, as in the connector
COMMIT_S = 0.02  # a small transaction of the hub
LONGEST_CALL_S = LONGEST_CALL.total_seconds()
_NO_ANSWER = ChannelError(ErrorCode.TIMEOUT, "no answer")
ROW_PAUSE_S = pause_after(_NO_ANSWER, 0).total_seconds()

Later = Callable[[float, Callable[..., object], object], None]


@dataclass(frozen=True, slots=True)
class World:
    """What a pusher needs of the simulation around it: *later* runs a function at a time, *shows* hears of a count that
    changed at the channel, *settled* of one the channel has confirmed, and whether a quota got smaller by it.
    """

    later: Later
    shows: Callable[[Listing, float], None]
    settled: Callable[[Listing, float, bool], None]


class Row:
    """One listing in one call: what it should show, and what was known when the call began."""

    __slots__ = (
        "attempt",
        "before",
        "before_maybe",
        "compare",
        "desired",
        "done",
        "heard",
        "late",
        "listing",
        "maybe",
        "most",
        "possible",
        "quantity",
        "round",
        "seq",
        "sold",
        "unseen",
        "wanted",
    )

    def __init__(self, listing: Listing, now: float) -> None:
        before = listing.level
        self.listing = listing
        self.before = before
        self.desired = listing.desired
        self.possible = listing.possible
        self.wanted = max(0, listing.desired - before.unseen)
        self.before_maybe = listing.maybe
        self.seq = listing.seq
        self.heard = listing.heard
        self.sold = listing.sold  # when its count was last read
        self.compare = before.predicted
        self.maybe, self.most, self.unseen, self.quantity = (
            listing.maybe,
            before.predicted or 0,
            0,
            self.wanted,
        )
        self.round = 1
        self.done = False
        self.late = False  # it had its effect when everybody had given up
        self.attempt = [now, now + LONGEST_CALL_S]
        listing.attempts.append(self.attempt)
        unanswered = listing.maybe if listing.lost else None  # otherwise it is only looked at again
        if unanswered is not None:
            still = (listing.late or 0) if listing.strict or listing.late_until > now else 0
            listing.late = max(unanswered, still)
            listing.late_until = max(listing.late_until, listing.tried_at + LONGEST_CALL_S)
        if listing.strict:
            late = listing.late if listing.lost or listing.late_until > now else None
            self.maybe, self.most = None, most_shown(self.most, unanswered, late)
            self.unseen = self.most - (before.predicted or 0)
            self.quantity = max(0, self.wanted - self.unseen)
        listing.tried_at = now
        listing.maybe = self.wanted

    def look(self) -> None:
        """Read what the channel shows now, and decide what to write."""
        listing = self.listing
        self.compare = listing.shown
        self.sold = listing.sold
        self.quantity, self.unseen = quantity_to_write(self.wanted, self.most, listing.shown, self.maybe)
        self.done = self.quantity == listing.shown

    def was_blind(self, now: float, shown: int) -> None:
        """What was sold of the units *shown* since they were read may be on sale again."""
        if shown > 0:
            self.listing.unsure, self.listing.unsure_at = min(BLIND, shown), now


Rows = list[Row]


class Pusher:
    """Tells one channel."""

    def __init__(
        self, channel: Channel, world: World, books: Books, stream: random.Random, replies_lost: float
    ) -> None:
        self.channel, self.world, self.books = channel, world, books
        self.chance, self.lost = stream.random, replies_lost
        self.waiting: dict[Listing, None] = {}
        self.busy = False
        self.failures = 0
        self.points, self.measured_at = channel.burst, 0.0

    def wish(self, listing: Listing, now: float) -> None:
        """*listing* has to be told."""
        self.waiting[listing] = None
        if not self.busy:
            self.busy = True
            self.world.later(now + COMMIT_S, self.claim, None)

    def wake(self, now: float, _: object = None) -> None:
        """What had to wait may be told, unless that has begun already."""
        if not self.busy:
            self.busy = True
            self.claim(now)

    def claim(self, now: float, _: object = None) -> None:
        """Take the most urgent listings and call."""
        ready = [listing for listing in self.waiting if listing.next_at <= now]
        if not ready:
            self.busy = False
            if self.waiting:
                self.world.later(min(listing.next_at for listing in self.waiting), self.wake, None)
            return
        batch = self.channel.batch
        if len(ready) > batch:
            ready = nsmallest(batch, ready, key=lambda one: (one.desired, one.desired_at, one.item.number))
        rows = [Row(listing, now) for listing in ready]
        self.books.writes += len(rows)
        first = self.compare_and_set if self.channel.compares else self.read
        self.world.later(self._call(now + COMMIT_S), first, rows)

    def read(self, now: float, rows: Rows) -> None:
        """The live counts are read; what differs is written with the next call."""
        for row in rows:
            row.look()
        answered = now + self.channel.call_s / 2
        if all(row.done for row in rows):
            self.world.later(answered, self.confirm, rows)
        else:
            self.world.later(self._call(answered), self.write, rows)

    def write(self, now: float, rows: Rows) -> None:
        """The counts are set, whatever was sold since they were read."""
        luck = self.chance()
        if luck >= self.lost or (luck >= self.lost / 2 and not self._is_late(now, rows)):
            self._apply(now, rows)
        self._answer(now, rows, self.confirm, luck)

    def compare_and_set(self, now: float, rows: Rows) -> None:
        """All or nothing: where one count is not what it was, none is set."""
        luck = self.chance()
        applied = True
        if luck >= self.lost or (luck >= self.lost / 2 and not self._is_late(now, rows)):
            applied = self._apply(now, rows)
        self._answer(now, rows, self.confirm if applied else self.look_again, luck)

    def look_again(self, now: float, rows: Rows) -> None:
        """Those that were stale are read."""
        self.world.later(self._call(now), self._compared, rows)

    def _compared(self, now: float, rows: Rows) -> None:
        answered = now + self.channel.call_s / 2
        for row in rows:
            if not row.done and row.listing.shown != row.compare:
                row.round += 1
                row.look()
        late = [row for row in rows if row.round > ROUNDS]
        for row in late:  # refused for sure: what was known before is known still
            row.listing.maybe = row.before_maybe
            row.listing.next_at = answered + ROW_PAUSE_S
            row.attempt[1] = answered
        rows = [row for row in rows if row.round <= ROUNDS]
        if all(row.done for row in rows):
            self.world.later(answered, self.confirm, rows)
        else:
            self.world.later(self._call(answered), self.compare_and_set, rows)

    def confirm(self, now: float, rows: Rows) -> None:
        """The channel shows what was written; sales heard of meanwhile are counted, as the store does it."""
        for row in rows:
            listing = row.listing
            meanwhile = listing.heard - row.heard
            level = after_own_count(Level(row.quantity, row.before.unseen + row.unseen), meanwhile)
            shows = level.predicted or 0
            if row.unseen:
                listing.unseen_at = now
            blind = (
                meanwhile > 0 and not self.channel.compares
            )  # the write may have wiped them out: look again
            late = listing.late if listing.late_until > now and not self.channel.compares else None
            if late is not None:
                late = max(0, late - max(0, row.most - max(row.before.predicted or 0, row.most - row.unseen)))
            listing.late = late
            listing.level = level
            listing.maybe = row.quantity if blind else None
            listing.confirmed = row.quantity
            if not self.channel.compares and not row.done:
                row.was_blind(now, row.most - row.unseen)
            listing.possible = level.unseen + max(
                0,
                shows,
                row.quantity if blind else 0,
                late or 0,
                listing.desired - level.unseen if listing.seq != row.seq else 0,
            )
            listing.lost = False
            row.attempt[1] = now
            if blind or not level.settled(listing.desired):
                self.waiting[listing] = None
            elif late is not None:
                self.waiting[listing] = None
                listing.next_at = listing.late_until
            else:
                self.waiting.pop(listing, None)
            freed = listing.strict and row.possible > row.quantity + row.before.unseen + row.unseen
            self.world.settled(listing, now, freed)
        self.failures = 0
        self.world.later(now + COMMIT_S, self.claim, None)

    def fail(self, now: float, rows: Rows) -> None:
        """No answer: it may have happened or not. The whole line waits, longer each time."""
        for row in rows:
            if not self.channel.compares:
                row.was_blind(now + LONGEST_CALL_S, row.most)
            row.listing.lost = True
            row.listing.next_at = now + ROW_PAUSE_S
            row.attempt[1] = now
        pause = pause_after(_NO_ANSWER, self.failures).total_seconds()
        self.failures += 1
        self.world.later(now + pause, self.claim, None)

    def _answer(self, now: float, rows: Rows, then: Callable[[float, Rows], None], luck: float) -> None:
        answered = now + self.channel.call_s / 2
        if luck < self.lost:
            self.books.replies_lost += 1
            # Half of them are connections that break, the others silence until the deadline.
            noticed = answered if self.chance() < 0.5 else now - self.channel.call_s / 2 + CALL_DEADLINE_S
            self.world.later(noticed, self.fail, rows)
        else:
            self.world.later(answered, then, rows)

    def _is_late(self, now: float, rows: Rows) -> bool:
        if self.chance() >= LATE:
            return False
        for row in rows:
            row.late = True
        self.world.later(now + self.chance() * LONGEST_CALL_S, self._apply, rows)
        return True

    def _apply(self, now: float, rows: Rows) -> bool:
        """Set what is to be set; False where a compared count was not what it should be, and none was set."""
        wait = [row for row in rows if not row.done]
        if self.channel.compares:
            if any(row.listing.shown != row.compare for row in wait):
                return False
            for row in wait:
                row.sold = row.listing.sold
        for row in wait:
            self._set(row, now)
        return True

    def _set(self, row: Row, now: float) -> None:
        """What the channel shows too many by the fault of this write is kept apart."""
        listing = row.listing
        right = max(0, row.desired - (listing.sold - row.heard))
        excess = max(0, row.quantity - right)
        listing.put_back = 0 if row.late else min(excess, listing.sold - row.sold)
        listing.misread = excess - listing.put_back
        self.books.crossings += listing.put_back > 0
        listing.shown = row.quantity
        self.world.shows(listing, now)

    def _call(self, at: float) -> float:
        """When a call that may go out from *at* on reaches the channel; takes one point."""
        rate = self.channel.points_per_s
        self.points = min(self.channel.burst, self.points + (at - self.measured_at) * rate) - 1.0
        self.measured_at = at
        wait = 0.0 if self.points >= 0 else -self.points / rate
        return at + wait + self.channel.call_s / 2
