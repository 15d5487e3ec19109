"""Prints answers: JSON for programs, a table for people."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import click
import orjson

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run asynchronous work on the fastest loop there is."""
    if sys.platform == "win32":
        return asyncio.run(work)
    import uvloop

    return uvloop.run(work)


def as_json(value: Any) -> str:
    """JSON with exact money: decimals are text."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError


def print_json(value: Any) -> None:
    click.echo(as_json(value))


def print_table(rows: Sequence[Mapping[str, Any]], names: Sequence[str], *, empty: str) -> None:
    """A plain aligned table; *empty* says what to do when there is nothing."""
    if not rows:
        click.echo(empty, err=True)
        return
    cells = [[_cell(row.get(name)) for name in names] for row in rows]
    widths = [max(len(name), *(len(row[i]) for row in cells)) for i, name in enumerate(names)]
    click.echo(
        "  ".join(name.upper().ljust(width) for name, width in zip(names, widths, strict=True)).rstrip()
    )
    for row in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    text = str(value)
    safe = "".join(char if char.isprintable() else "?" for char in text)
    return safe if len(safe) <= 60 else f"{safe[:59]}…"


@asynccontextmanager
async def hub_here() -> AsyncIterator[Any]:
    """A hub over the database that runs here (or that the environment names), as a worker's role."""
    from connectors import discover
    from console.cli.here import settings_here
    from core.hub import open_hub
    from core.wake import Silent
    from jobs.wake import RedisWake, open_redis

    settings = settings_here()
    redis = open_redis(settings.redis_url) if settings.redis_url else None
    wake = RedisWake(redis, settings.share.queues) if redis else Silent()
    try:
        async with open_hub(settings, discover(), wake=wake, application="fairway-cli", pool=3) as hub:
            yield hub
    finally:
        if redis:
            await redis.aclose(close_connection_pool=True)
