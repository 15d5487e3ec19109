"""Sends the documents of this connector and takes their answers apart. Knows not what they are about."""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime
from typing import Any

from connectors.shopify.documents import document
from core.errors import ChannelError, ErrorCode
from core.flow import DecodeError, Request, Response, encode

PATH = "/admin/api/2026-07/graphql.json"
TOO_COSTLY = "MAX_COST_EXCEEDED"  # one query asked for more than 1,000 points

Answer = Generator[Request, Response, dict[str, Any]]


def ask(name: str, variables: dict[str, Any], *, cost: float, reads: bool = True) -> Answer:
    """Send the operation in `queries/NAME.graphql`; its data. *cost* is about what it takes, in points."""
    payload = encode({"query": document(name), "variables": variables})
    headers = (("Content-Type", "application/json"), ("Accept", "application/json"))
    response = yield Request(
        "POST", PATH, headers=headers, body=payload, reads=reads, family="graphql", cost=cost
    )
    try:
        return inside(response.json(), "data")
    except DecodeError:
        raise ChannelError(ErrorCode.UNEXPECTED, "Shopify answered with something that is not JSON") from None


def inside(value: Any, *steps: str) -> dict[str, Any]:
    """The object at *steps* below *value*; raises `ChannelError` UNEXPECTED when there is none."""
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else None
    if not isinstance(value, dict):
        raise ChannelError(ErrorCode.UNEXPECTED, f"Shopify's answer has no {'.'.join(steps)}")
    return value


def nodes(connection: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects of a connection; raises `ChannelError` UNEXPECTED when it is not one."""
    found = connection.get("nodes")
    if not isinstance(found, list) or not all(isinstance(node, dict) for node in found):
        raise ChannelError(
            ErrorCode.UNEXPECTED, "Shopify answered with something that is not a list of objects"
        )
    return found


def next_cursor(connection: dict[str, Any], cursor: str | None) -> str | None:
    """Where the next page begins, None at the end; raises `ChannelError` when that would go in circles."""
    page = inside(connection, "pageInfo")
    if page.get("hasNextPage") is not True:
        return None
    following = page.get("endCursor")
    if not isinstance(following, str) or not following or following == cursor or not connection.get("nodes"):
        raise ChannelError(
            ErrorCode.UNEXPECTED, "Shopify says there is another page, but not where it begins"
        )
    return following


def number(gid: Any) -> str:
    """The number at the end of a global id, "" where there is none."""
    tail = str(gid).rsplit("/", 1)[-1].split("?", 1)[0]
    return tail if tail.isascii() and tail.isdigit() else ""


def gid(kind: str, number: str) -> str:
    """The global id of thing *number* of a *kind*."""
    return f"gid://shopify/{kind}/{number}"


def timestamp(at: datetime) -> str:
    """An instant as Shopify writes it: UTC, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
