"""The connector at a simulated shop: two readings of the same documentation agree."""

from __future__ import annotations

import random
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from connectors.shopify import CONNECTOR
from connectors.shopify.orders import STAMPS_COST
from core.connector import Delivery, OrderRead, Window
from core.errors import ChannelError
from core.flow import Request, Response, decode, encode
from core.model.fulfillment import FulfillmentPush, LineQuantity, Parcel, TrackingPush
from core.model.inventory import StockWrite
from core.model.order import Order
from core.model.tracking import TrackingStatus
from simulators.courier import Courier
from simulators.shopify import ShopifySimulator

T = TypeVar("T")
FATES = (("edit", "ship"), ("ship", "refund"), ("refund", "ship"), ("cancel",), ("refund", "cancel"), ())
OPENED = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)


class Shop:
    """A simulated shop whose clock moves by seconds."""

    def __init__(self) -> None:
        self.now = OPENED
        self.asked: list[Request] = []
        self.answers: list[Response] = []
        self.simulator = ShopifySimulator(
            shop="demo.myshopify.com",
            access_token="t",
            client_secret="s",
            seed=7,
            courier=Courier(random.Random(1)),
            now=lambda: self.now,
        )
        self.simulator.add_variant(sku="MUG", title="Mug", price="12.50", quantity=40)
        self.simulator.add_variant(sku="LAMP", title="Lamp", price="49.99", quantity=90)
        self.simulator.add_variant(sku="SET", title="Set", price="60.00", quantity=3, bundle=True)

    def drive(self, flow: Generator[Request, Response, T]) -> T:
        request = next(flow)
        while True:
            asked = decode(request.body or b"")
            answer = Response(200, body=encode(self.simulator.answer(asked["query"], asked["variables"])))
            self.asked.append(request)
            self.answers.append(answer)
            error = CONNECTOR.classify(answer)
            try:
                request = flow.throw(error) if error else flow.send(answer)
            except StopIteration as stop:
                value: T = stop.value
                return value

    def trade(self, orders: int) -> None:
        chance = random.Random(3)
        for _ in range(orders):
            self.now += timedelta(seconds=7)
            basket = [("MUG", 1), ("LAMP", chance.randint(1, 3))]
            sold = self.simulator.checkout(basket, properties={"Engraving": "A.B."}, note="ring twice")
            assert sold is not None
            order_id = str(sold.order_id)
            self._happen(chance.choice(FATES), order_id)

    def _happen(self, steps: tuple[str, ...], order_id: str) -> None:
        for step in steps:
            if step == "ship":
                self.simulator.fulfill(order_id)
            elif step == "refund":
                self.simulator.refund(order_id, {"LAMP": 1})
            elif step == "cancel":
                self.simulator.cancel(order_id)
            else:
                self.simulator.edit(order_id, "MUG", 2)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def read(topic: str, body: bytes) -> Order:
    reading = CONNECTOR.read(Delivery(topic, {}, body), {})
    assert isinstance(reading, OrderRead), reading
    return reading.order


def test_a_pulled_order_is_the_order_its_webhook_told(shop: Shop) -> None:
    shop.trade(30)
    window = Window(OPENED, shop.now + timedelta(seconds=1))
    pulled: dict[str, Order] = {}
    cursors: list[str | None] = [None]

    while len(cursors) == 1 or cursors[-1] is not None:
        page = shop.drive(CONNECTOR.pull_orders(window, cursors[-1]))
        orders = [read(page.topic, item) for item in page.items]
        pulled |= {order.channel_order_id: order for order in orders}
        cursors.append(page.next_cursor)

    assert pulled.keys() == shop.simulator.orders.keys()
    for order_id, order in pulled.items():
        told = shop.simulator.webhook_payload(shop.simulator.orders[order_id])
        assert order == read("orders/updated", told)
        assert order.holds == ()


def test_a_list_of_ids_has_the_versions_that_a_pull_finds(shop: Shop) -> None:
    shop.trade(30)
    middle = OPENED + timedelta(seconds=100)
    for window in (Window(OPENED, middle), Window(middle, shop.now + timedelta(seconds=1))):
        listed = shop.drive(CONNECTOR.list_orders(window, None))
        cost = decode(shop.answers[-1].body)["extensions"]["cost"]["requestedQueryCost"]
        pulled: dict[str, datetime | None] = {}
        cursor: str | None = None
        while True:
            page = shop.drive(CONNECTOR.pull_orders(window, cursor))
            orders = [read(page.topic, item) for item in page.items]
            pulled |= {order.channel_order_id: order.changed_at for order in orders}
            cursor = page.next_cursor
            if cursor is None:
                break

        assert {one.channel_order_id: one.changed_at for one in listed.stamps} == pulled != {}
        assert listed.next_cursor is None
        assert cost <= STAMPS_COST


