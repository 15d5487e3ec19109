"""What the topics say that carry no whole order: what to look at again, what is gone. Believes no destructive
topic whose body has another shape: only the body is signed.
"""

from __future__ import annotations

from typing import Any

from core.connector import Change, Notice, Problem, Reading, Unreadable
from mappings.transforms import gid

_OF_AN_ORDER = (
    "refunds",
    "returns",
    "order_transactions",
    "fulfillments",
    "fulfillment_events",
    "fulfillment_orders",
)
_SHOP_FIELDS = {"myshopify_domain", "plan_name", "shop_owner"}  # what only a shop has
_PRIVACY = {
    "customers/redact": {"shop_id", "shop_domain", "customer", "orders_to_redact"},
    "customers/data_request": {"shop_id", "shop_domain", "customer", "orders_requested"},
    "shop/redact": {"shop_id", "shop_domain"},
}


def notice_of(topic: str, payload: dict[str, Any]) -> Reading:
    """What the delivery says; `Unreadable` when it names nothing, or not what its topic promises."""
    resource, _, event = topic.partition("/")
    if topic in _PRIVACY:
        return _privacy(topic, payload)
    if topic == "app/uninstalled":
        if not payload.keys() >= _SHOP_FIELDS or "line_items" in payload:
            return _another_shape(topic)
        return Notice("connection", Change.DELETED, _text(payload.get("myshopify_domain")), message=topic)
    if topic == "pull/missing":
        return _named("order", Change.GONE, payload, "id")
    if resource == "orders":
        return _of_orders(event, payload)
    if resource == "returns":
        order = payload.get("order")
        if isinstance(order, dict):
            return _named("order", Change.CHANGED, order, "id", place="/order")
        return _named("order", Change.CHANGED, payload, "order_id")
    if resource == "fulfillment_orders":
        inner = payload.get("fulfillment_order")
        return Notice(
            "order", Change.CHANGED, _id(inner.get("order_id") if isinstance(inner, dict) else None)
        )
    if resource in _OF_AN_ORDER:
        return _named("order", Change.CHANGED, payload, "order_id")
    change = Change.DELETED if event == "delete" else Change.CHANGED
    if resource == "inventory_levels":
        return _named("stock", Change.CHANGED, payload, "inventory_item_id")
    return _named("product", change, payload, "id")


def _of_orders(event: str, payload: dict[str, Any]) -> Reading:
    if event == "delete":
        return _named("order", Change.DELETED, payload, "id")
    edit = payload.get("order_edit")
    if isinstance(edit, dict):
        return _named("order", Change.CHANGED, edit, "order_id", place="/order_edit")
    return _named("order", Change.CHANGED, payload, "order_id" if "order_id" in payload else "id")


def _privacy(topic: str, payload: dict[str, Any]) -> Reading:
    unfit = {"line_items"} if "customer" in _PRIVACY[topic] else {"line_items", "customer"}
    if not payload.keys() >= _PRIVACY[topic] or payload.keys() & unfit:
        return _another_shape(topic)
    customer = payload.get("customer")
    subject = customer.get("id") if isinstance(customer, dict) else payload.get("shop_id")
    change = Change.CHANGED if topic == "customers/data_request" else Change.DELETED
    return Notice("privacy", change, _id(subject), message=topic)


def _named(subject: str, change: Change, holder: dict[str, Any], field: str, place: str = "") -> Reading:
    found = _id(holder.get(field))
    if found is None:
        problem = Problem(code="invalid_value", pointer=f"{place}/{field}", message="no id can be read")
        return Unreadable((problem,))
    return Notice(subject, change, found)


def _another_shape(topic: str) -> Unreadable:
    message = f"the body is not what {topic} sends"
    return Unreadable((Problem(code="topic_shape", pointer="", message=message),))


def _id(value: Any) -> str | None:
    try:
        return gid(value)
    except ValueError:
        return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
