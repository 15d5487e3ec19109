"""The prediction of a channel's own count, held against a model of a channel that keeps it by each rule there is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from connectors.shopify import CONNECTOR as SHOPIFY
from core.connector import Manifest
from core.errors import UsageProblem
from core.model.order import Order, OrderLine, PaymentStatus, Source
from core.rules.own_count import (
    CountRule,
    Lowers,
    OwnCount,
    check_count_rule,
    count_rule,
    own_count,
    still_counts,
)
from core.rules.stock import CROSSING, Level, after_own_count, quantity_to_write

START = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)

RULES = [
    CountRule(at=at, gives_back=back, counts_unshipped=counts)
    for at, back, counts in product(Lowers, (True, False), (True, False))
    if not counts or at in (Lowers.SHIPMENT, Lowers.NEVER)
]


@dataclass
class Sold:
    """One order of *units* at the modelled channel. *lowered* is what the channel took off for it."""

    units: int
    paid: bool = False
    cancelled: bool = False
    shipped: int = 0
    lowered: int = 0
    changed_at: datetime = START

    def told(self) -> Order:
        line = OrderLine(
            line_id="1",
            quantity=self.units,
            quantity_fulfilled=self.shipped,
            quantity_cancelled=self.units - self.shipped if self.cancelled else 0,
        )
        paid = PaymentStatus.PAID if self.paid else PaymentStatus.PENDING
        return Order(
            channel="plain",
            channel_order_id="1",
            payment_status=paid,
            cancelled=self.cancelled,
            lines=(line,),
            changed_at=self.changed_at,
        )


@dataclass
class Channel:
    """A channel that keeps *number* by *rule*: what it sells is the number less what it includes of unshipped units."""

    rule: CountRule
    number: int
    orders: list[Sold] = field(default_factory=list)

    @property
    def sells(self) -> int:
        unshipped = sum(o.units - o.shipped for o in self.orders if not o.cancelled)
        return self.number - (unshipped if self.rule.counts_unshipped else 0)

    def lower(self, order: Sold, at: Lowers, units: int) -> None:
        if self.rule.at is at:
            self.number -= units
            order.lowered += units

    def buy(self, units: int, at: datetime) -> bool:
        if self.sells < units:
            return False
        self.orders.append(Sold(units, changed_at=at))
        self.lower(self.orders[-1], Lowers.ORDER, units)
        return True

    def pay(self, order: Sold, at: datetime) -> None:
        if not order.paid and not order.cancelled:
            order.paid, order.changed_at = True, at
            self.lower(order, Lowers.PAYMENT, order.units)

    def ship(self, order: Sold, units: int, at: datetime) -> None:
        units = min(units, order.units - order.shipped)
        if order.paid and not order.cancelled and units:
            order.shipped, order.changed_at = order.shipped + units, at
            self.lower(order, Lowers.SHIPMENT, units)

    def cancel(self, order: Sold, at: datetime) -> None:
        if order.cancelled or order.shipped == order.units:
            return
        order.cancelled, order.changed_at = True, at
        if self.rule.gives_back and order.lowered > order.shipped:
            self.number += order.lowered - order.shipped
            order.lowered = order.shipped


@dataclass
class Hub:
    """What the hub knows: its shelf, each order as it last heard of it, and the level it predicts."""

    channel: Channel
    on_hand: int
    level: Level
    heard: dict[int, tuple[Order, OwnCount]] = field(default_factory=dict)
    told_at: datetime | None = None

    @property
    def free(self) -> int:
        open_units = sum(
            order.lines[0].quantity_open + order.lines[0].quantity_fulfilled
            for order, _ in self.heard.values()
        )
        return max(0, self.on_hand - open_units)

    def hear(self, index: int) -> None:
        """The newest state of one order, whatever came between."""
        order = self.channel.orders[index].told()
        known = self.heard.get(index)
        own = own_count(order.lines[0], order, self.channel.rule)
        was = known[1] if known else OwnCount()
        lowered = own.lowered - was.lowered
        assert order.changed_at is not None
        if (
            lowered < 0
            and still_counts((order.changed_at, order.changed_at), self.told_at, CROSSING) is False
        ):
            lowered = 0
        self.level = after_own_count(self.level, lowered, own.unshipped - was.unshipped)
        self.heard[index] = (order, own)

    def push(self, at: datetime) -> None:
        """Look, then write, where the level is not settled."""
        if self.level.settled(self.free):
            return
        written, unseen = quantity_to_write(
            self.level.number(self.free), self.level.predicted, self.channel.number
        )
        self.channel.number, self.told_at = written, at
        self.level = replace(self.level, predicted=written, unseen=self.level.unseen + unseen)

    def give_up_unseen(self, at: datetime) -> None:
        """A pull has shown that no order explains what is missing."""
        if self.level.unseen:
            self.level = replace(self.level, unseen=0)
            self.told_at = at


units = st.integers(1, 3)
which = st.integers(0, 9)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("buy"), units, which),
        st.tuples(st.sampled_from(["pay", "ship", "cancel", "hear", "push", "restock"]), units, which),
    ),
    max_size=40,
)


GIVEN_BACK_AND_SOLD_BEFORE_A_WRITE = [
    ("buy", 2, 0), ("hear", 1, 0), ("buy", 1, 0), ("cancel", 1, 0), ("restock", 1, 0), ("push", 1, 0),
]  # fmt: skip


def live(rule: CountRule, on_hand: int, story: list[tuple[str, int, int]]) -> tuple[Channel, Hub, datetime]:
    """*story* over a channel with *rule* that was told the truth once; every step is a minute later."""
    channel = Channel(rule, on_hand)
    hub = Hub(channel, on_hand, Level(predicted=on_hand), told_at=START)
    at = START
    for verb, quantity, number in story:
        at += timedelta(minutes=1)
        if verb == "buy":
            channel.buy(quantity, at)
        elif verb == "push":
            hub.push(at)
        elif verb == "restock":
            hub.on_hand += quantity
        elif channel.orders:
            index = number % len(channel.orders)
            order = channel.orders[index]
            if verb == "hear":
                hub.hear(index)
            elif verb == "ship":
                channel.ship(order, quantity, at)
            else:
                (channel.pay if verb == "pay" else channel.cancel)(order, at)
    return channel, hub, at + timedelta(minutes=1)


@pytest.mark.parametrize(
    "rule", RULES, ids=lambda rule: f"{rule.at}-{rule.gives_back}-{rule.counts_unshipped}"
)
@example(on_hand=4, story=GIVEN_BACK_AND_SOLD_BEFORE_A_WRITE)
@given(on_hand=st.integers(0, 8), story=steps)
def test_at_rest_the_channel_sells_what_is_free_whatever_it_does_to_its_own_count(
    rule: CountRule, on_hand: int, story: list[tuple[str, int, int]]
) -> None:
    channel, hub, at = live(rule, on_hand, story)

    for index in range(len(channel.orders)):
        hub.hear(index)
    hub.push(at)

    assert channel.sells <= hub.free  # what was heard of late is never for sale twice
    hub.give_up_unseen(at)
    hub.push(at + timedelta(minutes=1))
    hub.push(at + timedelta(minutes=2))
    assert channel.sells == hub.free
    event(f"orders: {len(channel.orders)}")


@pytest.mark.parametrize(
    "rule", RULES, ids=lambda rule: f"{rule.at}-{rule.gives_back}-{rule.counts_unshipped}"
)
@given(on_hand=st.integers(0, 8), story=steps)
def test_without_a_write_of_ours_the_prediction_is_the_channels_own_number(
    rule: CountRule, on_hand: int, story: list[tuple[str, int, int]]
) -> None:
    channel, hub, _ = live(rule, on_hand, [step for step in story if step[0] not in ("push", "restock")])
    hub.told_at = None

    for index in range(len(channel.orders)):
        hub.hear(index)

    assert hub.level.predicted == channel.number
    assert hub.level.sells == max(0, channel.sells)


def test_a_channel_that_tells_of_each_order_is_believed() -> None:
    line = OrderLine(line_id="1", quantity=2, quantity_cancelled=2)
    order = Order(channel="w", channel_order_id="1", cancelled=True, lines=(line,))
    rule = CountRule(at=Lowers.PAYMENT, gives_back=True)

    assert own_count(line, order.model_copy(update={"channel_lowered_stock": True}), rule).lowered == 2
    assert own_count(line, order.model_copy(update={"channel_lowered_stock": False}), rule).lowered == 0


def test_what_the_channel_does_not_count_and_what_is_no_order_yet_moves_nothing() -> None:
    line = OrderLine(line_id="1", quantity=2, tracked=False)
    order = Order(channel="s", channel_order_id="1", lines=(line,))

    assert own_count(line, order, CountRule()) == OwnCount()
    counted = line.model_copy(update={"tracked": True})
    draft = order.model_copy(update={"source": Source.DRAFT})
    assert own_count(counted, draft, CountRule()) == OwnCount()


@given(st.integers(-60, 60), st.integers(0, 60))
def test_units_given_back_count_unless_a_later_write_left_nothing_of_them(seconds: int, span: int) -> None:
    until = START + timedelta(seconds=seconds)
    since = until - timedelta(seconds=span)

    found = still_counts((since, until), START, CROSSING)

    assert found is (True if seconds - span >= 10 else False if seconds <= -10 else None)
    assert still_counts((since, until), None, CROSSING) is True


def manifest(**facts: object) -> Manifest:
    return Manifest.model_validate({**SHOPIFY.manifest.model_dump(), **facts})


def test_a_channel_whose_account_decides_when_it_lowers_is_linked_only_with_that_said() -> None:
    leaves = manifest(lowers_stock_at="setting")

    with pytest.raises(UsageProblem, match="order, payment, shipment, never"):
        check_count_rule(leaves, {})
    check_count_rule(leaves, {"lowers_stock_at": "payment"})
    assert count_rule(leaves, {"lowers_stock_at": "payment"}).at is Lowers.PAYMENT
    assert count_rule(leaves, {}).at is Lowers.NEVER
    with pytest.raises(UsageProblem, match="shipment, never"):
        check_count_rule(
            manifest(lowers_stock_at="setting", counts_own_unshipped=True), {"lowers_stock_at": "order"}
        )


def test_a_manifest_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be lowered before they are shipped"):
        manifest(counts_own_unshipped=True)
    with pytest.raises(ValueError, match="zero_setting has to name it"):
        manifest(zero="needs_setting")


def test_a_channel_that_tells_of_each_line_is_believed_of_a_part_too() -> None:
    """Two of three shipped units came back, and the shop put them on sale."""
    line = OrderLine(line_id="1", quantity=3, quantity_fulfilled=3, channel_lowered=1)
    order = Order(channel="w", channel_order_id="1", channel_lowered_stock=True, lines=(line,))

    assert own_count(line, order, CountRule(at=Lowers.PAYMENT, gives_back=True)).lowered == 1
    assert own_count(line, order, CountRule(at=Lowers.NEVER)).lowered == 0
