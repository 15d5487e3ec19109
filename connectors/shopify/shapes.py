"""Reshapes payloads that are alike but not the same, before they are mapped. Judges no value."""

from __future__ import annotations

from typing import Any

from core.connector import Problem

_CONNECTIONS = ("lineItems", "shippingLines", "discountApplications")
_INNER = (("fulfillments", "fulfillmentLineItems"), ("refunds", "refundLineItems"))


def tidied_payload(payload: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """A webhook's order with named values as lists, and lines that say whether they are counted."""
    odd: list[Problem] = []
    tidy = {**payload, "note_attributes": _named(payload.get("note_attributes"))}
    lines = payload.get("line_items")
    if isinstance(lines, list):
        tidy["line_items"] = [
            _line(line, i, odd) if isinstance(line, dict) else line for i, line in enumerate(lines)
        ]
    return tidy, odd


def _line(line: dict[str, Any], index: int, odd: list[Problem]) -> dict[str, Any]:
    line = _identified(line, index, "/line_items", odd)
    changes: dict[str, Any] = {}
    if isinstance(line.get("properties"), dict):
        changes["properties"] = _named(line["properties"])
    if "variant_inventory_management" in line and line["variant_inventory_management"] is None:
        changes["variant_inventory_management"] = ""  # told: nobody counts it
    return {**line, **changes} if changes else line


def _identified(line: Any, index: int, place: str, odd: list[Problem]) -> Any:
    """A line without an id goes by its place, so that its units are reserved all the same."""
    if not isinstance(line, dict) or line.get("id") is not None:
        return line
    odd.append(Problem(code="missing_value", pointer=f"{place}/{index}/id", message="is missing"))
    return {**line, "id": index + 1}


def _named(found: Any) -> Any:
    return (
        [{"name": name, "value": value} for name, value in found.items()]
        if isinstance(found, dict)
        else found
    )


def tidied_node(node: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """A GraphQL order with every connection as `nodes`; one of which only a first page is here is told."""
    odd: list[Problem] = []
    tidy = dict(node)
    if "shippingLines" not in tidy and isinstance(tidy.get("shippingLine"), dict):
        tidy["shippingLines"] = {"nodes": [tidy["shippingLine"]]}  # the older field, for one of them
    for name in _CONNECTIONS:
        if name in tidy:
            tidy[name] = _connection(tidy[name], f"/{name}", odd)
    lines = tidy.get("lineItems")
    if isinstance(lines, dict) and isinstance(lines.get("nodes"), list):
        named = [_identified(line, i, "/lineItems/nodes", odd) for i, line in enumerate(lines["nodes"])]
        tidy["lineItems"] = {**lines, "nodes": named}
    for outer, inner in _INNER:
        if isinstance(tidy.get(outer), list):
            tidy[outer] = [
                {**row, inner: _connection(row[inner], f"/{outer}/{index}/{inner}", odd)}
                if isinstance(row, dict) and inner in row
                else row
                for index, row in enumerate(tidy[outer])
            ]
    return tidy, odd


def _connection(found: Any, place: str, odd: list[Problem]) -> Any:
    if not isinstance(found, dict):
        return {"nodes": found} if isinstance(found, list) else found
    page = found.get("pageInfo")
    if isinstance(page, dict) and page.get("hasNextPage") is True:
        odd.append(Problem(code="incomplete", pointer=place, message="only the first page is here"))
    edges = found.get("edges")
    if "nodes" not in found and isinstance(edges, list):
        return {"nodes": [edge.get("node") if isinstance(edge, dict) else edge for edge in edges]}
    return found
