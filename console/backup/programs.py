"""Runs pg_dump and pg_restore against a database. Passwords go by the environment, never by the command line."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from console.servers.binaries import find_postgres
from core.errors import FairwayError


async def dump(url: str, target: Path) -> None:
    """Write everything in the database *url* to *target*, as it is at one instant. Raises `FairwayError`."""
    words = ["--format=custom", "--compress=6", "--no-password", f"--file={target}"]
    await _run("pg_dump", url, words, "The database could not be read")


async def restore(url: str, source: Path) -> None:
    """Put all of the dump *source* into the database *url*, or nothing of it. Raises `FairwayError`."""
    words = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-password", str(source)]
    await _run("pg_restore", url, words, "Nothing was restored")


async def _run(program: str, url: str, words: list[str], wrong: str) -> None:
    folder, major = find_postgres(None)
    where, password = _without_password(url)
    process = await asyncio.create_subprocess_exec(
        folder / program,
        f"--dbname={where}",
        *words,
        env={**os.environ, **({"PGPASSWORD": password} if password else {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
    if process.returncode:
        last = said.decode("utf-8", "replace").strip().splitlines()[-1:] or [
            f"it ended with {process.returncode}"
        ]
        raise FairwayError(
            f"{wrong}: {last[0][:300]}",
            fix=f"{program} is of PostgreSQL {major}; FAIRWAY_POSTGRES_BIN names another. It needs the owner's account, who"
            " may see past row level security (a superuser, or BYPASSRLS).",
        )


def _without_password(url: str) -> tuple[str, str | None]:
    parts = urlsplit(url)
    account, at, host = parts.netloc.rpartition("@")
    name, _, password = account.partition(":")
    query = [(key, value) for key, value in parse_qsl(parts.query) if key != "password"]
    found = unquote(password) if password else dict(parse_qsl(parts.query)).get("password")
    return urlunsplit(parts._replace(netloc=f"{name}{at}{host}", query=urlencode(query))), found
