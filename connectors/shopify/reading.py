"""Turns a Shopify order, as a webhook or as the Admin API carries it, into a canonical order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import mappings
from connectors.shopify.amounts import finish_amounts, finish_line, total_of
from connectors.shopify.attributes import finish_attributes, pairs
from connectors.shopify.shapes import tidied_node, tidied_payload
from connectors.shopify.units import finish_fulfillments, finish_quantities, finish_refunds, restocks_of
from core.connector import OrderRead, Overrides, Problem, Unreadable
from core.model.order import LineKind, PaymentStatus, Source
from mappings.assemble import read_order
from mappings.contracts import load_contract
from mappings.engine import Mapping, compile_mapping

_FILES = Path(mappings.__file__).parent / "shopify"
PAYLOAD = compile_mapping((_FILES / "order.toml").read_text("utf-8"))
NODE = compile_mapping((_FILES / "order.graphql.toml").read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class _Kind:
    """One of the two spellings of an order; *status* and *total* are where these stand in it."""

    mapping: Mapping
    guard: Callable[[Any], list[Problem]]
    status: str
    total: str


_WEBHOOK = _Kind(PAYLOAD, load_contract(_FILES / "order.schema.json"), "/financial_status", "/total_price")
_GRAPHQL = _Kind(
    NODE, load_contract(_FILES / "order.graphql.schema.json"), "/displayFinancialStatus", "/totalPriceSet"
)

_SOURCES = {"pos": Source.POINT_OF_SALE, "shopify_draft_order": Source.STAFF}
_LISTS = ("attributes", "groups", "discounts", "codes", "shipping_lines", "taxes", "fulfillments", "refunds")
_LINE_LISTS = ("properties", "taxes", "allocations")


def read_payload(payload: dict[str, Any], overrides: Overrides, body: bytes) -> OrderRead | Unreadable:
    """The order in a webhook's body, or why there is none; never raises."""
    tidy, odd = tidied_payload(payload)
    return _read(tidy, odd, overrides, body, kind=_WEBHOOK)


def read_node(node: dict[str, Any], overrides: Overrides, body: bytes) -> OrderRead | Unreadable:
    """The order in a GraphQL node, or why there is none; never raises."""
    tidy, odd = tidied_node(node)
    return _read(tidy, odd, overrides, body, kind=_GRAPHQL)


def _read(
    tidy: dict[str, Any], odd: list[Problem], overrides: Overrides, body: bytes, *, kind: _Kind
) -> OrderRead | Unreadable:
    draft = "invoice_sent_at" in tidy and "financial_status" not in tidy
    return read_order(
        kind.mapping,
        tidy,
        channel="shopify",
        overrides=overrides,
        body=body,
        guard=kind.guard,
        finish=partial(_finish, kind=kind, odd=odd, draft=draft),
    )


def _finish(
    values: dict[str, Any], problems: list[Problem], *, kind: _Kind, odd: list[Problem], draft: bool
) -> None:
    for name in _LISTS:
        values[name] = list(values.get(name) or ())
    values["facts"] = values["facts"] or {}
    values["cancelled"] = values["facts"].get("cancelled") is True
    problems[:] = _once([*problems, *odd], values, kind)
    _finish_words(values, problems, kind, draft=draft)
    _finish_lines(values)
    values["shipping_lines"] = _kept_shipping(values["shipping_lines"])
    _finish_discounts(values)
    restocks = restocks_of(values)
    finish_fulfillments(values)
    finish_refunds(values)
    finish_quantities(values, restocks)
    finish_amounts(values, problems)
    finish_attributes(values, pairs(values.pop("attributes")))
    values["taxes"] = _taxes(values["taxes"])
    values["payments"] = _payments(values.pop("facts"))
    for name in ("billing_address", "shipping_address"):
        values[name] = _address(values[name])
    for line in values["lines"]:
        for name in ("facts", "allocations"):
            del line[name]
    for row in values["shipping_lines"]:
        del row["allocations"]
    for name in ("groups", "codes"):
        del values[name]


