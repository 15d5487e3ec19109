"""Channels that sell strictly, and the hub's books of them: the real rules of quotas, offers, counts and kits, with every
answer lost, late or doubled as a machine pleases.

A channel compares before it sets (one that does not can be promised nothing to the unit). It sells what its number says
less what the number still includes of its own orders; when it lowers, and what it gives back, is its `CountRule`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shelf_world import HERE, MUG, SET, START, TEA, THERE, Sold, World

from core.model.order import Order, OrderLine, PaymentStatus
from core.rules.kits import flatten
from core.rules.levelling import Goods, Standing, level_all
from core.rules.offers import ListingRule, Mode
from core.rules.own_count import CountRule, Lowers, OwnCount, own_count
from core.rules.stock import LONGEST_CALL, Level, after_own_count, most_shown, quantity_to_write

STRICT = ListingRule(mode=Mode.STRICT)
BOTH = (HERE, THERE)


@dataclass
class Bought:
    """An order at its channel. *version* grows with every change; *heard* is the one the hub has read."""

    units: int
    paid: bool = False
    shipped: bool = False
    cancelled: bool = False
    version: int = 1
    heard: int = 0
    own: OwnCount = field(default_factory=OwnCount)
    sold: Sold | None = None  # at the hub
    gone: bool = False  # cancelled, and the hub has read that

    def as_order(self) -> tuple[OrderLine, Order]:
        line = OrderLine(line_id="1", quantity=self.units, quantity_fulfilled=self.units * self.shipped)
        status = PaymentStatus.PAID if self.paid else PaymentStatus.PENDING
        return line, Order(
            channel="c",
            channel_order_id="1",
            lines=(line,),
            payment_status=status,
            cancelled=self.cancelled,
            channel_lowered_stock=None,
        )


@dataclass(frozen=True)
class Write:
    """A request that sets the channel's number to *quantity* where it shows *live*."""

    live: int
    quantity: int
    key: tuple[object, ...]
    sent: datetime


@dataclass
class Channel:
    """What is true at a channel about one listing, and what is under way to it."""

    variant: int
    rule: CountRule
    units: int = 1
    number: int = 0
    orders: list[Bought] = field(default_factory=list)
    done: set[tuple[object, ...]] = field(default_factory=set)  # keys of writes it knows
    adrift: list[Write] = field(default_factory=list)  # given up by the hub, and not yet come to nothing

    def includes(self, bought: Bought) -> int:
        """Units of an order that the number still includes, so that they are not sold again."""
        if bought.cancelled or bought.shipped or self.rule.at is Lowers.ORDER:
            return 0
        return 0 if self.rule.at is Lowers.PAYMENT and bought.paid else bought.units

    @property
    def sells(self) -> int:
        return self.number - sum(map(self.includes, self.orders))

    @property
    def exposed(self) -> int:
        """Units whose orders may still come: what it sells, and what it has sold unheard."""
        return max(0, self.sells) + sum(b.units for b in self.orders if not b.heard and not b.cancelled)

    def takes(self, write: Write) -> bool:
        """Whether the write goes through, or went through before under this key."""
        if write.key in self.done:
            return True
        if write.live != self.number:
            return False
        self.done.add(write.key)
        self.number = write.quantity
        return True


@dataclass(frozen=True)
class Call:
    """A push under way: the book as it was claimed, what was written, whether the channel *took* it (None: not there
    yet), and units that were missing when the channel was read.
    """

    book: Book
    write: Write
    unseen: int
    took: bool | None = None


