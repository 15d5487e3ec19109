"""The time of a simulation, and the network between its hub and its shops with all that happens there."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from core.errors import ChannelError, ErrorCode
from core.flow import Response, encode
from core.net import Send

CALL_S = (0.02, 0.12)  # how long a call takes


@dataclass(slots=True)
class Clock:
    """Time that passes only when somebody says so."""

    now: datetime = datetime(2026, 11, 24, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass(slots=True)
class Wire:
    """The network to both shops: every call takes its time. While *losing*, no answer to anything that writes comes back;
    while *unlisted*, orders cannot be listed; lists show orders, and changes of them, *listed_after* seconds.
    *between* is called before each call.
    """

    send: Send
    clock: Clock
    luck: random.Random
    losing: bool = False
    unlisted: bool = False
    listed_after: float = 0.0
    between: Callable[[], None] = lambda: None

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Response:
        self.between()
        lists = _lists_orders(url, body)
        if self.unlisted and lists:
            raise ChannelError(ErrorCode.UNAVAILABLE, "orders cannot be listed for a while")
        response = await self.send(method, url, headers, body)
        if lists and response.status == 200:
            response = _without_newest(response, self.clock.now - timedelta(seconds=self.listed_after))
        self.clock.forward(self.luck.uniform(*CALL_S))
        if self.losing and _writes(method, body):
            raise ChannelError(ErrorCode.TIMEOUT, "the answer was lost")
        # The simulators' web server stamps the time of this machine.
        kept = {name: value for name, value in response.headers.items() if name != "date"}
        return Response(response.status, kept, response.body)


def _writes(method: str, body: bytes | None) -> bool:
    """Whether a call changes something: Shopify is asked and told with the same verb."""
    return method != "GET" and b"query " not in (body or b"")


def _lists_orders(url: str, body: bytes | None) -> bool:
    return url.partition("?")[0].endswith("/orders") or b"query Orders" in (body or b"")


def _without_newest(response: Response, until: datetime) -> Response:
    """A list of orders, the last changed at its end, as an index shows it that knows only what changed by *until*."""
    told = response.json()
    orders: list[Any] = told if isinstance(told, list) else told["data"]["orders"]["nodes"]
    known = [order for order in orders if _changed_at(order) <= until]
    if len(known) == len(orders):
        return response
    orders[:] = known
    if isinstance(told, dict):
        told["data"]["orders"]["pageInfo"]["hasNextPage"] = False
    headers = {name: value for name, value in response.headers.items() if not name.startswith("x-wp-total")}
    return Response(response.status, headers, encode(told))


def _changed_at(order: Mapping[str, str]) -> datetime:
    """Shopify's word ends with a Z, WooCommerce's is UTC as it is."""
    said = order.get("updatedAt") or order["date_modified_gmt"]
    return datetime.fromisoformat(said.removesuffix("Z")).replace(tzinfo=UTC)
