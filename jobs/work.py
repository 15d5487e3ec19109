"""All kinds of work in one place, each a function that does what is due and says whether there is more."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from core import metrics
from core.hub import Hub
from core.log import get_log
from core.shares import EVERYBODY
from core.store.database import RETRYABLE
from core.usecases.certify import certify, next_certify
from core.usecases.drain import SLICE, drain
from core.usecases.fetch_orders import fetch_orders, next_fetch
from core.usecases.fill_shortages import fill_shortages
from core.usecases.hold_back import hold_back
from core.usecases.lease import NextDue, Work, run_due
from core.usecases.measure import measure
from core.usecases.probe import next_probe, probe
from core.usecases.pull_catalog import next_catalog, pull_catalog
from core.usecases.pull_orders import next_pull, pull_orders
from core.usecases.push_effects import next_effect, push_effects
from core.usecases.push_stock import next_push, push_stock
from core.usecases.reconcile import next_reconcile, reconcile
from core.usecases.relevel import relevel
from core.usecases.set_rules import expire_rules
from core.usecases.settle_incidents import settle_incidents
from core.usecases.settle_unmapped import settle_unmapped
from core.usecases.sweep import sweep
from core.usecases.take_back import take_back_found
from core.usecases.tally_sales import tally_sales

CONNECTIONS = 4  # of which work of one kind is done at the same time
PUSHES = 64  # the same of pushes, which share their transactions
PATIENCE_S = 0.5  # a run that takes longer is not waited for before others begin
SPELL_S = 5.0  # how long one job goes on before it lets others have the worker
BEYOND_S = 2.0  # of one kind, between two spells for merchants whom other workers serve: these may be dead, or have too much
EVERY_S = {
    "tally": 10.0,
    "measure": 120.0,
    "sweep": 3600.0,
}  # nobody rings for these, and they are not for every round

log = get_log("jobs")

Step: TypeAlias = Callable[[Hub], Awaitable[bool]]


async def _drain(hub: Hub) -> bool:
    return (await drain(hub)).claimed > 0


async def _drain_backlog(hub: Hub) -> bool:
    """One slice in a lane beside others. The last one where less than a full slice was fresh: what was tried before has
    its turn alone, and may be all that a killed worker had in hand.
    """
    return (await drain(hub, suspects=False)).fresh == SLICE


async def _relevel(hub: Hub) -> bool:
    await settle_unmapped(hub)
    await expire_rules(hub)
    await take_back_found(hub)
    await fill_shortages(hub)
    await settle_incidents(hub)
    return (await relevel(hub)).variants > 0


async def _run(hub: Hub, kind: str, work: Work, next_due: NextDue, limit: int = CONNECTIONS) -> bool:
    """What is due of *kind* at connections; what is slow goes on while others begin."""
    return bool(await run_due(hub, kind, work, next_due, limit=limit, patience_s=PATIENCE_S))


async def _pull(hub: Hub) -> bool:
    return await _run(hub, "pull", pull_orders, next_pull)


async def _fetch(hub: Hub) -> bool:
    return await _run(hub, "fetch", fetch_orders, next_fetch)


async def _catalog(hub: Hub) -> bool:
    return await _run(hub, "catalog", pull_catalog, next_catalog)


async def _reconcile(hub: Hub) -> bool:
    return await _run(hub, "reconcile", reconcile, next_reconcile)


async def _certify(hub: Hub) -> bool:
    return await _run(hub, "certify", certify, next_certify)


async def _push(hub: Hub) -> bool:
    return await _run(hub, "push", push_stock, next_push, PUSHES)


async def _effect(hub: Hub) -> bool:
    return await _run(hub, "effect", push_effects, next_effect)


async def _probe(hub: Hub) -> bool:
    return await _run(hub, "probe", probe, next_probe)


async def _tally(hub: Hub) -> bool:
    if sold := await tally_sales(hub):
        await hold_back(hub, sold)
    return bool(sold)


async def _measure(hub: Hub) -> bool:
    if await measure(hub):
        return True
    await hold_back(hub)
    return False


KINDS: dict[str, Step] = {
    "drain": _drain,
    "relevel": _relevel,
    "push": _push,
    "fetch": _fetch,
    "reconcile": _reconcile,  # before pulls: what they find is applied before anything is settled
    "pull": _pull,
    "catalog": _catalog,
    "certify": _certify,
    "effect": _effect,
    "probe": _probe,
    "tally": _tally,
    "measure": _measure,
    "sweep": sweep,
}

# What follows a first step that had work, side by side: one lane reads its slice while the statements of another run.
LANES: dict[str, tuple[Step, ...]] = {"drain": (_drain_backlog,) * 2}


class Worker:
    """Does work when rung and looks for it by itself in between. One spell of a kind at a time.

    A worker that serves a share of the merchants works for these first and then, every two seconds, for everybody: no
    merchant depends on one worker.

    Once *stopped* is set no step begins any more: a step is what a kind does at a time, such as a slice. *since* is for who
    takes the place of another: what comes by the clock goes on as if it had worked since then (monotonic seconds), so that
    who is killed again and again does not begin with all of it.
    """

    def __init__(self, hub: Hub, stopped: asyncio.Event | None = None, *, since: float | None = None) -> None:
        self._hub = hub
        self._stopped = stopped or asyncio.Event()
        self._busy = {kind: asyncio.Lock() for kind in KINDS}
        self._next: set[str] = set()  # kinds whose next spell waits for the one that runs
        self._down = False
        now = time.monotonic()
        self._went_beyond = dict.fromkeys(KINDS, now)
        self._looked_at = {
            kind: -math.inf if since is None else now - (now - since) % every
            for kind, every in EVERY_S.items()
        }

    async def spell(self, kind: str) -> None:
        """Do *kind* until nothing is due, the spell is over or we stop. A ring during a spell is not lost: it runs after,
        and so do all others that come before.
        """
        if kind in self._next or self._stopped.is_set():
            return
        self._next.add(kind)
        try:
            await self._busy[kind].acquire()
        finally:
            self._next.remove(kind)
        begun, worked, outcome = time.monotonic(), False, "failed"
        try:
            worked = await self._work(kind, self._hub)
            if self._goes_beyond(kind):
                worked = await self._work(kind, replace(self._hub, share=EVERYBODY)) or worked
            outcome = "done"
        except RETRYABLE:
            outcome = "broken_off"
            raise
        finally:
            self._busy[kind].release()
            if worked or outcome != "done":
                metrics.SPELLS.labels(kind, outcome).inc()
                metrics.SPELL_SECONDS.labels(kind).observe(time.monotonic() - begun)

    async def _work(self, kind: str, hub: Hub) -> bool:
        """Do *kind* for whom *hub* serves, for a spell at most; says whether there was any."""
        over_at, worked = time.monotonic() + SPELL_S, False
        while await self._step(KINDS[kind], hub, over_at):
            worked = True
            await self._side_by_side(LANES.get(kind, ()), hub, over_at)
        return worked

    def _goes_beyond(self, kind: str) -> bool:
        """Whether it is time to do *kind* for everybody. What comes by the clock knows no shares."""
        now = time.monotonic()
        if self._hub.share.whole or kind in EVERY_S or now < self._went_beyond[kind] + BEYOND_S:
            return False
        self._went_beyond[kind] = now
        return True

    async def _step(self, work: Step, hub: Hub, over_at: float) -> bool:
        """Do one step of *work*, unless the spell is over; says whether there may be more."""
        over = time.monotonic() >= over_at or self._stopped.is_set()
        return not over and await work(hub)

    async def _side_by_side(self, lanes: Sequence[Step], hub: Hub, over_at: float) -> None:
        async def lane(work: Step) -> None:
            while await self._step(work, hub, over_at):
                pass

        ended = await asyncio.gather(*map(lane, lanes), return_exceptions=True)
        errors = [error for error in ended if error]
        for error in errors[1:]:
            log.error("another lane failed as well", exc_info=error)
        if errors:
            raise errors[0]

    async def look(self) -> None:
        """One round over all kinds; says once when the database is away and once when it is back."""
        for kind in self.due():
            try:
                await self.spell(kind)
            except RETRYABLE as error:
                if not self._down:
                    log.warning(
                        "the database does not answer", extra={"fields": {"error": type(error).__name__}}
                    )
                self._down = True
                return
            except Exception:
                log.exception("a spell failed", extra={"fields": {"kind": kind}})
        if self._down:
            log.info("the database is back")
            self._down = False

    def due(self) -> list[str]:
        """What is looked for now: all kinds but those whose time has not come again."""
        now = time.monotonic()
        due = [kind for kind in KINDS if now - self._looked_at.get(kind, -math.inf) >= EVERY_S.get(kind, 0)]
        self._looked_at |= {kind: now for kind in due if kind in EVERY_S}
        return due

    async def patrol(self, pause: Callable[[], float]) -> None:
        """Look again and again, *pause()* seconds apart, until we stop and every step under way has ended."""
        while not self._stopped.is_set():
            await self.look()
            try:
                await asyncio.wait_for(self._stopped.wait(), pause())
            except TimeoutError:
                continue
        for rung_for in self._busy.values():
            async with rung_for:
                pass
        await self._hub.settled()
