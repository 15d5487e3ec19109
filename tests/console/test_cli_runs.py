"""Runs and their log on the command line, read from a hub whose jobs really ran."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from cli_rig import ROOT, Shell
from servers_rig import keepers, private_directory

from console.servers import run_servers
from core.clock import wall_clock
from core.errors import ChannelError, ErrorCode
from core.flow import decode
from core.hub import Hub
from core.log import Said, get_log
from core.sealing import Keyring
from core.store import run_log
from core.store.migrate import migrate
from core.store.run_log import Lines
from core.store.schedule import Lease
from core.usecases.probe import Probed
from tests.conftest import PASSWORDS, as_role
from tests.usecases.runs_rig import work_once
from tests.usecases.usecase_rig import MUG, Rig

KEYS = Keyring.generate("cli")
log = get_log("test")

directory = pytest.fixture(private_directory)


@dataclass
class Desk:
    """A person at a terminal beside the hub of *rig*, whose clock is the wall's."""

    fairway: Shell
    rig: Rig

    async def write(self, *words: str) -> None:
        async with self.rig.hub.database.transaction([self.rig.merchant_id]) as tx:
            await self.put(tx, *words)

    async def put(self, tx: Any, *words: str) -> None:
        lines = [Said(wall_clock(), "info", word, {}) for word in words]
        await run_log.add(tx, [Lines(self.rig.merchant_id, self.rig.first, 1, lines)])


def shell(url: str, folder: Path) -> Shell:
    return Shell(
        {
            "DATABASE_URL": as_role(url, "fairway_worker"),
            "FAIRWAY_INBOUND_KEYS": KEYS,
            "FAIRWAY_DIRECTORY": str(folder / "none"),
        }
    )


@asynccontextmanager
async def following(fairway: Shell, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`fairway log --follow` as a process that has told what there was; ended by Ctrl-C, cleanly, after the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "console.cli", "log", "--follow", "--json", *words,
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **fairway.variables},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
        process.send_signal(signal.SIGINT)
        _, err = await asyncio.wait_for(process.communicate(), 20)
        assert (process.returncode, err) == (0, b"")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def next_message(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    line = decode(await asyncio.wait_for(process.stdout.readline(), 20))
    return str(line["message"])


@pytest.fixture
async def desk(fresh: str, make_hub: Callable[..., Any], tmp_path: Path) -> AsyncIterator[Desk]:
    """One merchant with two shops: a drain, a probe that went well, and one that was refused at the second shop."""
    admin = await asyncpg.connect(fresh)
    rig = Rig(await make_hub(), wall_clock, admin)
    rig.hub.clock = wall_clock  # as it is for the command line
    await rig.open()
    await rig.deliver(rig.order(1, (MUG, 2)))
    await rig.drain()
    order_id = (await rig.stored(1))["order_id"]

    async def works(_hub: Hub, _lease: Lease) -> Probed:
        log.warning("look at this", extra={"fields": {"order": order_id, "attempt": 2}})
        log.warning("and at \x1b[31mthat", extra={"fields": {"order": "1"}})
        return Probed("acct")

    async def refused(_hub: Hub, _lease: Lease) -> None:
        raise ChannelError(ErrorCode.REJECTED, "no such app")

    await work_once(rig, works)
    await work_once(rig, refused, rig.second)
    yield Desk(shell(fresh, tmp_path), rig)
    await admin.close()


async def test_the_newest_runs_are_listed_with_outcome_counts_and_error(desk: Desk) -> None:
    shown = await desk.fairway("runs")
    listed = (await desk.fairway("runs", "--json")).json

    assert [(row["kind"], row["connection"], row["outcome"]) for row in listed] == [
        ("probe", "Mia-two", "failed"),
        ("probe", "Mia-one", "ok"),
        ("drain", None, "ok"),
    ]
    assert [line.split()[1:4] for line in shown.out.splitlines()[1:]] == [
        ["probe", "Mia-two", "failed"],
        ["probe", "Mia-one", "ok"],
        ["drain", "all", "ok"],
    ]
    assert "rejected: no such app" in shown.out
    assert "applied 1, claimed 1" in shown.out


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("--failed",), ["Mia-two"]),
        (("--connection", "Mia-one"), ["Mia-one"]),
        (("--kind", "drain"), [None]),
        (("--limit", "1"), ["Mia-two"]),
        (("--kind", "pull"), []),
    ],
)
async def test_runs_are_chosen(desk: Desk, words: tuple[str, ...], found: list[str | None]) -> None:
    said = await desk.fairway("runs", *words, "--json")

    assert [row["connection"] for row in said.json] == found


