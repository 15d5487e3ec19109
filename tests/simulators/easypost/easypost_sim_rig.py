"""What the tests of the simulated EasyPost share: a settable clock, a hub that writes down, an API client."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from core.flow import decode

KEY, HOOK_SECRET = "EZTKtest", "sécret"


@dataclass
class Clock:
    """Time that stands still until it is moved."""

    at: datetime = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def tick(self, seconds: float = 1) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Hub:
    """Receives callbacks and answers *status*."""

    url: str = ""
    status: int = 200
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def events(self) -> list[Any]:
        return [decode(body) for _, body in self.received]


@dataclass
class Api:
    """Calls EasyPost as its documentation's examples do: the key as the user of HTTP Basic."""

    session: aiohttp.ClientSession
    base: str
    key: str = KEY

    async def __call__(self, method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
        headers = {"Authorization": aiohttp.encode_basic_auth(self.key, "")}
        async with self.session.request(
            method, f"{self.base}/v2/{path}", json=body, params=query, headers=headers
        ) as answer:
            return answer.status, await answer.json()

    async def track(self, code: str, carrier: str = "USPS") -> Any:
        _, tracker = await self("POST", "trackers", {"tracker": {"tracking_code": code, "carrier": carrier}})
        return tracker
