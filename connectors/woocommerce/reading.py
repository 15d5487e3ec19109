"""Turns a WooCommerce order payload into a canonical order: the mapping, and what needs more than that."""

from __future__ import annotations

import math
import re
from decimal import ROUND_CEILING, Decimal
from functools import partial
from pathlib import Path
from typing import Any

import mappings
from connectors.woocommerce import metadata
from connectors.woocommerce.amounts import finish_amounts, finish_line
from core.connector import Delivery, OrderRead, Overrides, Problem, Unreadable
from core.flow import DecodeError, decode
from core.model.order import PaymentStatus, Source
from mappings.assemble import read_order
from mappings.contracts import load_contract
from mappings.engine import compile_mapping, unread_fields

_FILES = Path(mappings.__file__).parent / "woocommerce"
MAPPING = compile_mapping((_FILES / "order.toml").read_text("utf-8"))
_GUARD = load_contract(_FILES / "order.schema.json")

_LISTS = (
    "line_items",
    "shipping_lines",
    "fee_lines",
    "coupon_lines",
    "tax_lines",
    "refunds",
    "gift_cards",
    "meta_data",
)
_COUNT = re.compile(r"[0-9]{1,6}(\.[0-9]{1,8})?")
_DRAFTS = ("checkout-draft", "auto-draft", "draft")  # the last is WordPress's own
_LOWERED = ("processing", "completed", "on-hold")  # entering one of these takes units off the shop's count


def read_woo_order(payload: dict[str, Any], overrides: Overrides, body: bytes) -> OrderRead | Unreadable:
    """The order in *payload*, or why there is none; never raises."""
    tidy, odd = _tidied(payload)
    return read_order(
        MAPPING,
        tidy,
        channel="woocommerce",
        overrides=overrides,
        body=body,
        guard=_GUARD,
        finish=partial(_finish, payload=tidy, overrides=overrides, odd=odd),
    )


def unread(delivery: Delivery) -> list[str]:
    """Fields of a whole order that the mapping neither reads nor ignores; nothing for other bodies."""
    try:
        payload = decode(delivery.body)
    except DecodeError:
        return []
    return (
        unread_fields(payload, MAPPING.reads) if isinstance(payload, dict) and "line_items" in payload else []
    )


