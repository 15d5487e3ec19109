"""Pulls and fetches WooCommerce orders, missing none while the shop goes on changing. Reads none of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from connectors.woocommerce.wire import API, PAGE_SIZE, rows, thing
from core.connector import OrderStamp, Page, StampPage, Window
from core.errors import ChannelError, ErrorCode
from core.flow import Flow, Request, Response, encode
from mappings.transforms import utc

_SECOND = timedelta(seconds=1)
_MAX_STEPS = 100  # within one page; one or two where orders only leave the second
_NO_SUCH_ORDER = "woocommerce_rest_shop_order_invalid_id"


@dataclass(frozen=True, slots=True)
class _Rows:
    found: Sequence[dict[str, Any]]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class _Asked:
    """Changed in [since, until), each row with these *fields* only (empty: whole)."""

    since: datetime
    until: datetime
    fields: str = ""


def pull_orders(window: Window, cursor: str | None) -> Flow[Page]:
    """Orders that changed in *window*, oldest change first; trashed ones are in no list of WooCommerce.

    An order changed meanwhile moves to the end, so page numbers would skip its neighbours. Instead each page
    asks anew from the newest second seen, that second included. *cursor* is "SECOND", or
    "SECOND PAGE ID,ID,..." within a second that alone fills a page.
    https://woocommerce.github.io/woocommerce-rest-api-docs/#list-all-orders
    """
    listed = yield from _crawl(_Asked(window.since, window.until), cursor)
    return _page(listed.found, listed.next_cursor)


def list_orders(window: Window, cursor: str | None) -> Flow[StampPage]:
    """Ids and times of change of the same orders, in the same way."""
    listed = yield from _crawl(_Asked(window.since, window.until, "id,date_modified_gmt"), cursor)
    return StampPage(
        tuple(OrderStamp(str(_id(row)), _changed_at(row)) for row in listed.found), listed.next_cursor
    )


def _crawl(window: _Asked, cursor: str | None) -> Flow[_Rows]:
    if cursor is None:
        since = window.since.astimezone(UTC).replace(microsecond=0)
        return (yield from _from_second(since, window))
    second, *inside = cursor.split(" ")
    since = utc(second)
    if inside:
        page, seen = inside
        return (yield from _within_second(since, window, int(page), [int(i) for i in seen.split(",")]))
    return (yield from _from_second(since, window))


def _from_second(since: datetime, window: _Asked) -> Flow[_Rows]:
    response = yield _list(replace(window, since=since), "modified")
    found = rows(response)
    newest = _newest(found)
    if len(found) < PAGE_SIZE and not _more_pages(response):
        return _Rows(found, None)
    if newest is None:
        raise ChannelError(ErrorCode.UNEXPECTED, "a page of orders without any time of change")
    if newest > since:
        return _Rows(found, _written(newest))
    # One second alone fills the page: go through it by id.
    return (yield from _within_second(since, window, 1, ()))


def _within_second(since: datetime, window: _Asked, page: int, seen: Sequence[int]) -> Flow[_Rows]:
    """The orders of one second by id, after the last of *seen*.

    Orders only leave a second, which moves the others forward. So the next page must begin at or before the
    last order seen; where it does not, step back. Leaving out orders seen makes it begin just there.
    """
    second = replace(window, since=since, until=min(window.until, since + _SECOND))
    last_id, without = (seen[-1], list(seen[:-1])) if seen else (0, [])
    for _ in range(_MAX_STEPS):
        found = rows((yield _list(second, "id", page, without)))
        ids = [_id(row) for row in found]
        if page > 1 and (not ids or ids[0] > last_id):
            page -= 1
            continue
        new = [row for row, order_id in zip(found, ids, strict=True) if order_id > last_id]
        if len(found) < PAGE_SIZE:
            after = since + _SECOND
            return _Rows(new, _written(after)) if new else (yield from _from_second(after, window))
        before = (page - 1) * PAGE_SIZE + len(without)  # so many orders lie before these
        kept = -before % PAGE_SIZE  # with so many of these not left out, the last of them begins a page
        page, without = (before + kept) // PAGE_SIZE + 1, ids[kept:-1]
        if new:
            return _Rows(new, f"{_written(since)} {page} {_joined(ids[kept:])}")
    raise ChannelError(ErrorCode.UNEXPECTED, "the shop's list of orders changes faster than it can be read")


def _list(asked: _Asked, by: str, page: int = 1, without: Sequence[int] = ()) -> Request:
    """`modified_after` is strict, in seconds; a Z would be shifted by the zone."""
    query = [
        ("status", "any"),
        ("modified_after", _written(asked.since - _SECOND)),
        ("modified_before", _written(_whole_second(asked.until))),
        ("dates_are_gmt", "true"),
        ("orderby", by),
        ("order", "asc"),
        ("per_page", str(PAGE_SIZE)),
    ]
    query += [("page", str(page))] if page > 1 else []
    query += [("exclude", _joined(without))] if without else []
    query += [("_fields", asked.fields)] if asked.fields else []
    return Request("GET", f"{API}/orders", query=tuple(query))


def _joined(ids: Sequence[int]) -> str:
    return ",".join(map(str, ids))


def fetch_order(channel_order_id: str) -> Flow[Page]:
    """One order as it is now (a trashed one has that status); topic `pull/missing` when the shop has none.

    https://woocommerce.github.io/woocommerce-rest-api-docs/#retrieve-an-order
    """
    try:
        response = yield Request("GET", f"{API}/orders/{quote(channel_order_id, safe='')}")
    except ChannelError as error:
        # Any other 404 says that the API is gone (permalinks, plugin off), not the order.
        if error.code is not ErrorCode.NOT_FOUND or _NO_SUCH_ORDER not in error.message:
            raise
        return Page("pull/missing", (encode({"id": channel_order_id}),), None)
    order = thing(response)
    if str(order.get("id")) != channel_order_id:
        raise ChannelError(
            ErrorCode.UNEXPECTED, f"the shop answered with another thing than order {channel_order_id}"
        )
    return _page((order,), None)


def _page(found: Iterable[dict[str, Any]], next_cursor: str | None) -> Page:
    kept = tuple(found)
    return Page("pull/order", tuple(encode(row) for row in kept), next_cursor, _newest(kept))


def _newest(found: Iterable[dict[str, Any]]) -> datetime | None:
    return max((at for at in map(_changed_at, found) if at is not None), default=None)


def _changed_at(row: dict[str, Any]) -> datetime | None:
    try:
        return utc(row.get("date_modified_gmt"))
    except ValueError:
        return None


def _id(row: dict[str, Any]) -> int:
    try:
        return int(row["id"])
    except (KeyError, TypeError, ValueError):
        raise ChannelError(ErrorCode.UNEXPECTED, "an order without an id in a list") from None


def _more_pages(response: Response) -> bool:
    """Whether the shop itself says so: plugins may leave rows out of a page."""
    total = response.headers.get("x-wp-totalpages", "")
    return total.isascii() and total.isdigit() and int(total) > 1


def _written(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _whole_second(at: datetime) -> datetime:
    return at.replace(microsecond=0) + _SECOND if at.microsecond else at
