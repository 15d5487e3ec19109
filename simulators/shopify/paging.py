"""Connections: edges, nodes, cursors and the search syntax of `query`. Resolves nothing.

See https://shopify.dev/docs/api/usage/pagination-graphql and https://shopify.dev/docs/api/usage/search-syntax.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from graphql import GraphQLError

from simulators.shopify.keyset import LAST_ID, Key, Keyset
from simulators.shopify.render import Json

T = TypeVar("T")
Asked = Mapping[str, Any]  # the arguments of a connection: first, after, reverse, query, sortKey

MAX_PAGE = 250
_TERM = re.compile(r"(\w+):(>=|<=|>|<|=)?(?:'([^']*)'|\"([^\"]*)\"|(\S+))")
_NOT_SIMULATED = re.compile(r"[()*]|\bOR\b|\bNOT\b|(?:^|\s)-\w+:")
_INSTANT = datetime.resolution


@dataclass(frozen=True, slots=True)
class Term:
    """One condition of a search: *field* *operator* *value*."""

    field: str
    operator: str
    value: str

    def admits(self, actual: str) -> bool:
        """Words match whatever their case."""
        return self.value.lower() == actual.lower()

    def bounds(self) -> tuple[datetime | None, datetime | None]:
        """The range of moments this term allows, both ends inside; raises GraphQLError when it is no time."""
        try:
            at = datetime.fromisoformat(self.value)
        except ValueError:
            raise refused(f"{self.value!r} is no time to search {self.field} with") from None
        at = at.replace(tzinfo=at.tzinfo or UTC)
        return {
            ">=": (at, None),
            ">": (at + _INSTANT, None),
            "<": (None, at - _INSTANT),
            "<=": (None, at),
            "=": (at, at),
        }[self.operator]


def terms(query: str | None) -> list[Term]:
    """The conditions of *query*, all of which must hold; raises GraphQLError for what is not simulated."""
    if query and _NOT_SIMULATED.search(query):
        raise refused(f"only terms joined by AND are simulated, not {query!r}")
    return [
        Term(found[1], found[2] or "=", found[3] or found[4] or found[5] or "")
        for found in _TERM.finditer(query or "")
    ]


def refused(message: str, code: str = "BAD_USER_INPUT") -> GraphQLError:
    return GraphQLError(message, extensions={"code": code})


def number_of(global_id: str, kind: str) -> int:
    """The number in the global id of a *kind* of thing; raises GraphQLError when it is none."""
    prefix, _, number = global_id.rpartition("/")
    if prefix != f"gid://shopify/{kind}" or not number.isdecimal() or not int(number):
        raise refused(f"Invalid id: {global_id}", "RESOURCE_NOT_FOUND")
    return int(number)


def page_of(
    keyset: Keyset[T], asked: Asked, sort: str, keep: Callable[[T], bool], node: Callable[[T], Json]
) -> Json:
    """A page in the order of *keyset*, kept to what its own time may be by the terms on *sort*."""
    lows: list[datetime] = []
    highs: list[datetime] = []
    for term in terms(asked.get("query")):
        if term.field == sort:
            low, high = term.bounds()
            lows += [low] if low else []
            highs += [high] if high else []
    after, reverse = asked.get("after"), bool(asked.get("reverse"))
    found, more = keyset.page(
        size(asked),
        key_of(after, sort) if after else None,
        reverse=reverse,
        bounds=((max(lows), 0) if lows else None, (min(highs), LAST_ID) if highs else None),
        keep=keep,
    )
    return connection([(cursor_of(key, sort), node(thing)) for key, thing in found], more=more, after=after)


def listed(nodes: Callable[[], Iterable[tuple[int, Json]]]) -> Callable[..., Json]:
    """Resolves a connection that is short: *nodes* makes its (id, node) when a query asks for it."""

    def resolve(_info: object, **asked: Any) -> Json:
        everything = list(nodes())
        rest = everything[::-1] if asked.get("reverse") else everything
        after, first = asked.get("after"), size(asked)
        if after:
            last = key_of(after, "id")[1]
            places = [place for place, (number, _) in enumerate(rest) if number == last]
            rest = rest[places[0] + 1 :] if places else []
        page = [(cursor_of((_EPOCH, number), "id"), node) for number, node in rest[:first]]
        return connection(page, more=len(rest) > first, after=after)

    return resolve


_EPOCH = datetime.fromtimestamp(0, UTC)


def size(asked: Asked) -> int:
    first = asked.get("first")
    if first is None:
        raise refused("you must provide one of first or last", "BAD_REQUEST")
    if not 0 <= first <= MAX_PAGE:
        raise refused(f"first must be between 0 and {MAX_PAGE}, not {first}")
    return int(first)


def connection(page: Sequence[tuple[str, Json]], *, more: bool, after: str | None) -> Json:
    return {
        "edges": [{"cursor": cursor, "node": node} for cursor, node in page],
        "nodes": [node for _, node in page],
        "pageInfo": {
            "hasNextPage": more,
            "hasPreviousPage": after is not None,
            "startCursor": page[0][0] if page else None,
            "endCursor": page[-1][0] if page else None,
        },
    }


def cursor_of(key: Key, sort: str) -> str:
    """Opaque to clients: where the page ended, not how far it was, so that later changes cannot shift it."""
    return base64.b64encode(f"{sort} {key[1]} {key[0].isoformat()}".encode()).decode("ascii")


def key_of(cursor: str, sort: str) -> Key:
    try:
        sorted_by, number, value = base64.b64decode(cursor, validate=True).decode().split(" ")
        key = datetime.fromisoformat(value), int(number)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        sorted_by = ""
    if sorted_by != sort:
        raise refused("Invalid cursor for current pagination sort.")
    return key
