"""Reads on where an object shows only a first page of what is in it. Knows not what that is."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from connectors.shopify.asking import ask, inside, next_cursor, nodes
from core.errors import ChannelError, ErrorCode
from core.flow import Request, Response

MORE_COST, LONGER_COST = 60.0, 200.0  # points
SHORT_LIST, LONG_LIST = 10, 100  # fulfillments and refunds have no cursor: up to so many are seen

Completing = Generator[Request, Response, None]


@dataclass(frozen=True, slots=True)
class Part:
    """A connection inside an object, and the document that reads on in it."""

    field: str
    document: str


SHIPPED = Part("fulfillmentLineItems", "more_shipped")


def read_on(owner: dict[str, Any], part: Part) -> Completing:
    """Put the rest of the connection *part* into *owner*, which has its first page."""
    page = inside(owner, part.field)
    whole = nodes(page)
    cursor = next_cursor(page, None)
    while cursor is not None:
        data: dict[str, Any] = yield from ask(
            part.document, {"id": owner.get("id"), "after": cursor}, cost=MORE_COST
        )
        page = inside(data, "node", part.field)
        whole = whole + nodes(page)
        cursor = next_cursor(page, cursor)
    owner[part.field] = {"nodes": whole}


def lengthen(owner: dict[str, Any], name: str, document: str) -> Completing:
    """Ask for the list *name* of *owner* again, longer, where it may go on: such a list has no cursor."""
    found = owner.get(name)
    if not isinstance(found, list):
        raise ChannelError(ErrorCode.UNEXPECTED, f"Shopify's answer has no list of {name}")
    if len(found) < SHORT_LIST:
        return
    variables = {"id": owner.get("id"), "first": LONG_LIST}
    data: dict[str, Any] = yield from ask(document, variables, cost=LONGER_COST)
    again = inside(data, "node").get(name)
    if not isinstance(again, list) or len(again) < len(found):
        raise ChannelError(ErrorCode.UNEXPECTED, f"Shopify's longer list of {name} is shorter")
    owner[name] = again
