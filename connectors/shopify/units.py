"""What became of an order's units: shipped, refunded, removed, returned. Reads no payload."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import zip_longest
from typing import Any

from connectors.shopify.amounts import total_of
from core.model.money import Money, Presented

# Anything else (also pending and open, at a fulfillment service) is on its way or has left.
_NOT_SHIPPED = ("cancelled", "error", "failure")


def finish_fulfillments(values: dict[str, Any]) -> None:
    kept = []
    for row in values["fulfillments"]:
        row["active"] = row["status"] not in _NOT_SHIPPED
        row["lines"] = _readable(row["lines"] or ())
        row["parcels"] = _parcels(row)
        if row["channel_fulfillment_id"] is not None:
            kept.append(row)
    values["fulfillments"] = kept


def _parcels(row: dict[str, Any]) -> list[dict[str, Any]]:
    """One per tracking number; the plain fields are what older payloads have."""
    parcels = list(row.get("parcels") or ())
    if not parcels:
        company, number, url = (row.pop(name, None) for name in ("company", "number", "url"))
        numbers, urls = row.pop("numbers", None) or (), row.pop("urls", None) or ()
        numbers, urls = numbers or ((number,) if number else ()), urls or ((url,) if url else ())
        parcels = [
            {"carrier": company, "tracking_number": one, "tracking_url": link}
            for one, link in zip_longest(numbers, urls)
        ]
    return [parcel for parcel in parcels if parcel["tracking_number"] or parcel["tracking_url"]]


def finish_refunds(values: dict[str, Any]) -> None:
    kept = []
    for row in values["refunds"]:
        units = row.pop("units") or ()
        row["lines"] = _readable(units)
        transactions = row.pop("transactions", ())  # a tuple where the payload has none
        if isinstance(transactions, list):
            row["amount"] = _given_back(values, units, transactions)
        row.setdefault("amount", None)
        if row["channel_refund_id"] is not None:
            kept.append(row)
    values["refunds"] = kept


def _readable(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"line_id": row["line_id"], "quantity": row["quantity"]}
        for row in rows
        if row["line_id"] is not None and row["quantity"] is not None
    ]


def _given_back(
    values: dict[str, Any], units: Sequence[dict[str, Any]], transactions: list[dict[str, Any]]
) -> Money | None:
    """What the refund's transactions paid out, in shop currency.

    They may be in the buyer's currency: then the refunded lines tell what that was for the shop, if they add
    up to the same amount.
    """
    shop, seen = values["currency"], values["presentment_currency"]
    if shop is None:
        return None
    paid = [
        t
        for t in transactions
        if t["kind"] == "refund" and t["status"] == "success" and t["amount"] is not None
    ]
    amount = sum((t["amount"] for t in paid), Decimal(0))
    if all(t["currency"] in (None, shop) for t in paid) and (not seen or seen == shop or paid):
        return Money(amount=amount, currency=shop)
    if not all(t["currency"] == seen for t in paid):
        return None
    if not paid:
        return Money(amount=amount, currency=shop, presentment=Presented(amount=amount, currency=seen))
    goods = total_of(unit["subtotal"] for unit in units)
    taxes = total_of(unit["tax"] for unit in units)
    whole = goods if values["prices_include_tax"] or taxes is None else total_of([goods, taxes])
    fits = whole is not None and whole.presentment is not None and whole.presentment.amount == amount
    return whole if fits else None


def finish_quantities(values: dict[str, Any], restocks: dict[str, Counter[str]]) -> None:
    """Count each line's units. *restocks* are refunded units by line and kind of restock.

    https://shopify.dev/docs/api/admin-rest/latest/resources/refund (`restock_type`)
    """
    shipped: Counter[str] = Counter()
    for row in values["fulfillments"]:
        if row["active"]:
            for part in row["lines"]:
                shipped[part["line_id"]] += part["quantity"]
    for line in values["lines"]:
        quantity, facts = line["quantity"], line["facts"]
        refunded = restocks.get(line["line_id"], Counter())
        returned = min(quantity, refunded["return"])
        current = facts.get("current_quantity")
        taken_out = sum(refunded.values()) - refunded["return"]
        removed = taken_out if current is None else quantity - current - returned
        if shipped:
            fulfilled = min(quantity, shipped[line["line_id"]])
        elif facts.get("fulfillment_status") == "fulfilled":
            fulfilled = quantity - max(0, min(quantity, removed))
        else:
            fulfilled = 0
        open_units = quantity - fulfilled
        gone = open_units if values["cancelled"] else max(0, min(removed, open_units))
        line["quantity_fulfilled"], line["quantity_cancelled"] = fulfilled, gone
        line["quantity_returned"] = returned
        # Never shipped, and back on sale there: the merchant ticked it.
        if back := min(quantity, refunded["cancel"]):
            line["channel_lowered"] = quantity - back


def restocks_of(values: dict[str, Any]) -> dict[str, Counter[str]]:
    """Refunded units by line and kind of restock; a kind that is not told counts as none."""
    found: dict[str, Counter[str]] = {}
    for refund in values["refunds"]:
        for unit in refund["units"] or ():
            if unit["line_id"] is not None and unit["quantity"] is not None:
                found.setdefault(unit["line_id"], Counter())[unit["restock_type"] or "no_restock"] += unit[
                    "quantity"
                ]
    return found