async def test_one_run_is_shown_with_every_line(desk: Desk) -> None:
    run_id = next(
        row["run_id"] for row in (await desk.fairway("runs", "--json")).json if row["outcome"] == "ok"
    )

    shown = await desk.fairway("runs", str(run_id))
    whole = (await desk.fairway("runs", str(run_id), "--json")).json

    assert [line["message"] for line in whole["lines"]] == [
        "look at this",
        "and at \\x1b[31mthat",
        "probe is done",
    ]
    assert "\x1b" not in shown.out
    assert "attempt=2" in shown.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("runs", "999"), "There is no run 999. Runs are kept for 30 days."),
        (("runs", "--connection", "nobody"), "There is no connection 'nobody'."),
        (("log", "--connection", "nobody"), "There is no connection 'nobody'."),
    ],
)
async def test_what_is_not_there_is_a_sentence(desk: Desk, words: tuple[str, ...], sentence: str) -> None:
    said = await desk.fairway(*words)

    assert said.code == 3
    assert sentence in said.err


async def test_the_log_is_one_line_a_line_and_for_programs_json_lines(desk: Desk) -> None:
    shown = await desk.fairway("log")
    lines = [decode(line.encode()) for line in (await desk.fairway("log", "--json")).out.splitlines()]

    assert [line["message"] for line in lines] == [
        "look at this",
        "and at \\x1b[31mthat",
        "probe is done",
        "probe failed and is tried again",
    ]
    assert len(shown.out.splitlines()) == 4
    assert "channel_says=no such app" in shown.out.splitlines()[-1]


async def test_the_log_is_chosen_by_order_connection_level_and_time(desk: Desk) -> None:
    async def messages(*words: str) -> list[str]:
        said = await desk.fairway("log", "--json", *words)
        return [decode(line.encode())["message"] for line in said.out.splitlines()]

    about_order = ["look at this", "and at \\x1b[31mthat"]
    assert await messages("--order", "W-1") == about_order
    assert await messages("--order", str((await desk.rig.stored(1))["order_id"])) == about_order
    assert await messages("--connection", "Mia-two") == ["probe failed and is tried again"]
    assert len(await messages("--level", "warning")) == 3
    assert await messages("--level", "error") == []
    await desk.rig.admin.execute("UPDATE run_lines SET at = at - interval '1 hour'")
    assert await messages("--since", "30m") == []
    assert len(await messages("--since", "2h")) == 4


async def test_a_span_that_is_none_is_refused(desk: Desk) -> None:
    said = await desk.fairway("log", "--since", "soon")

    assert said.code == 2
    assert "soon" in said.err


async def test_following_shows_what_was_said_and_what_comes_until_ctrl_c(desk: Desk) -> None:
    async with following(desk.fairway, "--level", "info", "--connection", "Mia-one") as process:
        before = [await next_message(process) for _ in range(3)]
        slow = desk.rig.hub.database.transaction([desk.rig.merchant_id])
        tx = await slow.__aenter__()
        await desk.put(tx, "slow")
        await desk.write("quick")
        quick = await next_message(process)
        await slow.__aexit__(None, None, None)
        await desk.write("last")
        after = [await next_message(process), await next_message(process)]

    assert before[-1] == "probe is done"
    assert quick == "quick"
    assert sorted(after) == ["last", "slow"]


async def test_following_outlives_a_database_that_is_killed(
    directory: Path,
) -> None:
    with run_servers(directory, log=lambda _: None) as servers:
        postgres, _ = keepers(servers)
        url = servers.endpoints.database_url
        await migrate(url, PASSWORDS)

        async def insert(message: str) -> None:
            admin = await asyncpg.connect(url)
            await admin.execute(
                "INSERT INTO run_lines (merchant_id, run_id, at, level, message) VALUES (0, 1, now(), 'info', $1)",
                message,
            )
            await admin.close()

        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "console.cli", "log", "--follow", "--json",
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **shell(url, directory).variables},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            await insert("before")
            before = await next_message(process)
            assert process.stderr is not None
            noticed = asyncio.create_task(process.stderr.readline())
            for _ in range(300):  # killed once it may be back before anybody looks
                postgres.kill()
                if (await asyncio.wait([noticed], timeout=0.1))[0]:
                    break
            told = [await asyncio.wait_for(noticed, 1)]
            lives = postgres.times_ready
            postgres.kill()
            await asyncio.to_thread(postgres.wait_ready, after=lives)
            await insert("after")
            after = await next_message(process)
            told.append(await asyncio.wait_for(process.stderr.readline(), 30))
            process.send_signal(signal.SIGINT)
            out, err = await asyncio.wait_for(process.communicate(), 30)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    assert (before, after, out, err, process.returncode) == ("before", "after", b"", b"", 0)
    assert told[0].startswith(b"The database does not answer (")
    assert told[1] == b"The database is back.\n"