@dataclass(frozen=True)
class Book:
    """What the hub knows of a listing: `listing_levels`, whose SQL in `core/store/levels.py` does this arithmetic."""

    desired: int = 0
    seq: int = 0
    level: Level = field(default_factory=lambda: Level(predicted=0))
    maybe: int | None = None
    late: int | None = None  # the most an earlier try without an answer may have written
    assumed: int = 0  # of the unseen units, those that a try without an answer may explain
    possible: int = 0
    own: int = 0
    confirmed: int = 0  # how often
    pending: bool = False

    def wished(self, desired: int) -> Book:
        seq = self.seq + (desired != self.desired)
        pending = not self.level.settled(desired) or self.maybe is not None or self.possible > desired
        return replace(self, desired=desired, seq=seq, possible=max(self.possible, desired), pending=pending)

    def counted(self, lowered: int, unshipped: int) -> Book:
        level = after_own_count(self.level, lowered, unshipped)
        possible = max(0, self.possible - lowered - unshipped)
        assumed = min(self.assumed, level.unseen)
        return replace(self, level=level, own=self.own + lowered, possible=possible, assumed=assumed)

    @property
    def most(self) -> int:
        """What it may show."""
        return most_shown(self.level.predicted or 0, self.maybe, self.late)

    def claimed(self) -> Book:
        late = self.late if self.maybe is None else max(self.maybe, self.late or 0)
        return replace(self, maybe=self.level.number(self.desired), late=late)

    def sure(self) -> Book:
        """Every order has come: what was only assumed to be sold is not."""
        level = replace(self.level, unseen=self.level.unseen - self.assumed)
        return replace(self, level=level, assumed=0)

    def told(self, call: Call) -> Book:
        """The channel took the write of *call*."""
        before, unseen, written = call.book, call.book.level.unseen + call.unseen, call.write.quantity
        lowered = self.own - before.own
        known = max(0, min(unseen, lowered))
        shows, left = written - (lowered - known), unseen - known
        possible = max(
            0,
            shows + left - self.level.unshipped,
            min(self.desired, self.possible) if self.seq != before.seq else 0,
        )
        level = Level(shows, left, self.level.unshipped)
        return replace(
            self,
            level=level,
            maybe=None,
            late=None,
            assumed=min(self.assumed + call.unseen * (before.maybe is not None), left),
            possible=possible,
            confirmed=self.confirmed + 1,
            pending=shows != level.number(self.desired),
        )

    def refused(self, call: Call, *, sure: bool) -> Book:
        return replace(self, maybe=call.book.maybe, late=call.book.late) if sure else self


def exceeds(units: Counter[int], free: Counter[int]) -> bool:
    return any(count > max(0, free[component]) for component, count in units.items())


