"""The routes of orders and their refunds."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from simulators.woocommerce import order_writes, payloads, refund_payloads
from simulators.woocommerce.api_products import run_batch
from simulators.woocommerce.model import FeeLine, RefundLine, ShippingLine, SimLine, SimOrder
from simulators.woocommerce.order_writes import STATUSES
from simulators.woocommerce.rest import Answer, Call, RestError, not_one_of, page, select

_HIDDEN = frozenset({"trash", "auto-draft", "checkout-draft"})
_NOT_SIMULATED = ("search", "customer", "product", "parent", "offset", "dp")


async def index(call: Call) -> Answer:
    """https://woocommerce.github.io/woocommerce-rest-api-docs/#list-all-orders"""
    for name in _NOT_SIMULATED:
        if name in call.query:
            raise RestError(501, "simulator_filter", f"The simulated shop cannot list orders by {name}.")
    statuses = call.words("status") or ["any"]
    allowed = ("any", "trash", *STATUSES)
    if not set(statuses) <= set(allowed):
        raise not_one_of("status[0]", allowed)
    include, exclude = call.numbers("include"), call.numbers("exclude")
    after, before = call.date("after"), call.date("before")
    found = [
        order
        for order in call.shop.order_book.between(call.date("modified_after"), call.date("modified_before"))
        if (order.status not in _HIDDEN if "any" in statuses else order.status in statuses)
        and (not include or order.order_id in include)
        and order.order_id not in exclude
        and (after is None or order.created > after)
        and (before is None or order.created < before)
    ]
    order_by = call.choice("orderby", ("date", "id", "modified"), "date")
    if order_by != "modified":
        found.sort(
            key=lambda order: (order.created, order.order_id) if order_by == "date" else (order.order_id,)
        )
    if call.choice("order", ("asc", "desc"), "desc") == "desc":
        found.reverse()
    defaults = [(f"status[{at}]", status) for at, status in enumerate(statuses)]
    return page(
        call,
        found,
        lambda order: payloads.order(order, call.face),
        defaults,
        shown_defaults=[("dp", "2"), ("context", "view")],
    )


async def create(call: Call) -> Answer:
    """Every POST makes an order, also a repeated or an empty one."""
    order = order_writes.create(call.shop, call.body)
    body = payloads.order(order, call.face)
    return Answer(select(body, call), 201, {"Location": f"{call.face.api}/orders/{order.order_id}"})


async def show(call: Call) -> Answer:
    return Answer(select(payloads.order(_order(call), call.face), call))


async def update(call: Call) -> Answer:
    return Answer(select(_update(call, call.args[0], call.body, checked=True), call))


async def batch(call: Call) -> Answer:
    return run_batch(call, lambda number, fields: _update(call, number, fields, checked=False))


def _update(call: Call, order_id: int, fields: Mapping[str, Any], *, checked: bool) -> dict[str, Any]:
    order = call.shop.orders.get(order_id)
    if order is None:
        raise RestError(400, "woocommerce_rest_shop_order_invalid_id", "ID is invalid.")
    order_writes.update(call.shop, order, fields, checked=checked)
    return payloads.order(order, call.face)


async def remove(call: Call) -> Answer:
    """The answer shows the order as it was before."""
    order = _order(call)
    shown = select(payloads.order(order, call.face), call)
    if call.flag("force"):
        call.shop.delete(order.order_id)
    elif order.status == "trash":
        raise RestError(410, "woocommerce_rest_already_trashed", "The shop_order has already been deleted.")
    else:
        call.shop.trash(order.order_id)
    return Answer(shown)


async def refunds(call: Call) -> Answer:
    order = _order(call)
    return page(call, order.refunds, lambda refund: refund_payloads.refund(order, refund, call.face))


async def all_refunds(call: Call) -> Answer:
    every = [(order, refund) for order in call.shop.orders.values() for refund in order.refunds]
    every.sort(key=lambda pair: pair[1].refund_id, reverse=True)
    return page(
        call,
        every,
        lambda pair: {"parent_id": pair[0].order_id} | refund_payloads.refund(*pair, call.face),
        shown_defaults=[("dp", "2")],
    )


async def add_refund(call: Call) -> Answer:
    """Asks the payment gateway unless api_refund is false. The shop has no gateways, so that fails."""
    order, body = _order(call), call.body
    parts = [part for item in body.get("line_items", []) if (part := _part(call, order, item))]
    total = sum((part.total + part.tax for part in parts), Decimal(0))
    try:
        amount = Decimal(str(body["amount"])) if "amount" in body else total
    except InvalidOperation:
        raise _unrefundable("Invalid refund amount.") from None
    if body.get("api_refund", True):
        raise _unrefundable("The payment gateway for this order does not exist.")
    try:
        refund = call.shop.give_refund(
            order, amount, str(body.get("reason", "")), parts, restock=bool(body.get("api_restock", True))
        )
    except ValueError as too_much:
        raise _unrefundable(str(too_much)) from None
    location = {"Location": f"{call.face.api}/orders/{order.order_id}/refunds/{refund.refund_id}"}
    return Answer(select(refund_payloads.refund(order, refund, call.face), call), 201, location)


def _unrefundable(message: str) -> RestError:
    refusal = RestError(500, "woocommerce_rest_cannot_create_order_refund", message)
    refusal.body["data"] = 500
    return refusal


def _part(call: Call, order: SimOrder, item: Mapping[str, Any]) -> RefundLine | None:
    tax = sum((Decimal(str(part.get("refund_total", 0))) for part in item.get("refund_tax", [])), Decimal(0))
    kinds: tuple[list[SimLine] | list[ShippingLine] | list[FeeLine], ...] = (
        order.lines,
        order.shipping_lines,
        order.fee_lines,
    )
    for line in (line for kind in kinds for line in kind):
        if line.item_id == item.get("id"):
            total = Decimal(str(item.get("refund_total", 0)))
            return call.shop.order_book.part(line, int(item.get("quantity", 0)), total, tax)
    return None


def _order(call: Call) -> SimOrder:
    order = call.shop.orders.get(call.args[0])
    if order is None:
        raise RestError(404, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
    return order