def _tidied(payload: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """*payload* with PHP's odd lists made lists; quantities that are not whole are set aside and told."""
    tidy = {**payload, **{name: _listed(payload[name]) for name in _LISTS if name in payload}}
    odd: list[Problem] = []
    if isinstance(tidy.get("line_items"), list):
        lines = enumerate(tidy["line_items"])
        tidy["line_items"] = [_line(line, i, odd) if isinstance(line, dict) else line for i, line in lines]
    return tidy, odd


def _listed(found: Any) -> Any:
    if isinstance(found, dict):  # PHP writes a list with gaps as an object
        return list(found.values())
    return [] if found == "" else found


def _line(line: dict[str, Any], index: int, odd: list[Problem]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if line.get("id") is None:
        # Made by hand: its place is its name, so that its units are reserved all the same.
        changes["id"] = index + 1
        pointer = f"/line_items/{index}/id"
        odd.append(Problem(code="missing_value", pointer=pointer, message="is missing"))
    if "meta_data" in line and not isinstance(line["meta_data"], list):
        changes["meta_data"] = _listed(line["meta_data"])
    return _whole({**line, **changes} if changes else line, index, odd)


def _whole(line: dict[str, Any], index: int, odd: list[Problem]) -> dict[str, Any]:
    """Plugins sell by the metre: units are rounded up, so that none is sold twice, and a person looks."""
    quantity = line.get("quantity")
    if isinstance(quantity, str) and _COUNT.fullmatch(quantity):
        quantity = Decimal(quantity)
    if not isinstance(quantity, Decimal) or not 0 <= quantity < 1_000_000:
        return line
    whole = int(quantity.to_integral_value(ROUND_CEILING))
    if whole != quantity:
        message = f"{quantity} is not a whole number; {whole} are reserved"
        odd.append(
            Problem(code="fractional_quantity", pointer=f"/line_items/{index}/quantity", message=message)
        )
        return {**line, "quantity": whole, "fraction": quantity}
    return {**line, "quantity": whole}


def _finish(
    values: dict[str, Any],
    problems: list[Problem],
    *,
    payload: dict[str, Any],
    overrides: Overrides,
    odd: list[Problem],
) -> None:
    problems[:] = [*_without_echoes(problems, payload.get("currency")), *odd]
    told = {problem.pointer for problem in problems}
    if values["total"] is None and values["currency"] and "/total" not in told:
        problems.append(Problem(code="missing_value", pointer="/total", message="is empty"))
    items = [item for item in payload["line_items"] if isinstance(item, dict)]
    metas = [metadata.known(item.get("meta_data")) for item in items]
    taken = [metadata.units_taken(meta) for meta in metas]
    _finish_lines(values["lines"], items, metas, taken)
    finish_amounts(values)
    _finish_status(values, problems, payload, overrides)
    _finish_units(values, taken)
    values["source"] = _source(values["channel_status"], values["source"])
    meta = metadata.known(payload.get("meta_data"))
    values["tax_ids"] = metadata.tax_ids(payload, meta)
    values["pickup_point"] = metadata.pickup_point(payload, meta)


def _without_echoes(problems: list[Problem], currency: Any) -> list[Problem]:
    """An unknown currency is told once, not again by every amount."""
    once = list(dict.fromkeys(problems))
    if not any(problem.pointer == "/currency" for problem in once):
        return once
    echo = f"{currency!r} is not a currency"
    return [problem for problem in once if problem.pointer == "/currency" or problem.message != echo]


def _finish_lines(
    lines: list[dict[str, Any]],
    items: list[dict[str, Any]],
    metas: list[dict[str, Any]],
    taken: list[str | None],
) -> None:
    parents = metadata.bundle_parents(items, metas)
    titles = {line["line_id"]: line["title"] for line in lines}
    containers = set(parents.values())
    for line, item, meta, units in zip(lines, items, metas, taken, strict=True):
        line["quantity"] = item.get("fraction", line["quantity"])
        finish_line(line)
        parent_name = metadata.text(item.get("parent_name"))
        if parent_name and line["title"] and line["title"].startswith(f"{parent_name} - "):
            line["variant_title"] = line["title"].removeprefix(f"{parent_name} - ")
        line["properties"] = metadata.properties(item, meta)
        bundle = parents.get(line["line_id"])
        container = line["line_id"] in containers
        line["bundle_exploded"] = container or bundle is not None
        if bundle is not None:
            line["bundle_line_id"], line["bundle_title"] = bundle, titles.get(bundle)
        elif container and units is None:
            line["tracked"] = False  # its components are lines of their own


def _finish_status(
    values: dict[str, Any], problems: list[Problem], payload: dict[str, Any], overrides: Overrides
) -> None:
    status = values["channel_status"]
    payment = values.pop("payment")
    values["payments"] = (payment,) if payment else ()
    own_word = status in overrides.get("payment_status", {})
    if own_word and values["payment_status"] not in list(PaymentStatus):
        message = f"the merchant's own word {values['payment_status']!r} for {status!r} is no payment status"
        problems.append(Problem(code="unmapped_value", pointer="/status", message=message))
        values["payment_status"] = None
    elif not own_word and values["payment_status"] is not None:
        values["payment_status"] = _payment_status(status, values, payload, payment or {})
    values["cancelled"] = status in ("cancelled", "trash")
    values["flags"] = ("trashed",) if status == "trash" else ()


def _finish_units(values: dict[str, Any], taken: list[str | None]) -> None:
    """What became of the units, here and on the shop's own count."""
    status = values["channel_status"]
    told = [units for units in taken if units is not None]
    for line, units in zip(values["lines"], taken, strict=True):
        if units is not None and _COUNT.fullmatch(units):
            line["channel_lowered"] = math.ceil(Decimal(units))  # fewer when a part was given back
    values["channel_lowered_stock"] = any(units != "0" for units in told) if told else status in _LOWERED
    done = status == "completed" or (status in ("refunded", "trash") and values["closed_at"] is not None)
    if not done:
        values["closed_at"] = None  # the time stays when a completed order is opened again
    for line in values["lines"]:
        if done:
            line["quantity_fulfilled"] = math.ceil(line["quantity"])
        elif status in ("cancelled", "trash", "refunded"):
            line["quantity_cancelled"] = math.ceil(line["quantity"])


def _payment_status(
    status: str | None, values: dict[str, Any], payload: dict[str, Any], payment: dict[str, Any]
) -> PaymentStatus:
    word = PaymentStatus(values["payment_status"])
    paid = bool(payment.get("paid_at") or payload.get("date_paid"))
    if status == "cancelled" and paid:
        word = PaymentStatus.PAID
    elif status == "processing" and not paid and payment.get("method") == "cod":
        return PaymentStatus.AUTHORIZED  # to be shipped; the carrier collects the money
    refunded, total = values.get("refunded_total"), values["total"]
    if word is PaymentStatus.PAID and refunded and total and refunded.amount:
        full = refunded.amount >= total.amount
        return PaymentStatus.REFUNDED if full else PaymentStatus.PARTIALLY_REFUNDED
    return word


def _source(status: str | None, created_via: str | None) -> Source:
    """Where it was made, by what the shop calls it; https://woocommerce.github.io/woocommerce-rest-api-docs/#orders"""
    if status in _DRAFTS:
        return Source.DRAFT
    via = created_via or ""
    if via.startswith("pos"):
        return Source.POINT_OF_SALE
    return Source.STAFF if via in ("admin", "rest-api") else Source.ONLINE
