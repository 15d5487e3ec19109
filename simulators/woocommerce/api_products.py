"""The routes of products and variations, with the store's way of taking and silently ignoring counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from simulators.woocommerce import product_payloads
from simulators.woocommerce.model import SimProduct
from simulators.woocommerce.rest import Answer, Call, RestError, invalid, page, select

_USE_VARIATIONS = (
    "To manipulate product variations you should use the "
    "/products/&lt;product_id&gt;/variations/&lt;id&gt; endpoint."
)


async def index(call: Call) -> Answer:
    """Variations are listed only when asked for by SKU."""
    skus, include, exclude = set(call.words("sku")), call.numbers("include"), call.numbers("exclude")
    order_by = call.choice("orderby", ("date", "id", "modified"), "date")
    after, before = call.date("modified_after"), call.date("modified_before")
    found = [
        item
        for item in call.shop.catalogue.products.values()
        if (item.shown_sku in skus if skus else item.parent is None)
        and item.status == call.query.get("status", "publish")
        and item.kind == call.query.get("type", item.kind)
        and (not include or item.product_id in include)
        and item.product_id not in exclude
        and (after is None or item.modified > after)
        and (before is None or item.modified < before)
    ]
    descending = call.choice("order", ("asc", "desc"), "desc") == "desc"
    found.sort(
        key=lambda item: (item.modified if order_by == "modified" else item.created, item.product_id),
        reverse=descending,
    )
    return page(call, found, lambda item: product_payloads.product(item, call.face))


async def create(call: Call) -> Answer:
    sku = str(call.body.get("sku", ""))
    _check_sku(call, sku)
    quantity = call.body.get("stock_quantity", 0) if call.body.get("manage_stock") else None
    item = call.shop.add_product(
        sku=sku or None,
        name=str(call.body.get("name", "Product")),
        price=str(call.body.get("regular_price") or "0"),
        quantity=None if quantity is None else _checked(quantity),
        gtin=call.body.get("global_unique_id"),
    )
    call.shop.announce_products([item], "product.created")
    location = {"Location": f"{call.face.api}/products/{item.product_id}"}
    return Answer(select(product_payloads.product(item, call.face, written=True), call), 201, location)


async def show(call: Call) -> Answer:
    return Answer(select(product_payloads.product(_product(call, call.args[0], 404), call.face), call))


async def update(call: Call) -> Answer:
    return Answer(select(_update(call, call.args[0], call.body, checked=True), call))


async def remove(call: Call) -> Answer:
    """To the trash. The store says so twice: as a product and, with the same id, as a coupon."""
    item = _product(call, call.args[0], 404)
    shown = product_payloads.product(item, call.face)
    if call.flag("force"):
        call.shop.catalogue.forget(item)
    else:
        item.status = "trash"
        call.shop.announce_trashed(item)
    return Answer(select(shown, call))


async def variations(call: Call) -> Answer:
    parent = _product(call, call.args[0], 404)
    return page(
        call, parent.variations[::-1], lambda item: product_payloads.variation(item, parent, call.face)
    )


async def show_variation(call: Call) -> Answer:
    parent = _product(call, call.args[0], 404)
    return Answer(
        select(product_payloads.variation(_variation(parent, call.args[1], 404), parent, call.face), call)
    )


async def update_variation(call: Call) -> Answer:
    return Answer(select(_update_variation(call, call.args[1], call.body, checked=True), call))


async def batch(call: Call) -> Answer:
    return run_batch(call, lambda number, fields: _update(call, number, fields, checked=False))


async def batch_variations(call: Call) -> Answer:
    return run_batch(call, lambda number, fields: _update_variation(call, number, fields, checked=False))


def run_batch(call: Call, update: Callable[[int, Mapping[str, Any]], dict[str, Any]]) -> Answer:
    """Updates in order; a refused one leaves its error in its place and the answer is 200 all the same."""
    if sum(len(call.body.get(part, [])) for part in ("create", "update", "delete")) > 100:
        raise RestError(
            413,
            "woocommerce_rest_request_entity_too_large",
            "Unable to accept more than 100 items for this request.",
        )
    if call.body.get("create") or call.body.get("delete"):
        raise RestError(501, "simulator_batch", "The simulated shop knows only `update` in batches.")
    results = []
    for item in call.body.get("update", []):
        try:
            results.append(update(item.get("id") or 0, item))
        except RestError as refusal:
            results.append({"id": item.get("id"), "error": refusal.body})
    return Answer(select({"update": results}, call))


def _update(call: Call, product_id: int, fields: Mapping[str, Any], *, checked: bool) -> dict[str, Any]:
    item = _product(call, product_id, 400)
    if item.parent is not None:
        raise RestError(404, "woocommerce_rest_invalid_product_id", _USE_VARIATIONS)
    _write(call, item, fields, checked=checked)
    return product_payloads.product(item, call.face, written=True)


def _update_variation(
    call: Call, variation_id: int, fields: Mapping[str, Any], *, checked: bool
) -> dict[str, Any]:
    parent = _product(call, call.args[0], 404)
    item = _variation(parent, variation_id, 400)
    _write(call, item, fields, checked=checked)
    return product_payloads.variation(item, parent, call.face)


def _write(call: Call, item: SimProduct, fields: Mapping[str, Any], *, checked: bool) -> None:
    """Batches are not checked against the schema: there, nonsense counts as 0."""
    quantity = delta = None
    if "stock_quantity" in fields:
        quantity = _checked(fields["stock_quantity"]) if checked else _loose(fields["stock_quantity"])
    if "inventory_delta" in fields:
        delta = _loose(fields["inventory_delta"])
    if "sku" in fields and fields["sku"] != item.sku:
        _check_sku(call, str(fields["sku"]))
        call.shop.catalogue.rename(item, str(fields["sku"]))
    if "manage_stock" in fields:
        call.shop.catalogue.count(item, counted=bool(fields["manage_stock"]))
    item.name = str(fields.get("name", item.name))
    item.gtin = str(fields.get("global_unique_id", item.gtin))
    if fields.get("regular_price"):
        item.price = Decimal(str(fields["regular_price"]))
    if quantity is not None:
        call.shop.catalogue.write_stock(item, quantity)
    elif delta is not None:
        call.shop.catalogue.write_stock(item, (item.stock_quantity or 0) + delta)
    item.modified = call.shop.clock()
    call.shop.announce_products([item])


def _checked(value: Any) -> int:
    """A count as the schema lets it through: a whole number or its text; null becomes 0."""
    if value is None:
        return 0
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = 0.5
    if not number.is_integer():
        message = "stock_quantity is not of type integer."
        raise invalid("stock_quantity", message, "rest_invalid_type", {"param": "stock_quantity"})
    return int(number)


def _loose(value: Any) -> int:
    try:
        return int(float(value or 0))
    except (TypeError, ValueError):
        return 0


def _check_sku(call: Call, sku: str) -> None:
    taken = call.shop.catalogue.by_sku.get(sku)
    if taken is not None:
        raise RestError(
            400,
            "product_invalid_sku",
            "Invalid or duplicated SKU.",
            resource_id=taken.product_id,
            unique_sku=f"{sku}-1",
        )


def _product(call: Call, product_id: int, status: int) -> SimProduct:
    item = call.shop.catalogue.products.get(product_id)
    if item is None:
        raise RestError(status, "woocommerce_rest_product_invalid_id", "Invalid ID.")
    return item


def _variation(parent: SimProduct, variation_id: int, status: int) -> SimProduct:
    for item in parent.variations:
        if item.product_id == variation_id:
            return item
    raise RestError(status, "woocommerce_rest_product_variation_invalid_id", "Invalid ID.")
