"""Carries a simulated channel's webhooks to the hub, as unreliably as it is told to, from a seed."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp


@dataclass(frozen=True, slots=True)
class Faults:
    """*copies* of each webhook, shuffled; the share that never comes; the share that is signed with a wrong
    secret; the longest delay in seconds.
    """

    copies: int = 1
    lost: float = 0.0
    bad_signature: float = 0.0
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook to carry. *headers* makes the headers for a secret, so that a wrong one can be tried.
    *answered* is told the status of each answer, None where there was none.
    """

    url: str
    body: bytes
    secret: str
    headers: Callable[[bytes, str], dict[str, str]]
    answered: Callable[[int | None], None] = lambda _: None


@dataclass(slots=True)
class Courier:
    """`post` takes webhooks without waiting; `settled` waits until all of them were tried.

    *counts*: sent, accepted (200), rejected (401), failed (anything else), lost.
    """

    rng: random.Random
    faults: Faults = field(default_factory=Faults)
    counts: Counter[str] = field(default_factory=Counter)
    in_flight: int = 16
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _session: aiohttp.ClientSession | None = None
    _gate: asyncio.Semaphore | None = None

    def post(self, webhook: Webhook) -> None:
        if self.rng.random() < self.faults.lost:
            self.counts["lost"] += 1
            return
        secret = webhook.secret
        if self.rng.random() < self.faults.bad_signature:
            secret += "-wrong"
        for _ in range(self.faults.copies):
            task = asyncio.create_task(self._carry(webhook, secret, self.rng.random() * self.faults.delay_s))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _carry(self, webhook: Webhook, secret: str, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
            self._gate = asyncio.Semaphore(self.in_flight)
        assert self._gate is not None  # noqa: S101 - made with the session
        async with self._gate:
            self.counts["sent"] += 1
            status: int | None = None
            try:
                async with self._session.post(
                    webhook.url,
                    data=webhook.body,
                    headers=webhook.headers(webhook.body, secret),
                    allow_redirects=False,
                ) as answer:
                    status = answer.status
            except (aiohttp.ClientError, TimeoutError):
                status = None
        self.counts[{200: "accepted", 401: "rejected"}.get(status or 0, "failed")] += 1
        webhook.answered(status)
