"""Carries a simulated channel's webhooks to the hub, as unreliably as it is told to, from a seed."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import aiohttp


@dataclass(frozen=True, slots=True)
class Faults:
    """*copies* of each webhook, shuffled; the longest delay in seconds; and shares, 0 to 1, of webhooks that never
    come, that are signed with a wrong secret, that are *reordered*, and that are *late*.

    A reordered one is held back until a later one to the same URL was tried, for *delay_s* at the longest. A late one
    is kept until `Courier.bring_late`.
    """

    copies: int = 1
    lost: float = 0.0
    bad_signature: float = 0.0
    reordered: float = 0.0
    delay_s: float = 0.0
    late: float = 0.0


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook to carry. *headers* makes the headers for a secret, so that a wrong one can be tried.
    *answered* is told the status of each answer, None where there was none.

    *retry_after_s*: the pauses before each further try of the same bytes and headers, as long as no answer is 2xx.
    """

    url: str
    body: bytes
    secret: str
    headers: Callable[[bytes, str], dict[str, str]]
    answered: Callable[[int | None], None] = lambda _: None
    retry_after_s: tuple[float, ...] = ()


@dataclass(slots=True)
class Courier:
    """`post` takes webhooks without waiting; `settled` waits until all of them were tried, and tried again where
    their senders do that; `close` drops what is still under way.

    *taken* is told of each webhook that was answered 200, once for each time.
    *counts*, in tries: sent (of these retried), accepted (200), rejected (401), failed (anything else); and webhooks
    lost and late.
    """

    rng: random.Random
    faults: Faults = field(default_factory=Faults)
    counts: Counter[str] = field(default_factory=Counter)
    in_flight: int = 16
    taken: Callable[[Webhook], None] = lambda _: None
    _late: list[Webhook] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _held: dict[str, list[asyncio.Event]] = field(default_factory=dict)
    _session: aiohttp.ClientSession | None = None
    _gate: asyncio.Semaphore | None = None

    def post(self, webhook: Webhook) -> None:
        # All that is random is drawn here: what the network does later cannot change what a seed means.
        if self.rng.random() < self.faults.lost:
            self.counts["lost"] += 1
            return
        if self.faults.late and self.rng.random() < self.faults.late:
            self.counts["late"] += 1
            self._late.append(webhook)
            return
        secret = webhook.secret
        if self.rng.random() < self.faults.bad_signature:
            secret += "-wrong"
        overtaken: Sequence[asyncio.Event] = ()
        hold: asyncio.Event | None = None
        if self.rng.random() < self.faults.reordered:
            hold = asyncio.Event()
            self._held.setdefault(webhook.url, []).append(hold)
        else:
            overtaken = self._held.pop(webhook.url, ())
        for _ in range(self.faults.copies):
            delay_s = self.rng.random() * self.faults.delay_s
            task = asyncio.create_task(self._carry(webhook, secret, delay_s, hold, overtaken))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def bring_late(self) -> None:
        """Carry everything that was late, as it was then."""
        late, self._late = self._late, []
        faults, self.faults = self.faults, replace(self.faults, late=0.0, lost=0.0)
        for webhook in late:
            self.post(webhook)
        self.faults = faults

    async def settled(self) -> None:
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _carry(
        self,
        webhook: Webhook,
        secret: str,
        delay_s: float,
        hold: asyncio.Event | None,
        overtaken: Sequence[asyncio.Event],
    ) -> None:
        if hold is None:
            await asyncio.sleep(delay_s)
        else:
            with suppress(TimeoutError):
                await asyncio.wait_for(hold.wait(), self.faults.delay_s)
        headers = webhook.headers(webhook.body, secret)
        status = await self._try(webhook, headers)
        for held in overtaken:
            held.set()
        for pause_s in webhook.retry_after_s:
            if status is not None and 200 <= status < 300:
                return
            await asyncio.sleep(pause_s)
            self.counts["retried"] += 1
            status = await self._try(webhook, headers)

    async def _try(self, webhook: Webhook, headers: dict[str, str]) -> int | None:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
            self._gate = asyncio.Semaphore(self.in_flight)
        assert self._gate is not None  # noqa: S101 - made with the session
        async with self._gate:
            self.counts["sent"] += 1
            status: int | None = None
            with suppress(aiohttp.ClientError, TimeoutError):
                async with self._session.post(
                    webhook.url, data=webhook.body, headers=headers, allow_redirects=False
                ) as answer:
                    status = answer.status
        self.counts[{200: "accepted", 401: "rejected"}.get(status or 0, "failed")] += 1
        if status == 200:
            self.taken(webhook)
        webhook.answered(status)
        return status
