"""A webhook and the Admin API tell the same order the same way."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from shopify_described import Described, graphql, rest
from shopify_drawing import orders

from connectors.shopify import CONNECTOR
from connectors.shopify.reading import NODE, PAYLOAD
from core.connector import Delivery, OrderRead
from core.flow import decode, encode
from core.model.order import Order
from mappings.engine import unread_fields


def read(topic: str, payload: object) -> Order:
    reading = CONNECTOR.read(Delivery(topic, {}, encode(payload)), {})
    assert isinstance(reading, OrderRead), reading
    return reading.order


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(orders())
def test_both_spellings_of_an_order_are_the_same_order(described: Described) -> None:
    hooked = read("orders/updated", rest(described))
    asked = read("graphql/order", graphql(described))

    assert hooked == asked


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(orders())
def test_an_order_that_adds_up_is_read_without_a_hold(described: Described) -> None:
    order = read("orders/updated", rest(described))

    assert order.holds == ()
    assert order.channel_order_id == str(described.order_id)
    assert [line.quantity for line in order.lines] == [line.quantity for line in described.lines]
    assert [line.quantity_returned for line in order.lines] == [line.returned for line in described.lines]
    assert [line.quantity_fulfilled for line in order.lines] == [line.shipped for line in described.lines]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(orders())
def test_nothing_in_either_spelling_goes_unnoticed(described: Described) -> None:
    hooked, asked = rest(described), decode(encode(graphql(described)))

    assert unnoticed(hooked, PAYLOAD.reads) == []
    assert unnoticed(asked, NODE.reads) == []


def unnoticed(payload: object, reads: tuple[str, ...]) -> list[str]:
    """Unread paths; an empty list or a null where more could be is nothing unread."""
    beyond = {path[: len(path) - len(rest)] for path in reads for rest in _tails(path)}
    return [path for path in unread_fields(payload, reads) if path not in beyond]


def _tails(path: str) -> list[str]:
    steps = path.split(".")
    return ["." + ".".join(steps[index:]) for index in range(1, len(steps))] + [""]
