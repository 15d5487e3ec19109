"""Mistakes in reading what a channel shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from conformance.kit import Kit

from core.flow import Flow
from core.model.inventory import StockSeen
from sabotages.base import BOTH, Changes, altered, caught_by


@caught_by("live-whole", *BOTH)
def reads_the_first_page_only(kit: Kit) -> Changes:
    reads: Any = kit.connector

    def read_stock(cursor: str | None) -> Flow[Any]:
        page = yield from reads.read_stock(cursor)
        return replace(page, next_cursor=None)

    return {"read_stock": read_stock}


@caught_by("live-named", *BOTH)
def takes_what_is_gone_for_sold_out(kit: Kit) -> Changes:
    reads: Any = kit.connector

    def read_stock_of(items: Any) -> Flow[Any]:
        found = yield from reads.read_stock_of(items)
        there = {(one.channel_stock_id, one.channel_location_id) for one in found}
        gone = [
            StockSeen(channel_stock_id=stock_id, channel_location_id=location, quantity=0)
            for stock_id, location in items
            if (stock_id, location) not in there
        ]
        return (*found, *gone)

    return {"read_stock_of": read_stock_of}


@caught_by("live-writes-nothing", *BOTH)
def says_that_reading_writes(kit: Kit) -> Changes:
    reads: Any = kit.connector
    return {
        "read_stock": lambda cursor: altered(
            reads.read_stock(cursor), asked=lambda request: replace(request, reads=False)
        )
    }
