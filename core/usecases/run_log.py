"""Stores what runs say. The work comes first: lines that cannot be stored never undo it, standard error has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, is_dataclass
from datetime import datetime
from typing import Any

from core.hub import Hub
from core.log import Said, get_log, keep_lines, kept_lines
from core.store import run_log, runs
from core.store.database import RETRYABLE, Connection
from core.store.run_log import Lines

FLUSH_S = 1.0  # how long a line of a long run waits to be seen

log = get_log("run_log")


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a job. *said* are its lines that are not stored yet."""

    merchant_id: int
    connection_id: int | None
    run_id: int
    said: list[Said]

    def merchants(self) -> set[int]:
        """Whose rows its lines are."""
        return {self.merchant_id, *(run_log.merchant_of(line, self.merchant_id) for line in self.said)}


@dataclass(slots=True)
class Recorded:
    """What a run says of itself at its end; without *counts* and *error* it was none."""

    counts: dict[str, int] = field(default_factory=dict)
    error: str = ""


def counts_of(result: object) -> dict[str, Any]:
    """The numbers and words of a dataclass that are not empty; {} of anything else."""
    whole = asdict(result) if is_dataclass(result) and not isinstance(result, type) else {}
    return {name: value for name, value in whole.items() if value and not isinstance(value, bool | datetime)}


async def store_lines(tx: Connection, them: Sequence[Run]) -> list[int]:
    """Store the lines of runs in *tx*; returns how many of each the caller may forget once it has committed."""
    counts = [len(run.said) for run in them]
    saying = [run for run in them if run.said]
    if saying:
        try:
            await run_log.add(
                tx,
                [
                    Lines(run.merchant_id, run.connection_id, run.run_id, run.said[:count])
                    for run, count in zip(them, counts, strict=True)
                    if count
                ],
            )
        except RETRYABLE:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a line, the work is not
            if len(saying) == 1:
                _complain(saying[0], error)
            else:
                for run in saying:
                    await store_lines(tx, [run])
    return counts


async def flush(hub: Hub, run: Run) -> None:
    """Store what was said so far in a transaction of its own; what cannot be stored now is kept for the next time."""
    if not run.said:
        return
    try:
        async with hub.database.transaction(run.merchants()) as tx:
            [count] = await store_lines(tx, [run])
    except Exception as error:  # noqa: BLE001 - the work goes on, and has its own way to say that nothing works
        _complain(run, error)
    else:
        del run.said[:count]


@asynccontextmanager
async def flushed(hub: Hub, run: Run) -> AsyncIterator[None]:
    """Store the lines of *run* every second while the block goes on."""
    ended = asyncio.Event()
    flushing = asyncio.create_task(_flush_until(hub, run, ended))
    try:
        yield
    finally:
        ended.set()
        await flushing  # it is not cancelled: lines that were just committed would be stored twice


@asynccontextmanager
async def recorded(
    hub: Hub, kind: str, merchants: Iterable[int], started: datetime, *, merchant_id: int = 0
) -> AsyncIterator[tuple[Connection, Recorded]]:
    """A transaction over *merchants* that is a run of its own: what the block puts into the second value, and the
    lines said so far, are written with it. Nothing is when it puts in nothing.
    """
    about = Recorded()
    count = 0
    async with hub.database.transaction({0, *merchants}) as tx:
        yield tx, about
        if about.counts or about.error:
            run_id = await runs.record(
                tx, merchant_id, kind, started, hub.clock(), detail=about.counts, error=about.error
            )
            [count] = await store_lines(tx, [Run(merchant_id, None, run_id, kept_lines())])
    del kept_lines()[:count]


async def _flush_until(hub: Hub, run: Run, ended: asyncio.Event) -> None:
    while not ended.is_set():
        try:
            await asyncio.wait_for(ended.wait(), FLUSH_S)
        except TimeoutError:
            await flush(hub, run)


def _complain(run: Run, error: Exception) -> None:
    with keep_lines():  # and forget: a line about lines that cannot be stored could not be stored either
        log.error(
            "lines of a run could not be stored",
            extra={"fields": {"run": run.run_id, "lines": len(run.said), "error": type(error).__name__}},
        )
