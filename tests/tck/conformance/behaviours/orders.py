"""How an order's body is read: whole where it can be, held where a word is unknown, never guessed."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

from conformance.behaviour import bronze_channel
from conformance.kit import ChannelKit, Sold
from core.connector import Change, Delivery, NamesAccount, Notice, NoticesFields, OrderRead, Unreadable
from core.flow import encode
from core.model.order import Hold, Order, PaymentStatus


def reads(kit: ChannelKit, body: bytes) -> Order:
    return kit.ordered(kit.read(body))


def held(order: Order, kit: ChannelKit, fact: str) -> Hold:
    """The hold at the place of *fact*; there has to be one."""
    last = kit.places[fact].rsplit(".", 1)[-1]
    found = [hold for hold in order.holds if last in hold.pointer]
    assert found, f"nothing is held at {fact}: {order.holds}"
    assert all(hold.message for hold in found)
    return found[0]


def reserves(order: Order, units: int = 2) -> None:
    """The units are to be reserved whatever else is wrong."""
    assert [line.quantity_open for line in order.lines] == [units]


@bronze_channel("read-order", "An order is read whole: id, lines, units, money and time, and needs nobody.")
def whole(kit: ChannelKit) -> None:
    order = reads(kit, kit.sample())
    assert (order.channel, order.channel_order_id) == (kit.connector.manifest.slug, "501")
    assert (order.currency, order.payment_status) == ("EUR", PaymentStatus.PAID)
    assert order.total is not None
    assert order.total.amount == Decimal("20.00")
    assert [(line.sku, line.quantity, line.title) for line in order.lines] == [("MUG-B", 2, "Mug")]
    assert order.changed_at is not None
    assert (order.holds, order.flags) == ((), ())


@bronze_channel("read-big-ids", "An id above 2^53 or 2^64 keeps every digit.")
def big_ids(kit: ChannelKit) -> None:
    for number in (2**53 + 1, 2**63 + 1, 2**64 + 1, 18_446_744_073_709_551_617):
        assert reads(kit, kit.with_raw("id", str(number))).channel_order_id == str(number)


@bronze_channel("read-id-spelling", "An id written as a number or as text is the same order.")
def id_spelling(kit: ChannelKit) -> None:
    for number in (501, 2**64 + 1):
        as_number, as_text = (reads(kit, kit.with_raw("id", raw)) for raw in (str(number), f'"{number}"'))
        assert as_number.channel_order_id == as_text.channel_order_id == str(number)


@bronze_channel("read-odd-ids", "An id that is no id is parked and never rounded or trimmed to another one.")
def odd_ids(kit: ChannelKit) -> None:
    for raw in (
        "501.0",
        "501.5",
        '" 501"',
        '"0501"',
        "true",
        "-501",
        "null",
        "[]",
        "{}",
        '""',
        '"\uff15\uff10\uff11"',
    ):
        found = kit.read(kit.with_raw("id", raw))
        assert not isinstance(found, OrderRead), f"{raw} became an order"


@bronze_channel(
    "read-unknown-status",
    "An unknown status word is a hold that shows it; the units are reserved all the same.",
)
def unknown_status(kit: ChannelKit) -> None:
    for word in ("lay-by", "PAID!", "__class__", "ÿ"):
        order = reads(kit, kit.with_raw("status", f'"{word}"'))
        assert order.payment_status is None
        assert word.lower() in held(order, kit, "status").message.lower()
        reserves(order)


@bronze_channel("read-own-words", "A merchant's own meaning of a status word is used instead of a hold.")
def own_words(kit: ChannelKit) -> None:
    body = kit.with_raw("status", '"lay-by"')
    reading = kit.connector.read(Delivery(kit.topic, {}, body), {"payment_status": {"lay-by": "pending"}})
    order = kit.ordered(reading)
    assert order.payment_status is PaymentStatus.PENDING
    assert order.holds == ()


@bronze_channel(
    "read-unknown-currency", "An unknown currency is a hold that shows it; no amount is read in another one."
)
def unknown_currency(kit: ChannelKit) -> None:
    for code in ("XQX", "eur", "BTC", "€"):
        order = reads(kit, kit.with_raw("currency", f'"{code}"'))
        assert (order.currency, order.total) == (None, None)
        assert code in held(order, kit, "currency").message
        reserves(order)


@bronze_channel("read-many-lines", "An order of 5,000 lines is read with every line.")
def many_lines(kit: ChannelKit) -> None:
    lines = [Sold(f"SKU-{number}", number % 7 + 1, Decimal("0.10")) for number in range(5_000)]
    order = reads(kit, encode(kit.order(lines)))
    assert [(line.sku, line.quantity) for line in order.lines] == [
        (line.sku, line.quantity) for line in lines
    ]
    assert order.holds == ()


@bronze_channel("read-quantity-zero", "A line of no units is there and reserves nothing.")
def quantity_zero(kit: ChannelKit) -> None:
    reserves(reads(kit, kit.with_raw("quantity", "0")), 0)


@bronze_channel("read-quantity-odd", "A quantity that is no count is parked: nothing is guessed to be sold.")
def quantity_odd(kit: ChannelKit) -> None:
    for raw in ("-1", "true", "null", "[]", '"two"', "1e9", '"-2"', "NaN"):
        assert isinstance(kit.read(kit.with_raw("quantity", raw)), Unreadable), raw


@bronze_channel(
    "read-quantity-fraction",
    "A fraction of a unit never reserves fewer units than were sold, and a person looks.",
)
def quantity_fraction(kit: ChannelKit) -> None:
    for raw in ("1.5", "0.25", "2.000001"):
        found = kit.read(kit.with_raw("quantity", raw))
        if isinstance(found, Unreadable):
            continue
        order = kit.ordered(found)
        reserves(order, math.ceil(Decimal(raw)))
        held(order, kit, "quantity")


@bronze_channel("read-deleted", "A deletion is a hint to look, and not an order that is suddenly cancelled.")
def deleted(kit: ChannelKit) -> None:
    found = kit.connector.read(kit.deleted(501), {})
    assert found == Notice("order", Change.DELETED, "501")


@bronze_channel("read-unknown-topic", "A topic nobody knows is noted and does nothing, whatever its body.")
def unknown_topic(kit: ChannelKit) -> None:
    for topic in ("planets/aligned", "planet.aligned", "", "..", "x" * 5_000, "\x00"):
        for body in (kit.sample(), b"", b"[1]", b"\xff"):
            found = kit.read(body, topic)
            assert isinstance(found, Notice), (topic, found)
            assert found.change is Change.NONE


@bronze_channel(
    "read-foreign-account",
    "A body of another account is recognised by what it says of itself.",
    needs=(NamesAccount,),
)
def foreign_account(kit: ChannelKit) -> None:
    name: NamesAccount = kit.connector  # type: ignore[assignment] - the behaviour needs it
    ours, theirs = (name.account_named(kit.of_account(account)) for account in ("1001", "1002"))
    assert ours is not None
    assert theirs is not None
    assert ours[0] == theirs[0]
    assert (ours[1], theirs[1]) == ("1001", "1002")
    for body in (b"", b"\xff", b"{}", kit.sample()):
        assert name.account_named(Delivery(kit.topic, {}, body)) is None


@bronze_channel(
    "read-new-field", "A field nobody knows is noticed by name and holds nothing up.", needs=(NoticesFields,)
)
def new_field(kit: ChannelKit) -> None:
    notices: NoticesFields = kit.connector  # type: ignore[assignment] - the behaviour needs it
    body = encode(kit.order() | {"gift_wrap_v2": {"paper": "blue"}})
    assert any("gift_wrap_v2" in name for name in notices.unread(Delivery(kit.topic, {}, body)))
    assert notices.unread(Delivery(kit.topic, {}, kit.sample())) == []
    assert replace(OrderRead(reads(kit, body))) == OrderRead(reads(kit, kit.sample()))


@bronze_channel("read-twice", "The same body read twice is the same order.")
def read_twice(kit: ChannelKit) -> None:
    bodies = (kit.sample(), kit.with_raw("status", '"lay-by"'), kit.with_raw("quantity", "-1"), b"{")
    assert [kit.read(body) for body in bodies] == [kit.read(bytes(body)) for body in bodies]