class Strict:
    """One merchant's hub with channels that share mugs, teas, and sets of two mugs and a tea."""

    def __init__(
        self,
        variants: Sequence[int],
        rules: Sequence[CountRule],
        units: dict[tuple[int, int], int],
        *,
        pair: bool,
    ) -> None:
        self.now = START
        self.world = World(parts={SET: {MUG: 2, TEA: 1}})
        self.channels = [Channel(variant, rule) for variant, rule in zip(variants, rules, strict=True)]
        self.channels[0].units = 2 if pair else 1
        self.books = [Book() for _ in self.channels]
        self.calls: dict[int, Call] = {}
        self.dirty = False  # something was heard of since the channels were levelled
        self.lost = False  # units were not there; until every channel has heard of it
        for (variant, place), count in units.items():
            self.world.book(variant, place, count)

    # What is true -----------------------------------------------------------------------------------------------

    def needs(self, variant: int) -> dict[int, int]:
        return flatten(variant, self.world.parts) or {variant: 1}

    def free(self) -> Counter[int]:
        """Units by component that are nobody's, those of orders that were cancelled, heard of or not, among them. What
        comes in is first of all for orders that miss it.
        """
        free = self.known_free()
        for channel in self.channels:
            for bought in channel.orders:
                if bought.cancelled and bought.sold and not bought.gone:
                    for line in bought.sold.lines:
                        free[line.variant_id] += line.held_total + line.short
        return free

    def known_free(self) -> Counter[int]:
        """The same, as far as the hub knows."""
        free: Counter[int] = Counter()
        for shelf in self.world.free().values():
            free.update(shelf)
        free.subtract(self.world.missing())
        return free

    def exposed(self) -> Counter[int]:
        """Units by component whose orders may still come."""
        return self._drawn([channel.exposed for channel in self.channels])

    def possible(self) -> Counter[int]:
        """Units by component that channels may come to sell, as far as the hub knows."""
        return self._drawn([book.possible for book in self.books])

    def promised(self) -> Counter[int]:
        """The same, without what it is about to take back from them."""
        return self._drawn([min(b.possible, b.desired) if b.pending else b.possible for b in self.books])

    def _drawn(self, sold: Sequence[int]) -> Counter[int]:
        """Units by component in so many of each channel's."""
        drawn: Counter[int] = Counter()
        for channel, units in zip(self.channels, sold, strict=True):
            for component, each in self.needs(channel.variant).items():
                drawn[component] += units * channel.units * each
        return drawn

    def exceeded(self) -> bool:
        """Whether more may come than is there: what channels offer, or what the hub has promised them, once it has thought
        about all it has heard of.
        """
        free = self.free()
        return exceeds(self.exposed(), free) or (not self.dirty and exceeds(self.promised(), free))

    # What happens at channels -----------------------------------------------------------------------------------

    def buy(self, place: int, units: int) -> Bought | None:
        channel = self.channels[place]
        units = min(units, channel.sells)
        if units <= 0:
            return None
        if channel.rule.at is Lowers.ORDER:
            channel.number -= units
        channel.orders.append(Bought(units))
        return channel.orders[-1]

    def pay(self, place: int, bought: Bought) -> None:
        if not bought.paid and not bought.cancelled:
            bought.paid, bought.version = True, bought.version + 1
            if self.channels[place].rule.at is Lowers.PAYMENT:
                self.channels[place].number -= bought.units

    def ship(self, place: int, bought: Bought) -> None:
        if bought.paid and not bought.shipped and not bought.cancelled and bought.heard:
            bought.shipped, bought.version = True, bought.version + 1
            if self.channels[place].rule.at is Lowers.SHIPMENT:
                self.channels[place].number -= bought.units

    def cancel(self, place: int, bought: Bought) -> None:
        channel = self.channels[place]
        if bought.cancelled or bought.shipped:
            return
        lowered = channel.rule.at is Lowers.ORDER or (channel.rule.at is Lowers.PAYMENT and bought.paid)
        bought.cancelled, bought.version = True, bought.version + 1
        if lowered and channel.rule.gives_back:
            channel.number += bought.units

    # What the hub does ------------------------------------------------------------------------------------------

    def hear(self, place: int, bought: Bought) -> None:
        """A drain applies the newest state of an order: what it holds, and what it is to the channel's number."""
        if bought.heard == bought.version:
            return
        channel = self.channels[place]
        self.dirty = True
        own = own_count(*bought.as_order(), channel.rule)
        self.books[place] = self.books[place].counted(
            own.lowered - bought.own.lowered, own.unshipped - bought.own.unshipped
        )
        bought.own, bought.heard = own, bought.version
        if bought.sold is None and not bought.cancelled:
            self.world.sell(channel.variant, bought.units * channel.units, BOTH)
            bought.sold = self.world.orders[-1]
            # One that was given back at its channel and sold again there may be heard of the other way round.
            assert self.lost or min(self.free().values(), default=0) >= 0, "oversold"
        elif bought.sold is not None:
            bought.sold.cancelled = bought.gone = bought.cancelled
            bought.sold.fulfilled = bought.sold.quantity if bought.shipped else 0
            self.world.settle(bought.sold)

    def relevel(self) -> None:
        """Orders that miss units have what came in before channels are offered the rest."""
        self.dirty = False
        self.world.fill()
        goods = Goods(self.world.free(), needs={SET: self.needs(SET)}, owed=Counter(self.world.missing()))
        standings = [
            Standing(
                (1, place, place, ""), channel.variant, BOTH, channel.units, STRICT, max(0, book.possible)
            )
            for place, (channel, book) in enumerate(zip(self.channels, self.books, strict=True))
        ]
        wishes = level_all(standings, goods, self.now)
        for place, wish in enumerate(wishes):
            raised = wish.quantity > self.books[place].possible
            beyond = exceeds(self.possible(), self.known_free())
            assert not (raised and self.lost and beyond), "raised beyond what is there"
            self.books[place] = self.books[place].wished(wish.quantity)

    def may_send(self, place: int) -> bool:
        book = self.books[place]
        # What was sold since it was levelled is not put back on sale.
        return place not in self.calls and book.pending and book.possible >= book.desired

    def send(self, place: int) -> None:
        """Claim, read the channel and send the write; its answer is for later."""
        book, channel = self.books[place], self.channels[place]
        if not self.may_send(place):
            return
        quantity, unseen = quantity_to_write(book.level.number(book.desired), book.most, channel.number)
        key = (
            book.seq,
            book.desired,
            book.level.unseen,
            book.level.unshipped,
            book.confirmed,
            channel.number,
            quantity,
        )
        self.calls[place] = Call(book, Write(channel.number, quantity, key, self.now), unseen)
        self.books[place] = book.claimed()

    def arrive(self, place: int) -> None:
        call = self.calls.get(place)
        if call and call.took is None:
            self.calls[place] = replace(call, took=self.channels[place].takes(call.write))

    def answer(self, place: int) -> None:
        call = self.calls.get(place)
        if call and call.took is not None:
            del self.calls[place]
            book = self.books[place]
            self.books[place] = book.told(call) if call.took else book.refused(call, sure=True)

    def lose(self, place: int) -> None:
        """The answer never comes. A write that is not there yet may still arrive."""
        call = self.calls.pop(place, None)
        if call:
            self.channels[place].adrift.append(call.write)
            self.books[place] = self.books[place].refused(call, sure=False)

    def drift_in(self, place: int) -> None:
        """A write that was given up arrives, once more or at last; 30 seconds after it was sent it does not."""
        for write in self.channels[place].adrift:
            if self.now - write.sent <= LONGEST_CALL:
                self.channels[place].takes(write)

    def be_sure(self, place: int) -> None:
        """Once every order has been heard of, nothing has to be guessed any more."""
        book = self.books[place]
        if book.maybe is None and all(bought.heard for bought in self.channels[place].orders):
            self.books[place] = book.sure()

    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