def _once(problems: list[Problem], values: dict[str, Any], kind: _Kind) -> list[Problem]:
    """Each problem once; an unknown currency is not told again by every amount, a missing total is told."""
    once = list(dict.fromkeys(problems))
    if values["currency"] is None:
        if not any(problem.pointer.startswith("/currency") for problem in once):
            once.append(Problem(code="missing_value", pointer="/currency", message="is missing"))
        once = [
            p
            for p in once
            if p.pointer.startswith("/currency") or not p.message.endswith("is not a currency")
        ]
    elif values["total"] is None and not any(problem.pointer.startswith("/total") for problem in once):
        once.append(Problem(code="missing_value", pointer=kind.total, message="is missing"))
    return once


def _finish_words(values: dict[str, Any], problems: list[Problem], kind: _Kind, *, draft: bool) -> None:
    status = values["payment_status"]
    if status is not None and status not in list(PaymentStatus):
        message = f"the merchant's own word {status!r} is no payment status"
        problems.append(Problem(code="unmapped_value", pointer=kind.status, message=message))
        values["payment_status"] = None
    source = values["source"]
    values["source"] = Source.DRAFT if draft else _SOURCES.get(source or "", Source.ONLINE)
    if values["cancelled"]:
        values["channel_status"] = "cancelled"
    else:
        values["channel_status"] = "closed" if values["closed_at"] else "open"


def _finish_lines(values: dict[str, Any]) -> None:
    titles = {group["group_id"]: group["title"] for group in values["groups"] if group["group_id"]}
    tipped = values["tip_total"] is not None and values["tip_total"].amount > 0
    for line in values["lines"]:
        facts = line["facts"] = line["facts"] or {}
        for name in _LINE_LISTS:
            line[name] = list(line[name] or ())
        line["kind"] = _kind(line, facts, tipped=tipped)
        if line["variant_title"] == "Default Title":
            line["variant_title"] = None
        if "tracked" not in line:
            line["tracked"] = _tracked(line, facts)
        line["properties"] = [{"name": name, "value": value} for name, value in pairs(line["properties"])]
        finish_line(line)
        line["taxes"] = _taxes(line["taxes"])
        if line["bundle_line_id"] is not None:
            line["bundle_title"] = line.get("bundle_title") or titles.get(line["bundle_line_id"])
            line["bundle_exploded"] = True


def _kind(line: dict[str, Any], facts: dict[str, Any], *, tipped: bool) -> LineKind:
    """A tip is a line like any other, told by its object in webhooks and by its name in the Admin API."""
    if facts.get("gift_card"):
        return LineKind.GIFT_CARD
    plain = line["channel_item_id"] is None and line["channel_product_id"] is None and line["sku"] is None
    if facts.get("tip") or (
        tipped and plain and line["title"] == "Tip" and line["requires_shipping"] is False
    ):
        return LineKind.TIP
    return LineKind.DIGITAL if line["requires_shipping"] is False else LineKind.PRODUCT


def _tracked(line: dict[str, Any], facts: dict[str, Any]) -> bool | None:
    counted_by = facts.get("counted_by")
    if counted_by is None or line["channel_item_id"] is None or facts.get("product_exists") is False:
        return None  # not told, or told of a variant that is gone
    return bool(counted_by)


def _kept_shipping(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kept = [row for row in rows if row.pop("removed", None) is not True]
    for row in kept:
        row["allocations"] = row["allocations"] or ()
    return kept


def _finish_discounts(values: dict[str, Any]) -> None:
    """Each discount with what it gave on all lines; older payloads have codes only."""
    given: dict[int, list[Any]] = {}
    for row in (*values["lines"], *values["shipping_lines"]):
        for part in row["allocations"]:
            if part["application"] is not None:
                given.setdefault(part["application"], []).append(part["amount"])
    if values["discounts"]:
        for index, discount in enumerate(values["discounts"]):
            discount["amount"] = total_of(given.get(index, []))
    else:
        values["discounts"] = values["codes"]


def _taxes(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "remitted_by": row["remitted_by"] or "merchant"} for row in rows]


def _payments(facts: dict[str, Any]) -> list[dict[str, Any]]:
    names = facts.get("gateways") or ((facts["gateway"],) if facts.get("gateway") else ())
    return [{"method": name} for name in names]


def _address(address: dict[str, Any] | None) -> dict[str, Any] | None:
    if address is None:
        return None
    given = address.pop("given")
    return {**address, "name": address["name"] or given}
