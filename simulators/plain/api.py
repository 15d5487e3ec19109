"""The API of a plain marketplace as one function from a request to an answer, with or without a socket before it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from simulators.plain.shop import PAGE, Listing, PlainOrder, PlainShop, Refused

Answer = tuple[int, bytes]


def answer(
    shop: PlainShop, method: str, path: str, query: Mapping[str, str], authorization: str, body: bytes
) -> Answer:
    """(status, JSON). 401 for another token, 404 for what is not there, 413 for a batch that is too large."""
    if not shop.accepts(authorization):
        return _told(401, {"error": {"code": "unauthorized", "message": "The token is not valid."}})
    sent: dict[str, Any] = json.loads(body) if body else {}  # noqa: TID251 - whole numbers and texts only
    try:
        shop.books.calls[f"{method} {path.split('/')[1]}"] += 1
        return _told(200, _do(shop, method, path, query, sent))
    except Refused as refused:
        return _told(refused.status, {"error": {"code": refused.code, "message": refused.message}})


def _told(status: int, value: Any) -> Answer:
    return status, json.dumps(value).encode()


def _do(shop: PlainShop, method: str, path: str, query: Mapping[str, str], sent: dict[str, Any]) -> Any:
    if (method, path) == ("GET", "/account"):
        return {"account": shop.name, "name": shop.name, "currency": "EUR"}
    if (method, path) == ("GET", "/locations"):
        return {"locations": [{"id": one, "name": one or "Stock"} for one in shop.semantics.locations]}
    if (method, path) == ("GET", "/listings"):
        return _listings(shop, query)
    if (method, path) == ("GET", "/orders"):
        return _orders(shop, query)
    if (method, path) == ("POST", "/stock"):
        return _each(shop, sent, lambda row: shop.write(*_where(row), row["quantity"], row.get("expected")))
    if (method, path) == ("POST", "/deactivate"):
        return _each(shop, sent, lambda row: shop.deactivate(row["listing"]))
    if (method, path) == ("POST", "/relist"):
        return _each(shop, sent, lambda row: shop.relist(*_where(row), row["quantity"]))
    found = re.fullmatch(r"/orders/([^/]+)(/shipments)?", path)
    order = shop.orders.get(found[1]) if found else None
    if found is None or order is None:
        raise Refused("not_found", "There is no such order.", 404)
    if method == "GET":
        return shop.payload(order)
    return {"id": _ship(shop, order, sent)}


def _where(row: dict[str, Any]) -> tuple[str, str]:
    return row["listing"], row.get("location", "")


def _each(shop: PlainShop, sent: dict[str, Any], do: Any) -> Any:
    """Every write by itself: what is refused says so in its place."""
    rows = sent.get("writes", [])
    if len(rows) > shop.semantics.batch:
        raise Refused("too_many", f"At most {shop.semantics.batch} in one call.", 413)
    results = []
    for row in rows:
        try:
            results.append({"quantity": do(row)})
        except Refused as refused:
            results.append({"error": {"code": refused.code, "message": refused.message}})
    return {"results": results}


def _listings(shop: PlainShop, query: Mapping[str, str]) -> Any:
    if "ids" in query:
        named = [shop.listings[one] for one in query["ids"].split(",") if one in shop.listings]
        return {"listings": [_listing(one) for one in named], "next": None}
    begin = int(query.get("after", "0"))
    page = list(shop.listings.values())[begin : begin + PAGE]
    more = begin + PAGE < len(shop.listings)
    return {"listings": [_listing(one) for one in page], "next": str(begin + PAGE) if more else None}


def _listing(one: Listing) -> dict[str, Any]:
    stored = [{"location": place, "quantity": units} for place, units in one.stored.items()]
    return {"id": one.listing_id, "sku": one.sku, "active": one.active, "stock": stored}


def _orders(shop: PlainShop, query: Mapping[str, str]) -> Any:
    since, until = (datetime.fromisoformat(query[name]) for name in ("since", "until"))
    after = query.get("after", "").rpartition("#")
    page = shop.changed(since, until, (after[0], int(after[2])) if after[0] else None)
    rows = [shop.payload(order) for _, order in page]
    last = f"{page[-1][1].changed_at.isoformat()}#{page[-1][0]}" if len(page) == PAGE else None
    return {"orders": rows, "next": last}


def _ship(shop: PlainShop, order: PlainOrder, sent: dict[str, Any]) -> str:
    units = {row["line"]: row["quantity"] for row in sent["lines"]}
    return shop.ship(
        order, units, key=sent["key"], tracking=sent.get("tracking", ""), carrier=sent.get("carrier", "")
    )
