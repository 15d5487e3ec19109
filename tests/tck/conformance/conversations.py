"""One conversation of each kind that a connector can have with its simulated account, as it went."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

from conformance.kit import NOW, Kit
from conformance.wire import Sent, value_or_error
from core.connector import (
    Delivery,
    ListsCatalog,
    PullsOrders,
    PushesFulfillments,
    ReadsStock,
    Subscribes,
    TracksParcels,
    Window,
    WritesStock,
)
from core.errors import ChannelError
from core.flow import Flow
from core.model.fulfillment import FulfillmentPush, LineQuantity, Parcel, TrackerWanted
from core.model.inventory import ListingSeen, StockWrite
from core.model.order import Order

ADDRESS = "https://127.0.0.1:9/hooks/token-of-the-kit"  # where nobody listens: simulators ping it

Make = Callable[[], Flow[Any]]


class Conversation(NamedTuple):
    """*make* begins the flow anew; *asked* is what it asked and was answered, *value* its end or its error's code."""

    name: str
    make: Make
    asked: list[Sent]
    value: Any


async def conversations(kit: Kit) -> list[Conversation]:
    """All of them, at an account with some orders, each flow driven to its end."""
    async with kit.open() as account:
        found = [await held(account, name, make) for name, make in _reading(kit, account)]
        return found + [await held(account, name, make) for name, make in await _writing(kit, account)]


async def held(account: Any, name: str, make: Make) -> Conversation:
    before = len(account.wire.sent)
    value = await value_or_error(account.wire, make())
    told = value.code if isinstance(value, ChannelError) else value
    return Conversation(name, make, account.wire.sent[before:], told)


def _reading(kit: Kit, account: Any) -> Iterator[tuple[str, Make]]:
    connector = kit.connector
    yield "check_account", connector.check_account
    if isinstance(connector, PullsOrders):
        sold = [account.sell() for _ in range(3)]
        window = Window(account.clock() - timedelta(minutes=5), account.clock() + timedelta(minutes=5))
        yield "pull_orders", partial(connector.pull_orders, window, None)
        yield "fetch_order", partial(connector.fetch_order, sold[0])
        yield "fetch_order of none", partial(connector.fetch_order, account.missing_order)
    if isinstance(connector, ListsCatalog):
        yield "pull_locations", connector.pull_locations
        yield "pull_catalog", partial(connector.pull_catalog, None)
    if isinstance(connector, ReadsStock):
        yield "read_stock", partial(connector.read_stock, None)
        yield "read_stock_of", partial(connector.read_stock_of, [("12345", "67890")])


async def _writing(kit: Kit, account: Any) -> list[tuple[str, Make]]:
    connector = kit.connector
    found: list[tuple[str, Make]] = []
    if isinstance(connector, WritesStock):
        write = wanted(await listing(kit, account, "MUG"), desired=6, predicted=10)
        found.append(("push_stock", partial(connector.push_stock, [write])))
    if isinstance(connector, Subscribes):
        topics: list[str] = list(connector.manifest.webhook_topics)  # type: ignore[attr-defined] - every connector has one
        found.append(("subscribe", partial(connector.subscribe, ADDRESS, "a secret of a webhook", topics)))
    if isinstance(connector, PushesFulfillments):
        order = await ordered(kit, account, account.sell(quantity=2))
        found.append(("push_fulfillment", partial(connector.push_fulfillment, shipped(order, "JD014600"))))
    if isinstance(connector, TracksParcels):
        parcel = TrackerWanted(key="key 1", tracking_number="1Z999", carrier="UPS")
        found.append(("create_tracker", partial(connector.create_tracker, parcel)))
    return found


async def ordered(kit: Any, account: Any, order_id: str) -> Order:
    """Order *order_id* as the channel shows it now."""
    page = await account.wire.run(kit.connector.fetch_order(order_id))
    order: Order = kit.ordered(kit.connector.read(Delivery(page.topic, {}, page.items[0]), {}))
    return order


def shipped(
    order: Order, *numbers: str, units: int | None = None, completes: bool = True, look_first: bool = False
) -> FulfillmentPush:
    """*units* of the order's first line (None: all that are open) left in parcels of these tracking numbers."""
    line = order.lines[0]
    quantity = line.quantity_open if units is None else units
    return FulfillmentPush(
        key=f"key of {order.channel_order_id} {' '.join(numbers)}",
        channel_order_id=order.channel_order_id,
        lines=(LineQuantity(line_id=line.line_id, quantity=quantity),),
        parcels=tuple(Parcel(carrier="DHL", tracking_number=number) for number in numbers),
        shipped_at=NOW,
        completes=completes,
        look_first=look_first,
    )


async def listing(kit: Kit, account: Any, sku: str) -> ListingSeen:
    """The listing of *sku*; it has to be listed."""
    catalog: ListsCatalog = kit.connector  # type: ignore[assignment] - asked only of those that list
    cursor, seen = None, []
    while True:
        page = await account.wire.run(catalog.pull_catalog(cursor))
        seen += page.listings
        cursor = page.next_cursor
        if cursor is None:
            (found,) = [one for one in seen if one.sku == sku]
            return found


def wanted(item: ListingSeen, *, desired: int, predicted: int | None, maybe: int | None = None) -> StockWrite:
    """A wish for *item* at its first location; the key is the same for the same value."""
    return StockWrite(
        channel_stock_id=item.channel_stock_id,
        channel_location_id=item.levels[0].channel_location_id,
        desired=desired,
        predicted=predicted,
        maybe=maybe,
        key=f"{item.channel_stock_id} {desired} {predicted}",
    )
