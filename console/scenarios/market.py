"""The simulated channels of a scenario, asked in memory; answers to writes get lost from a seed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, urlsplit

from console.scenarios.crowd import WORLD, Plan, supply
from console.scenarios.plain import Plain, plain_manifest
from core.errors import ChannelError, ErrorCode
from core.flow import Response
from simulators.plain import PlainShop
from simulators.plain.api import answer

SECRET = "scenario-webhooks"  # noqa: S105 - opens nothing but a simulator
LOST_REPLIES = 0.2


@dataclass(slots=True)
class Clock:
    """Simulated time."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


def open_shops(plan: Plan, clock: Clock) -> dict[str, PlainShop]:
    """All channels, each listing everything with all there is."""
    shops = {}
    for name, (semantics, lag) in WORLD.items():
        shop = shops[name] = PlainShop(
            semantics, name=name, token=f"{name}-1", webhook_secret=SECRET, seed=plan.seed, now=clock, lag=lag
        )
        for sku, units in supply(plan).items():
            shop.add_listing(sku, units)
    return shops


def connectors() -> dict[str, Plain]:
    return {
        name: Plain(
            plain_manifest(
                name,
                zero=semantics.zero,
                lowers_stock_at=semantics.lowers_at,
                counts_own_unshipped=semantics.counts_unshipped,
                compare_and_set=semantics.compares,
                stock_batch=semantics.batch,
            )
        )
        for name, (semantics, _) in WORLD.items()
    }


@dataclass(slots=True)
class Transport:
    """How a hub's calls reach the channels: a `core.net.Send`. Of writes a fifth is never answered, after its effect.
    (A read whose answer is lost is repeated at once: that would only cost real time.)
    """

    shops: Mapping[str, PlainShop]
    luck: random.Random
    lost: float = LOST_REPLIES

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Response:
        parts = urlsplit(url)
        status, content = answer(
            self.shops[parts.hostname or ""],
            method,
            parts.path,
            dict(parse_qsl(parts.query)),
            headers.get("Authorization", ""),
            body or b"",
        )
        if method != "GET" and status == 200 and self.luck.random() < self.lost:
            raise ChannelError(ErrorCode.TIMEOUT, "the answer was lost")
        return Response(status, {"content-type": "application/json"}, content)
