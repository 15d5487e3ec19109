"""Pulling and fetching the orders of a Shopify shop, whole."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.shopify import CONNECTOR
from core.connector import Change, Delivery, Notice, OrderRead, Page, Window
from core.errors import ChannelError, ErrorCode
from core.flow import Request, Response, decode, encode, rehearse

WINDOW = Window(datetime(2026, 6, 1, 10, tzinfo=UTC), datetime(2026, 6, 1, 11, 0, 0, 5, tzinfo=UTC))


def connection(*nodes: dict[str, Any], more: str | None = None) -> dict[str, Any]:
    return {"nodes": list(nodes), "pageInfo": {"hasNextPage": more is not None, "endCursor": more}}


def line(number: int, quantity: int = 1) -> dict[str, Any]:
    return {"id": f"gid://shopify/LineItem/{number}", "quantity": quantity, "sku": f"SKU-{number}"}


def order(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"gid://shopify/Order/{number}",
        "legacyResourceId": str(number),
        "updatedAt": f"2026-06-01T10:{number:02}:00Z",
        "currencyCode": "EUR",
        "lineItems": connection(line(1)),
        "shippingLines": connection(),
        "discountApplications": connection(),
        "fulfillments": [],
        "refunds": [],
    } | more


def said(**data: Any) -> Response:
    return Response(200, body=encode({"data": data}))


def pulled(*answers: Response, cursor: str | None = None) -> tuple[Page, list[Request]]:
    return rehearse(CONNECTOR.pull_orders(WINDOW, cursor), answers, CONNECTOR.classify)


def read(page: Page) -> list[OrderRead]:
    found = [CONNECTOR.read(Delivery(page.topic, {}, item), {}) for item in page.items]
    assert all(isinstance(reading, OrderRead) for reading in found), found
    return [reading for reading in found if isinstance(reading, OrderRead)]


def variables(request: Request) -> dict[str, Any]:
    assert request.body is not None
    found: dict[str, Any] = decode(request.body)["variables"]
    return found


def test_a_page_asks_for_what_changed_in_the_window() -> None:
    page, (asked,) = pulled(said(orders=connection(order(5), order(7))))

    assert (
        variables(asked)["query"]
        == "updated_at:>='2026-06-01T10:00:00Z' AND updated_at:<'2026-06-01T11:00:01Z'"
    )
    assert (page.topic, page.next_cursor) == ("graphql/order", None)
    assert page.changed_until == datetime(2026, 6, 1, 10, 7, tzinfo=UTC)
    assert [reading.order.channel_order_id for reading in read(page)] == ["5", "7"]
    assert (asked.reads, asked.family) == (True, "graphql")


def test_the_next_page_begins_where_shopify_says() -> None:
    page, _ = pulled(said(orders=connection(order(5), more="abc")))
    _, (asked,) = pulled(said(orders=connection(order(6))), cursor=page.next_cursor)

    assert variables(asked)["after"] == "abc"


@pytest.mark.parametrize(
    "listed",
    [
        connection(order(5), more="abc"),  # the page we are on
        connection(more="def"),  # nothing here, but more to come
        {"nodes": [order(5)], "pageInfo": {"hasNextPage": True, "endCursor": None}},
        {"nodes": [order(5)]},
        {"nodes": [None], "pageInfo": {"hasNextPage": False}},
        {"nodes": None, "pageInfo": {"hasNextPage": False}},
        None,
    ],
)
def test_pages_that_lead_nowhere_stop_the_pull(listed: Any) -> None:
    with pytest.raises(ChannelError) as caught:
        pulled(said(orders=listed), cursor="abc")

    assert caught.value.code is ErrorCode.UNEXPECTED


def test_an_order_of_many_lines_is_read_to_its_end() -> None:
    page, asked = pulled(
        said(orders=connection(order(5, lineItems=connection(line(1), line(2), more="l2")))),
        said(node={"lineItems": connection(line(3), more="l3")}),
        said(node={"lineItems": connection(line(4))}),
    )

    (reading,) = read(page)
    assert [one.line_id for one in reading.order.lines] == ["1", "2", "3", "4"]
    assert [variables(request).get("after") for request in asked] == [None, "l2", "l3"]
    assert reading.order.holds == tuple(h for h in reading.order.holds if h.code != "incomplete")


def test_shipments_and_refunds_are_read_to_their_end() -> None:
    def units(*lines: int, more: str | None = None) -> dict[str, Any]:
        return connection(
            *({"quantity": 1, "lineItem": {"id": f"gid://shopify/LineItem/{n}"}} for n in lines), more=more
        )

    shipment = {
        "id": "gid://shopify/Fulfillment/8",
        "status": "SUCCESS",
        "fulfillmentLineItems": units(1, more="f"),
    }
    refund = {"id": "gid://shopify/Refund/9", "refundLineItems": units(1, more="r")}

    page, asked = pulled(
        said(orders=connection(order(5, fulfillments=[shipment], refunds=[refund]))),
        said(node={"fulfillmentLineItems": units(2)}),
        said(node={"refundLineItems": units(2)}),
    )

    (reading,) = read(page)
    assert [part.line_id for part in reading.order.fulfillments[0].lines] == ["1", "2"]
    assert [part.line_id for part in reading.order.refunds[0].lines] == ["1", "2"]
    assert [variables(request)["id"] for request in asked[1:]] == [shipment["id"], refund["id"]]


def test_a_list_without_a_cursor_that_may_be_cut_is_asked_for_again() -> None:
    def shipments(count: int) -> list[dict[str, Any]]:
        return [
            {"id": f"gid://shopify/Fulfillment/{n}", "fulfillmentLineItems": connection()}
            for n in range(1, count + 1)
        ]

    page, asked = pulled(
        said(orders=connection(order(5, fulfillments=shipments(10)))),
        said(node={"fulfillments": shipments(12)}),
    )

    assert len(read(page)[0].order.fulfillments) == 12
    assert variables(asked[1])["first"] > 12


def test_a_query_that_is_too_dear_is_asked_for_one_order() -> None:
    dear = {"message": "Query cost is 1200", "extensions": {"code": "MAX_COST_EXCEEDED"}}

    page, asked = pulled(
        Response(200, body=encode({"errors": [dear]})), said(orders=connection(order(5), more="x"))
    )

    assert [variables(request)["first"] for request in asked] == [20, 1]
    assert page.next_cursor == "x"


def test_a_refusal_in_between_is_the_hubs_business() -> None:
    with pytest.raises(ChannelError) as caught:
        pulled(said(orders=connection(order(5, lineItems=connection(line(1), more="l")))), Response(429))

    assert caught.value.code is ErrorCode.RATE_LIMITED


def test_one_order_is_fetched_in_the_same_shape() -> None:
    page, (asked,) = rehearse(CONNECTOR.fetch_order("5"), [said(order=order(5))], CONNECTOR.classify)

    assert variables(asked)["id"] == "gid://shopify/Order/5"
    assert [reading.order.channel_order_id for reading in read(page)] == ["5"]


def test_an_order_that_is_not_there_is_told_as_gone() -> None:
    page, _ = rehearse(CONNECTOR.fetch_order("9007199254740993"), [said(order=None)], CONNECTOR.classify)

    reading = CONNECTOR.read(Delivery(page.topic, {}, page.items[0]), {})
    assert page.items == (b'{"id":9007199254740993}',)
    assert reading == Notice("order", Change.GONE, "9007199254740993")


@pytest.mark.parametrize("answer", [{"order": order(6)}, {}, {"order": []}])
def test_another_thing_than_the_order_asked_for_is_not_believed(answer: dict[str, Any]) -> None:
    with pytest.raises(ChannelError) as caught:
        rehearse(CONNECTOR.fetch_order("5"), [said(**answer)], CONNECTOR.classify)

    assert caught.value.code is ErrorCode.UNEXPECTED


def test_the_same_arguments_always_ask_the_same() -> None:
    answers = [said(orders=connection(order(5), more="abc"))]

    assert pulled(*answers, cursor="x")[1] == pulled(*answers, cursor="x")[1]
