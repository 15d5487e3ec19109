"""Every crash point, one by one: each case is told as it ends, then a table of what was wrong."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import orjson

from console.chaos.counted import COUNTED
from console.cli.show import print_table

# How a share tells of a case; `_run_share` reads it.
_TOLD = "{done:>4} of {of}  {words}"
_READ = re.compile(rb" *(\d+) of (\d+)  (.*)")


async def go_through(directory: Path, seed: int, shard: str | None) -> dict[str, Any]:
    """Try the cases of *shard* here, or all of them, a share for each core. Raises `UsageProblem` for what is no share."""
    from console.chaos.cases import Shard, cases
    from console.chaos.exhaust import exhaust

    cores = os.cpu_count() or 1
    if shard is None and cores > 1:
        return await _side_by_side(seed, cores)
    share = Shard.parse(shard or "1/1")
    logging.basicConfig(filename=directory / "chaos.log", level=logging.WARNING, force=True)

    def tell(words: str, done: int, of: int) -> None:
        click.echo(_TOLD.format(done=done, of=of, words=words), err=True)

    return await exhaust(seed, share, cases(seed, share), directory, tell)


async def _side_by_side(seed: int, cores: int) -> dict[str, Any]:
    from console.cli.demo import Progressing

    shares = [f"{number}/{cores}" for number in range(1, cores + 1)]
    done = dict.fromkeys(shares, (0, 1))
    with Progressing() as bar:

        def tell(share: str, words: str, tried: int, of: int) -> None:
            done[share] = (tried, of)
            whole = [sum(column) for column in zip(*done.values(), strict=True)]
            bar(words, whole[0] / whole[1])
            if not sys.stderr.isatty():
                click.echo(f"{whole[0]:>4} of {whole[1]}  {words}", err=True)

        return merged(await asyncio.gather(*(_run_share(seed, share, tell) for share in shares)))


async def _run_share(seed: int, share: str, tell: Any) -> dict[str, Any]:
    from console.home import CHECKOUT
    from core.errors import FairwayError

    words = ("chaos", "--exhaustive", "--seed", str(seed), "--shard", share, "--json")
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "console.cli", *words),
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 24,
    )
    assert child.stdout is not None  # noqa: S101 - asked for above
    assert child.stderr is not None  # noqa: S101
    answer = asyncio.create_task(child.stdout.read())
    said = b""
    try:
        while line := await child.stderr.readline():
            if told := _READ.match(line):
                tell(share, told[3].decode(), int(told[1]), int(told[2]))
            else:
                said = line
                click.echo(line.decode().rstrip(), err=True)
        await child.wait()
    finally:
        if child.returncode is None:
            child.terminate()
            await child.wait()
    found = await answer
    if not found:
        raise FairwayError(f"The share {share} came to no end: {said.decode().strip()}")
    numbers: dict[str, Any] = orjson.loads(found)  # noqa: TID251 - our own, to be printed as numbers again
    return numbers


def merged(shares: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The numbers of all shares together."""
    first = shares[0]
    found: dict[str, Any] = {"seed": first["seed"], "shard": "1/1", "points": first["points"]}
    for name, value in first.items():
        if name in ("seed", "shard", "points", "passed"):
            continue
        parts = [share[name] for share in shares]
        if name == "seconds":
            found[name] = max(parts)
        else:
            found[name] = [one for part in parts for one in part] if isinstance(value, list) else sum(parts)
    return found | {"passed": all(share["passed"] for share in shares)}


WORDS = (
    ("points", "crash points"),
    ("cases", "cases: a point, what befalls the process there, and at which time"),
    ("fired", "of them came about"),
    ("restarts", "times a process was started again"),
    ("acked", "different webhooks that were answered 200"),
    *COUNTED,
    ("stuck", "cases after which the hub did not come to rest"),
    ("seconds", "seconds"),
)


def print_cases(numbers: dict[str, Any]) -> None:
    """What was wrong, then the numbers."""
    rows = [
        {**row, "at": f"{row['point']} ({row['hit']})", "what": row["stuck"] or row["wrong"] or "not reached"}
        for row in numbers["failed"]
    ]
    if rows:
        print_table(rows, ("at", "action", "came", "what"), empty="")
    for name, text in WORDS:
        click.echo(f"{numbers[name]:>8}  {text}")
    click.echo("Every case is fine." if numbers["passed"] else "NOT EVERY CASE IS FINE.")
    if rows:
        again = f"./fairway chaos --exhaustive --seed {numbers['seed']} --shard {numbers['shard']} --keep"
        click.echo(f"Run it again: {again}", err=True)
