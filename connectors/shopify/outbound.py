"""Writes stock to Shopify with compare-and-set, so that no sale still unheard of is put back on the shelf."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid5

from connectors.shopify.asking import ask, gid, inside
from connectors.shopify.catalog import available
from connectors.shopify.refusals import COMPARE_ANEW, index_of, of_one_item, outcome
from core.errors import ChannelError, ErrorCode
from core.flow import Flow
from core.model.inventory import StockWrite, StockWritten
from core.rules.stock import quantity_to_write

ROUNDS = 5  # times a value is compared before it is left for later
WRITE_COST, LIVE_COST = 11.0, 60.0  # points
_KEYS = UUID("5f0a7c52-8a0e-5b7d-9d58-6f0f3b9f2a41")  # the namespace of our idempotency keys
_ID = re.compile(r"[1-9][0-9]{0,18}\Z")
_STOPS = frozenset(ErrorCode) - {
    ErrorCode.STALE,
    ErrorCode.REJECTED,
    ErrorCode.UNEXPECTED,
    ErrorCode.TOO_LARGE,
}


@dataclass(frozen=True, slots=True)
class _Attempt:
    """Make write number *place* show *quantity*, if it shows *compare* now (None: look first)."""

    place: int
    quantity: int
    compare: int | None
    unseen: int = 0
    round: int = 1


Batch = list[_Attempt]
Written = dict[int, StockWritten]


def push_stock(writes: Sequence[StockWrite]) -> Flow[tuple[StockWritten, ...]]:
    """Make each item show what is desired; one outcome per write, in their order. At most 250 writes.

    One mutation is all or nothing: what it names as bad is taken out, what was sold meanwhile is computed
    anew, and the rest is sent again. Raises `ChannelError` only while nothing is decided yet.
    https://shopify.dev/docs/api/admin-graphql/2026-07/mutations/inventorySetQuantities
    """
    done: Written = {}
    batches = _batches(writes, done)
    while batches:
        batch = batches.pop(0)
        try:
            batches = (yield from _try(batch, writes, done)) + batches
        except ChannelError as error:
            if not done:
                raise
            if error.code in _STOPS:
                batch = [*batch, *(one for rest in batches for one in rest)]
                batches = []
            for one in batch:
                done.setdefault(one.place, _failed(writes[one.place], error.code, error.message))
    return tuple(done[place] for place in range(len(writes)))


def _batches(writes: Sequence[StockWrite], done: Written) -> list[Batch]:
    """First attempts; the same item and location twice must not meet in one mutation."""
    batches: list[Batch] = []
    met: dict[tuple[str, str], int] = {}
    for place, item in enumerate(writes):
        ids = (item.channel_stock_id, item.channel_location_id)
        if not all(_ID.fullmatch(one) for one in ids) or item.desired < 0:
            message = f"{ids[0]!r} at {ids[1]!r} cannot show {item.desired}."
            done[place] = _failed(item, ErrorCode.REJECTED, message)
            continue
        met[ids] = met.get(ids, -1) + 1
        if met[ids] == len(batches):
            batches.append([])
        batches[met[ids]].append(_Attempt(place, item.desired, item.predicted))
    return batches


def _try(batch: Batch, writes: Sequence[StockWrite], done: Written) -> Flow[list[Batch]]:
    """Send what can be sent; returned is what must be tried again."""
    ready = yield from _compared(batch, writes, done)
    if not ready:
        return []
    key = _key(ready, writes)
    variables = {"input": _input(ready, writes, key), "key": key}
    data: dict[str, Any] = yield from ask("set_stock", variables, cost=WRITE_COST, reads=False)
    errors = inside(data, "inventorySetQuantities").get("userErrors")
    if not isinstance(errors, list) or not all(isinstance(error, dict) for error in errors):
        raise ChannelError(ErrorCode.UNEXPECTED, "Shopify does not say whether the quantities were set")
    if errors:
        return _after_refusal(ready, errors, writes, done)
    for one in ready:
        done[one.place] = _shows(writes[one.place], one.quantity, one.unseen)
    return []


def _after_refusal(
    sent: Batch, errors: list[dict[str, Any]], writes: Sequence[StockWrite], done: Written
) -> list[Batch]:
    """Nothing was applied. Settle what can never be, and say what to try again."""
    named: dict[int, dict[str, Any]] = {}
    for error in errors:
        index = index_of(error, len(sent))
        if index is not None and (index not in named or error.get("code") not in COMPARE_ANEW):
            named[index] = error
    if not named and len(sent) > 1 and of_one_item(errors[0]):
        half = len(sent) // 2  # some item is bad and Shopify does not say which
        return [sent[:half], sent[half:]]
    again: Batch = []
    for index, one in enumerate(sent):
        culprit = named.get(index) if named else errors[0]
        if culprit is None:
            again.append(one)
        elif culprit.get("code") in COMPARE_ANEW and one.round < ROUNDS:
            again.append(replace(one, compare=None, round=one.round + 1))
        else:
            done[one.place] = _failed(writes[one.place], *outcome(culprit))
    return [again] if again else []


def _compared(batch: Batch, writes: Sequence[StockWrite], done: Written) -> Flow[Batch]:
    """*batch* with what to compare with; items not there, or with the right count by now, are settled."""
    unknown = [one for one in batch if one.compare is None]
    live = yield from _live([writes[one.place] for one in unknown])
    ready: Batch = []
    for one in batch:
        item = writes[one.place]
        if one.compare is not None:
            ready.append(one)
            continue
        found = live[item.channel_stock_id, item.channel_location_id]
        if isinstance(found, ErrorCode):
            done[one.place] = _failed(item, found, _NOT_THERE[found])
            continue
        quantity, unseen = quantity_to_write(item.desired, item.predicted, found, item.maybe)
        if quantity == found:
            done[one.place] = _shows(item, found, unseen)
        else:
            ready.append(replace(one, quantity=quantity, compare=found, unseen=unseen))
    return ready


_NOT_THERE = {
    ErrorCode.NOT_FOUND: "Shopify has no such inventory item any more.",
    ErrorCode.REJECTED: "The item is not stocked at this location.",
}


def _live(items: Sequence[StockWrite]) -> Flow[dict[tuple[str, str], int | ErrorCode]]:
    """What each item has available where it is to be written, or why that is not known."""
    found: dict[tuple[str, str], int | ErrorCode] = {}
    for location in dict.fromkeys(item.channel_location_id for item in items):
        ids = list(dict.fromkeys(i.channel_stock_id for i in items if i.channel_location_id == location))
        variables = {
            "items": [gid("InventoryItem", one) for one in ids],
            "location": gid("Location", location),
        }
        told = (yield from ask("live", variables, cost=LIVE_COST)).get("nodes")
        if not isinstance(told, list) or len(told) != len(ids):
            raise ChannelError(ErrorCode.UNEXPECTED, "Shopify did not answer for every inventory item")
        for stock_id, node in zip(ids, told, strict=True):
            if not isinstance(node, dict) or not node:
                found[stock_id, location] = ErrorCode.NOT_FOUND
            else:
                shown = available(node.get("inventoryLevel"))
                found[stock_id, location] = ErrorCode.REJECTED if shown is None else shown
    return found


def _input(ready: Batch, writes: Sequence[StockWrite], key: str) -> dict[str, Any]:
    return {
        "name": "available",
        "reason": "correction",
        "referenceDocumentUri": f"gid://fairway/StockWrite/{key}",
        "quantities": [
            {
                "inventoryItemId": gid("InventoryItem", writes[one.place].channel_stock_id),
                "locationId": gid("Location", writes[one.place].channel_location_id),
                "quantity": one.quantity,
                "changeFromQuantity": one.compare,
            }
            for one in ready
        ],
    }


def _key(ready: Batch, writes: Sequence[StockWrite]) -> str:
    """One key for the whole mutation: the same parameters in the same round always give the same one."""
    parts = (f"{writes[one.place].key} {one.quantity} {one.compare} {one.round}" for one in ready)
    return str(uuid5(_KEYS, "\n".join(parts)))


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
