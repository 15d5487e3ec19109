"""What POST and PUT do to an order: what is checked, what is added, what is ignored without a word.

https://woocommerce.github.io/woocommerce-rest-api-docs/#create-an-order
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from simulators.woocommerce.model import FeeLine, ShippingLine, SimOrder
from simulators.woocommerce.orders import BILLING
from simulators.woocommerce.pricing import tax_on
from simulators.woocommerce.rest import RestError, invalid, not_one_of

if TYPE_CHECKING:
    from simulators.woocommerce.shop import WooCommerceSimulator

STATUSES = (
    "auto-draft",
    "pending",
    "processing",
    "on-hold",
    "completed",
    "cancelled",
    "refunded",
    "failed",
    "checkout-draft",
)
_TEXTS = ("payment_method", "payment_method_title", "transaction_id", "customer_note")


def create(shop: WooCommerceSimulator, body: Mapping[str, Any]) -> SimOrder:
    """Announced as created and then, with the same body, as updated."""
    _check(shop, body)
    wanted = str(body.get("status", "pending"))
    unknown = [
        line for line in body.get("coupon_lines", []) if str(line.get("code")).lower() not in shop.coupons
    ]
    first = "checkout-draft" if unknown else "pending"
    order = shop.order_book.new(created_via="rest-api", status=first, billing=body.get("billing", {}))
    if unknown:
        code = str(unknown[0].get("code")).lower()
        shop.announce(order, "order.created", "order.updated")
        raise RestError(
            400,
            "woocommerce_rest_invalid_coupon",
            f"Coupon &quot;{code}&quot; cannot be applied because it does not exist.",
            new_draft_order_id=order.order_id,
        )
    _fill(shop, order, body)
    if body.get("set_paid"):
        order.paid = shop.clock()
        wanted = "completed" if order.payment_method == "cod" else "processing"
    moved = shop.order_book.settle(order, wanted)
    shop.announce(order, "order.created", "order.updated")
    shop.announce_products(moved)
    return order


def update(shop: WooCommerceSimulator, order: SimOrder, body: Mapping[str, Any], *, checked: bool) -> None:
    """Moves date_modified and announces the order even when *body* is empty. Batches are not *checked*."""
    if checked:
        _check(shop, body)
    status = body.get("status")
    if status not in STATUSES and status is not None:
        status = "pending"
    own = {line.item_id: line for line in order.lines}
    for item in body.get("line_items", []):
        if item.get("id") and item["id"] not in own:
            raise RestError(
                400,
                "woocommerce_rest_invalid_item_id",
                "Order item ID provided is not associated with order.",
            )
    silent = order.status == "trash"
    _fill(shop, order, body)
    if body.get("set_paid") and order.paid is None:
        status = "completed" if order.payment_method == "cod" else "processing"
        order.paid = shop.clock()
    moved = shop.order_book.settle(order, status) if status and status != order.status else []
    shop.order_book.touch(order)
    if not silent:
        shop.announce(order, "order.updated")
    shop.announce_products(moved)


def _check(shop: WooCommerceSimulator, body: Mapping[str, Any]) -> None:
    if "status" in body and body["status"] not in STATUSES:
        raise not_one_of("status", STATUSES)
    if body.get("currency", shop.currency) != shop.currency:
        raise not_one_of("currency", ("AED", shop.currency))
    email = body.get("billing", {}).get("email")
    if email and "@" not in email:
        raise invalid("billing", "Invalid email address.", "rest_invalid_email")
    items = body.get("line_items", [])
    for at, item in enumerate(items if isinstance(items, list) else [items]):
        where = f"line_items[{at}]"
        if not isinstance(item, dict):
            message = f"{where} is not of type object."
            raise invalid("line_items", message, "rest_invalid_type", {"param": where})
        try:
            whole = float(item.get("quantity", 1)).is_integer()
        except (TypeError, ValueError):
            whole = False
        if not whole:
            where += "[quantity]"
            message = f"{where} is not of type integer."
            raise invalid("line_items", message, "rest_invalid_type", {"param": where})
    if body.get("customer_id"):
        raise RestError(400, "woocommerce_rest_invalid_customer_id", "Customer ID is invalid.")


def _fill(shop: WooCommerceSimulator, order: SimOrder, body: Mapping[str, Any]) -> None:
    """Addresses are merged, meta goes by key, items without an id are added each time."""
    for name in _TEXTS:
        setattr(order, name, str(body.get(name, getattr(order, name))))
    order.billing.update(
        {key: str(value) for key, value in body.get("billing", {}).items() if key in BILLING}
    )
    order.shipping.update(
        {key: str(value) for key, value in body.get("shipping", {}).items() if key in order.shipping}
    )
    for row in body.get("meta_data", []):
        shop.order_book.set_meta(order, str(row["key"]), row.get("value"), row.get("id"))
    for item in body.get("line_items", []):
        _item(shop, order, item)
    for line in body.get("shipping_lines", []):
        net = Decimal(str(line.get("total") or 0))
        title, method = str(line.get("method_title", "")), str(line.get("method_id", ""))
        order.shipping_lines.append(ShippingLine(next(shop.ids.items), title, method, "", net, tax_on(net)))
    for fee in body.get("fee_lines", []):
        net = Decimal(str(fee.get("total") or 0))
        order.fee_lines.append(FeeLine(next(shop.ids.items), str(fee.get("name", "")), net, tax_on(net)))
    for coupon in body.get("coupon_lines", []):
        _coupon(shop, order, str(coupon["code"]).lower())


def _item(shop: WooCommerceSimulator, order: SimOrder, item: Mapping[str, Any]) -> None:
    products = shop.catalogue
    by_sku = products.by_sku.get(str(item.get("sku", "")))
    number = item.get("variation_id") or item.get("product_id") or 0
    product, quantity = products.products.get(number, by_sku), int(item.get("quantity", 1))
    old = next((line for line in order.lines if line.item_id == item.get("id")), None)
    if old is not None:
        order.lines.remove(old)
        product = old.product
        if quantity == 0:
            return
    line = shop.order_book.add_line(order, product, quantity)
    if old is not None:
        line.item_id, line.meta, line.off_shelf = old.item_id, old.meta, old.off_shelf
    for row in item.get("meta_data", []):
        line.meta.append(shop.order_book.meta(str(row["key"]), row.get("value")))
    if "total" in item:
        line.total = Decimal(str(item["total"]))
        line.total_tax = tax_on(line.total)
        line.subtotal = Decimal(str(item.get("subtotal", item["total"])))
        line.subtotal_tax = tax_on(line.subtotal)


def _coupon(shop: WooCommerceSimulator, order: SimOrder, code: str) -> None:
    percent = shop.coupons.get(code, 0)
    for line in order.lines:
        line.total = line.subtotal * (100 - percent) / 100
        line.total_tax = line.subtotal_tax * (100 - percent) / 100
    order.coupon_lines = []
    shop.order_book.add_coupon(order, code, percent)
