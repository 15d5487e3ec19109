"""A shop that gives its orders and its catalogue in pages, by a clock of its own and as badly as a test wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from core.connector import CatalogPage, ChannelLocation, Connector, Delivery, Overrides, Page, Reading, Window
from core.errors import ChannelError
from core.flow import Flow, Request, Response, decode, encode
from core.model.inventory import ListingSeen
from core.store import schedule
from core.usecases.lease import run_due
from core.usecases.pull_catalog import next_catalog, pull_catalog
from core.usecases.pull_orders import next_pull, pull_orders
from tests.usecases.usecase_rig import Rig


class PagingShop:
    """Reads orders as *like* does; a page is what its answer says, and so is the cursor of the next one."""

    def __init__(self, like: Connector) -> None:
        self.manifest = like.manifest
        self._like = like

    def base_url(self, settings: Mapping[str, str]) -> str:
        return settings["base_url"]

    def authorize(self, request: Request, *_: Any) -> Request:
        return request

    def classify(self, _response: Response) -> ChannelError | None:
        return None

    def verify(self, *_: Any) -> None:
        return None

    def check_account(self) -> Iterator[Request]:
        yield Request("GET", "/account")

    def read(self, delivery: Delivery, overrides: Overrides) -> Reading:
        return self._like.read(delivery, overrides)

    def pull_orders(self, window: Window, cursor: str | None) -> Flow[Page]:
        query = (
            ("since", window.since.isoformat()),
            ("until", window.until.isoformat()),
            ("cursor", cursor or ""),
        )
        told = (yield Request("GET", "/orders", query=query)).json()
        return Page("pull/order", tuple(encode(item) for item in told["items"]), told["next"])

    def fetch_order(self, channel_order_id: str) -> Flow[Page]:
        order = (yield Request("GET", f"/orders/{channel_order_id}")).json()
        return Page("pull/order", (encode(order),), None)

    def pull_locations(self) -> Flow[tuple[ChannelLocation, ...]]:
        yield from ()
        return (ChannelLocation(channel_location_id="", name="Main"),)

    def pull_catalog(self, cursor: str | None) -> Flow[CatalogPage]:
        told = (yield Request("GET", "/catalog", query=(("cursor", cursor or ""),))).json()
        return CatalogPage(tuple(_listing(item) for item in told["items"]), told["next"])


def _listing(item: str) -> ListingSeen:
    return ListingSeen(channel_item_id=item, channel_stock_id=item, sku=f"SKU-{item}", title=item)


@dataclass
class Pages:
    """The shop's side. *orders* are (changed, payload), *changed* by the shop's own clock; they come on one page
    unless *page* says what the n-th one is. *date* is what the shop's clock shows, None where it does not say.
    """

    orders: list[tuple[datetime, dict[str, Any]]] = field(default_factory=list)
    page: Callable[[int], tuple[Sequence[Any], str | None]] | None = None
    date: Callable[[], datetime | str | None] = lambda: None
    asked: list[dict[str, str]] = field(default_factory=list)

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Response:
        asked = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
        self.asked.append(asked)
        items, following = self.page(len(self.asked)) if self.page else (self._changed(asked), None)
        date = self.date()
        told = format_datetime(date, usegmt=True) if isinstance(date, datetime) else date
        return Response(200, {"date": told} if told else {}, encode({"items": items, "next": following}))

    def _changed(self, asked: Mapping[str, str]) -> list[Any]:
        since, until = (datetime.fromisoformat(asked[name]) for name in ("since", "until"))
        return [payload for changed, payload in self.orders if since <= changed < until]


async def pull(rig: Rig) -> str:
    """Pull the first shop's orders now; how the run ended."""
    await _ring(rig, "pull")
    await run_due(rig.hub, "pull", pull_orders, next_pull)
    return await _ended(rig)


async def catalog(rig: Rig) -> str:
    """Pull the first shop's catalogue now; how the run ended."""
    await _ring(rig, "catalog")
    await run_due(rig.hub, "catalog", pull_catalog, next_catalog)
    return await _ended(rig)


async def _ring(rig: Rig, kind: str) -> None:
    await rig.admin.execute("UPDATE schedule SET due_at = 'infinity'")
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        await schedule.ring(tx, kind, [(rig.merchant_id, rig.first)], rig.clock())


async def _ended(rig: Rig) -> str:
    row = await rig.admin.fetchrow("SELECT outcome, error, detail FROM runs ORDER BY run_id DESC LIMIT 1")
    assert row is not None
    code = decode(row["detail"].encode()).get("code", "")
    return f"{row['outcome']} {code}".strip()
