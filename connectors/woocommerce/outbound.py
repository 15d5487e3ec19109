"""Writes stock to a shop, reading the live count directly before: there is no compare-and-set."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from typing import Any

from connectors.woocommerce.catalog import whole
from connectors.woocommerce.wire import API, PAGE_SIZE, refusal, rows, thing, write
from core.errors import ChannelError, ErrorCode
from core.flow import Flow, Request, Response
from core.model.inventory import StockWrite, StockWritten
from core.rules.stock import quantity_to_write

_STOCK_ID = re.compile(r"(?:([1-9][0-9]{0,18})/)?([1-9][0-9]{0,18})")
_NOT_MANAGED = (
    "The shop keeps no count for this item. In WooCommerce open it, tab Inventory, and tick the box "
    '"Stock management".'
)
# Refusals that are about the whole shop: asking for the next items would be refused alike.
_GENERAL = frozenset(
    {
        ErrorCode.RATE_LIMITED,
        ErrorCode.UNAVAILABLE,
        ErrorCode.TIMEOUT,
        ErrorCode.NOT_SENT,
        ErrorCode.UNAUTHORIZED,
        ErrorCode.FORBIDDEN,
    }
)

Written = dict[int, StockWritten]  # by the place of its write


def push_stock(writes: Sequence[StockWrite]) -> Flow[tuple[StockWritten, ...]]:
    """Make each item show its desired count; one outcome per write, in order.

    A refusal of the whole shop before anything was done is raised; later ones mark the writes they hit.
    https://woocommerce.github.io/woocommerce-rest-api-docs/#batch-update-products
    """
    done: Written = {}
    stopped: ChannelError | None = None
    for collection, places in _batches(writes, done):
        if stopped is None:
            try:
                yield from _write_batch(collection, {place: writes[place] for place in places}, done)
            except ChannelError as error:
                if error.code in _GENERAL and not done:
                    raise
                stopped = error if error.code in _GENERAL else None
                _refuse(error, places, writes, done)
        else:
            _refuse(stopped, places, writes, done)
    return tuple(done[place] for place in range(len(writes)))


def _batches(writes: Sequence[StockWrite], done: Written) -> list[tuple[str, list[int]]]:
    """(collection, places of writes): products together, variations by parent, at most 100, no item twice."""
    batches: dict[str, list[dict[str, int]]] = {}  # of each batch the ids, and whose write it is
    for place, item in enumerate(writes):
        match = _STOCK_ID.fullmatch(item.channel_stock_id)
        if match is None or item.desired < 0:
            done[place] = _failed(
                item, ErrorCode.REJECTED, f"{item.channel_stock_id!r} cannot show {item.desired}."
            )
            continue
        mine = batches.setdefault(f"/products/{match[1]}/variations" if match[1] else "/products", [{}])
        if len(mine[-1]) == PAGE_SIZE or match[2] in mine[-1]:
            mine.append({})
        mine[-1][match[2]] = place
    return [
        (collection, list(part.values())) for collection, parts in batches.items() for part in parts if part
    ]


def _write_batch(
    collection: str, writes: dict[int, StockWrite], done: Written
) -> Generator[Request, Response, None]:
    """Read, compute, write what differs, look at each answer; fills *done* as it goes."""
    ids = {place: int(item.channel_stock_id.rsplit("/", 1)[-1]) for place, item in writes.items()}
    live = yield from _live(collection, list(ids.values()))
    update: list[dict[str, Any]] = []
    waiting: dict[int, int] = {}  # place -> units the shop had sold without our knowing
    for place, item in writes.items():
        seen = live.get(ids[place])
        if seen is None:
            done[place] = _failed(item, ErrorCode.NOT_FOUND, "The shop has no such item any more.")
        elif seen.get("manage_stock") is not True:
            done[place] = _failed(item, ErrorCode.REJECTED, _NOT_MANAGED)
        else:
            shown = whole(seen.get("stock_quantity")) or 0
            quantity, unseen = quantity_to_write(item.desired, item.predicted, shown, item.maybe)
            if quantity == shown:
                done[place] = _shows(item, shown, unseen)
            else:
                waiting[place] = unseen
                update.append({"id": ids[place], "stock_quantity": quantity})
    if not update:
        return
    answered = thing((yield write("POST", f"{collection}/batch", {"update": update}))).get("update")
    found = (
        {row["id"]: row for row in answered if isinstance(row, dict) and isinstance(row.get("id"), int)}
        if isinstance(answered, list)
        else {}
    )
    for place, unseen in waiting.items():
        done[place] = _outcome(writes[place], found.get(ids[place]), unseen)


def _live(collection: str, ids: list[int]) -> Generator[Request, Response, dict[Any, dict[str, Any]]]:
    query = (
        ("include", ",".join(map(str, ids))),
        ("per_page", str(PAGE_SIZE)),
        ("_fields", "id,type,manage_stock,stock_quantity"),
    )
    found = rows((yield Request("GET", f"{API}{collection}", query=query)))
    return {row["id"]: row for row in found if isinstance(row.get("id"), int)}


def _outcome(item: StockWrite, row: dict[str, Any] | None, unseen: int) -> StockWritten:
    """What one row of a batch answer says: the batch is 200 whatever happened to its items."""
    if row is None:
        return _failed(item, ErrorCode.UNEXPECTED, "The shop's answer does not mention this item.")
    error = row.get("error")
    if isinstance(error, dict):
        data = error.get("data")
        status = data.get("status") if isinstance(data, dict) else data
        refused = refusal(status if isinstance(status, int) else 400, error)
        gone = str(error.get("code")).endswith("invalid_id")
        return _failed(item, ErrorCode.NOT_FOUND if gone else refused.code, refused.message)
    if row.get("manage_stock") is not True:
        return _failed(item, ErrorCode.REJECTED, _NOT_MANAGED)
    shown = whole(row.get("stock_quantity"))
    if shown is None:
        return _failed(item, ErrorCode.UNEXPECTED, "The shop does not say what it shows now.")
    return _shows(item, shown, unseen)


def _shows(item: StockWrite, quantity: int, unseen: int) -> StockWritten:
    return StockWritten(
        channel_stock_id=item.channel_stock_id,
        channel_location_id=item.channel_location_id,
        written=quantity,
        unseen=unseen,
    )


def _failed(item: StockWrite, code: ErrorCode, message: str) -> StockWritten:
    return StockWritten(
        channel_stock_id=item.channel_stock_id,
        channel_location_id=item.channel_location_id,
        error=code,
        message=message,
    )


def _refuse(error: ChannelError, places: list[int], writes: Sequence[StockWrite], done: Written) -> None:
    for place in places:
        done.setdefault(place, _failed(writes[place], error.code, error.message))