def test_stock_is_written_without_putting_a_sale_back(shop: Shop) -> None:
    listings = {one.sku: one for one in shop.drive(CONNECTOR.pull_catalog(None)).listings}
    location = str(shop.simulator.location_id)
    shop.simulator.checkout([("LAMP", 2)])

    def want(sku: str, desired: int, predicted: int) -> StockWrite:
        stock_id: Any = listings[sku].channel_stock_id
        return StockWrite(
            channel_stock_id=stock_id,
            channel_location_id=location,
            desired=desired,
            predicted=predicted,
            key=f"{sku} {desired}",
        )

    writes = [want("MUG", 30, 40), want("LAMP", 80, 90), want("SET", 1, 3)]
    outcome = shop.drive(CONNECTOR.push_stock(writes))

    assert [(one.written, one.unseen, one.error) for one in outcome] == [
        (30, 0, None),
        (78, 2, None),
        (None, 0, "rejected"),
    ]


def test_what_is_shipped_is_in_the_order_once_and_its_way_is_told(shop: Shop) -> None:
    sold = shop.simulator.checkout([("MUG", 2), ("LAMP", 1)])
    assert sold is not None
    order_id = str(sold.order_id)
    (item,) = shop.drive(CONNECTOR.fetch_order(order_id)).items
    mug = read("graphql/order", item).lines[0]
    push = FulfillmentPush(
        key="k",
        channel_order_id=order_id,
        lines=(LineQuantity(line_id=mug.line_id, quantity=1),),
        parcels=(Parcel(carrier="ups", tracking_number="1Z999", tracking_url="https://ups.example/1Z999"),),
        shipped_at=shop.now,
        completes=False,
    )

    shop.simulator.hold(order_id)
    with pytest.raises(ChannelError, match="on hold"):
        shop.drive(CONNECTOR.push_fulfillment(push))
    shop.simulator.release(order_id)
    told = shop.drive(CONNECTOR.push_fulfillment(push))
    again = shop.drive(CONNECTOR.push_fulfillment(push))
    way = TrackingPush(
        key="w",
        channel_order_id=order_id,
        channel_fulfillment_ids=told.channel_fulfillment_ids,
        tracking_number="1Z999",
        status=TrackingStatus.DELIVERED,
        happened_at=shop.now,
        look_first=True,
    )
    shop.drive(CONNECTOR.push_tracking(way))
    before = len(shop.asked)
    shop.drive(CONNECTOR.push_tracking(way))

    (item,) = shop.drive(CONNECTOR.fetch_order(order_id)).items
    (shipment,) = read("graphql/order", item).fulfillments
    assert (again.channel_fulfillment_ids, again.repeated) == (told.channel_fulfillment_ids, True)
    assert (shipment.channel_fulfillment_id,) == told.channel_fulfillment_ids
    assert (shipment.lines, [one.carrier for one in shipment.parcels]) == (push.lines, ["UPS"])
    assert [one.reads for one in shop.asked[before:]] == [True, True]


def test_every_answer_tells_the_points_that_are_left(shop: Shop) -> None:
    shop.drive(CONNECTOR.pull_catalog(None))

    told = [CONNECTOR.budget(answer) for answer in shop.answers]

    assert all(one is not None and one.burst is not None and 0 < one.available <= one.burst for one in told)
    assert told


def test_an_account_its_locations_and_its_webhooks(shop: Shop) -> None:
    account = shop.drive(CONNECTOR.check_account())
    locations = shop.drive(CONNECTOR.pull_locations())
    shop.drive(CONNECTOR.subscribe("https://hub.example/hooks/t", "", ["orders/create"]))

    assert (account.account, account.currency) == ("demo.myshopify.com", "EUR")
    assert [one.channel_location_id for one in locations] == [str(shop.simulator.location_id)]
    assert shop.simulator.subscriptions == {"orders/create": "https://hub.example/hooks/t/orders/create"}
