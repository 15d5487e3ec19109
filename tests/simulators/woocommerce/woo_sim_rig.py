"""What the tests of the simulated shop share: a settable clock, a hub that writes down, a REST client."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

KEY, SECRET, HOOK_SECRET = "ck_test", "cs_test", "whsec-test"
HTTPS = {"X-Forwarded-Proto": "https"}


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
    """Receives webhooks and answers *status*."""

    url: str = ""
    status: int = 200
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def topics(self) -> list[str]:
        return [headers.get("X-WC-Webhook-Topic", "ping") for headers, _ in self.received]


@dataclass
class Rest:
    """Calls the shop as a merchant's tool does behind a TLS proxy."""

    session: aiohttp.ClientSession
    base: str

    async def __call__(self, method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any, Any]:
        headers = HTTPS | {"Authorization": aiohttp.encode_basic_auth(KEY, SECRET)}
        async with self.session.request(
            method,
            f"{self.base}/wp-json/wc/v3/{path}",
            json=body,
            params=query,
            headers=headers,
        ) as answer:
            return answer.status, await answer.json(), answer.headers
