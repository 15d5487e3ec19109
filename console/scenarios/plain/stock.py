"""Listings of a plain marketplace and their stock. Looks before every write; zero is told as the manifest says."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from console.scenarios.plain.wire import post, refusal, thing
from core.connector import CatalogPage, ChannelLocation, Manifest, StockPage
from core.errors import ChannelError, ErrorCode
from core.flow import Flow, Request, Response
from core.model.inventory import ListingSeen, LiveLevel, StockSeen, StockWrite, StockWritten
from core.rules.stock import quantity_to_write

LEAST = 1  # what a listing shows that may not stand at zero


def pull_locations() -> Flow[tuple[ChannelLocation, ...]]:
    told = thing((yield Request("GET", "/locations")))
    return tuple(
        ChannelLocation(channel_location_id=row["id"], name=row["name"]) for row in told["locations"]
    )


def pull_catalog(cursor: str | None) -> Flow[CatalogPage]:
    told = thing((yield Request("GET", "/listings", query=(("after", cursor),) if cursor else ())))
    return CatalogPage(tuple(_listing(row) for row in told["listings"]), told["next"])


def read_stock(cursor: str | None) -> Flow[StockPage]:
    """What the catalogue shows: there is no cheaper way to ask for everything."""
    page = yield from pull_catalog(cursor)
    return StockPage(tuple(seen for listing in page.listings for seen in _seen(listing)), page.next_cursor)


def read_stock_of(items: Sequence[tuple[str, str]]) -> Flow[tuple[StockSeen, ...]]:
    ids = ",".join(dict.fromkeys(listing for listing, _ in items))
    told = thing((yield Request("GET", "/listings", query=(("ids", ids),))))
    shown = [seen for row in told["listings"] for seen in _seen(_listing(row))]
    return tuple(one for one in shown if (one.channel_stock_id, one.channel_location_id) in items)


def _seen(listing: ListingSeen) -> list[StockSeen]:
    return [
        StockSeen(
            channel_stock_id=listing.channel_stock_id,
            channel_location_id=level.channel_location_id,
            quantity=level.quantity,
            sku=listing.sku,
        )
        for level in listing.levels
    ]


def _listing(row: dict[str, Any]) -> ListingSeen:
    return ListingSeen(
        channel_item_id=row["id"],
        channel_stock_id=row["id"],
        sku=row["sku"],
        title=row["sku"],
        levels=tuple(
            LiveLevel(channel_location_id=place, quantity=units) for place, units in _stock(row).items()
        ),
    )


def _stock(row: dict[str, Any]) -> dict[str, int]:
    """What a listing shows by location: nothing where it is not active."""
    return {one["location"]: one["quantity"] if row["active"] else 0 for one in row["stock"]}


@dataclass(slots=True)
class _Planned:
    place: int
    write: StockWrite
    live: int
    quantity: int
    unseen: int
    active: bool

    def row(self, *, compares: bool) -> dict[str, Any]:
        told: dict[str, Any] = {
            "listing": self.write.channel_stock_id,
            "location": self.write.channel_location_id,
            "quantity": self.quantity,
        }
        return {**told, "expected": self.live} if compares else told


Done = dict[int, StockWritten]


class PlainStock:
    """Writes stock as *manifest* says that zero is told."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest

    def push_stock(self, writes: Sequence[StockWrite]) -> Flow[tuple[StockWritten, ...]]:
        """One outcome for each write, in their order. Where zero is refused for want of a setting the listing is kept at
        one unit, which the outcome says beside the refusal.
        """
        done: Done = {}
        plans = yield from self._planned(writes, done)
        ends = self._manifest.zero == "deactivate"
        off = [plan for plan in plans if plan.quantity == 0 and ends]
        back = [plan for plan in plans if plan.quantity > 0 and not plan.active]
        rest = [plan for plan in plans if plan not in off and plan not in back]
        try:
            # What goes off sale first.
            yield from self._send("/deactivate", off, done)
            yield from self._send("/stock", rest, done)
            yield from self._send("/relist", back, done)
            yield from self._least(rest, done)
        except ChannelError as error:
            if not done:
                raise
            for plan in plans:
                done.setdefault(plan.place, _failed(plan.write, error))
        return tuple(done[place] for place in range(len(writes)))

    def _planned(
        self, writes: Sequence[StockWrite], done: Done
    ) -> Generator[Request, Response, list[_Planned]]:
        ids = ",".join(dict.fromkeys(write.channel_stock_id for write in writes))
        told = thing((yield Request("GET", "/listings", query=(("ids", ids),))))
        live = {row["id"]: row for row in told["listings"]}
        plans = []
        for place, write in enumerate(writes):
            row = live.get(write.channel_stock_id)
            shown = None if row is None else _stock(row).get(write.channel_location_id)
            if row is None or shown is None:
                gone = ChannelError(ErrorCode.NOT_FOUND, "The marketplace has no such listing any more.")
                done[place] = _failed(write, gone)
                continue
            quantity, unseen = quantity_to_write(write.desired, write.predicted, shown, write.maybe)
            if quantity == shown:
                done[place] = _shows(write, shown, unseen)
            else:
                plans.append(_Planned(place, write, shown, quantity, unseen, row["active"]))
        return plans

    def _send(self, path: str, plans: Sequence[_Planned], done: Done) -> Generator[Request, Response, None]:
        if not plans:
            return
        rows = [plan.row(compares=self._manifest.compare_and_set) for plan in plans]
        results = thing((yield post(path, {"writes": rows})))["results"]
        if len(results) != len(plans):
            raise ChannelError(ErrorCode.UNEXPECTED, "The marketplace did not answer for every listing.")
        for plan, result in zip(plans, results, strict=True):
            if "error" in result:
                done[plan.place] = _failed(plan.write, refusal(result["error"]))
            else:
                done[plan.place] = _shows(plan.write, plan.quantity, plan.unseen)

    def _least(self, plans: Sequence[_Planned], done: Done) -> Generator[Request, Response, None]:
        """Where a listing may not stand at zero it is kept at the least it may show, and says why."""
        refused = [
            plan
            for plan in plans
            if plan.quantity == 0
            and done[plan.place].error == ErrorCode.REJECTED
            and self._manifest.zero == "needs_setting"
        ]
        if not refused:
            return
        words = {plan.place: done[plan.place].message for plan in refused}
        for plan in refused:
            plan.quantity = LEAST
        lower = [plan for plan in refused if plan.live != LEAST]
        yield from self._send("/stock", lower, done)
        for plan in refused:
            if plan not in lower or done[plan.place].error is None:
                fix = f"Switch on {self._manifest.zero_setting}; until then it shows {LEAST}."
                done[plan.place] = _shows(plan.write, LEAST, plan.unseen).model_copy(
                    update={"error": ErrorCode.REJECTED, "message": f"{words[plan.place]} {fix}"}
                )


def _shows(write: StockWrite, quantity: int, unseen: int) -> StockWritten:
    return StockWritten(
        channel_stock_id=write.channel_stock_id,
        channel_location_id=write.channel_location_id,
        written=quantity,
        unseen=unseen,
    )


def _failed(write: StockWrite, error: ChannelError) -> StockWritten:
    return StockWritten(
        channel_stock_id=write.channel_stock_id,
        channel_location_id=write.channel_location_id,
        error=error.code,
        message=error.message,
    )
