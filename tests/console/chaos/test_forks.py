"""Commands that are forked: the same command lines, in processes that can be killed, and that never stay behind."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from console.chaos.forks import open_forks
from core.errors import FairwayError


async def test_a_forked_command_says_what_it_says_and_ends_as_it_ends(tmp_path: Path) -> None:
    async with open_forks(tmp_path / "forks") as forks:
        well = await forks.fork(["channels", "--json"], {}, tmp_path / "log")
        badly = await forks.fork(["ship"], {}, tmp_path / "log")

        assert await well.ended == 0
        assert '"shopify"' in well.out.read_text("utf-8")
        assert await badly.ended == 2
        assert "Missing argument" in (tmp_path / "log").read_text("utf-8")


async def test_each_fork_has_an_environment_of_its_own(tmp_path: Path) -> None:
    async with open_forks(tmp_path / "forks") as forks:
        armed = await forks.fork(["channels"], {"FAIRWAY_FAILPOINT": "nowhere=kill"}, tmp_path / "log")
        free = await forks.fork(["channels"], {}, tmp_path / "log")

        assert (await armed.ended, await free.ended) == (2, 0)
        assert "no failpoint" in (tmp_path / "log").read_text("utf-8")


async def test_what_is_killed_has_ended_by_its_signal_and_what_is_left_ends_with_the_rest(
    tmp_path: Path,
) -> None:
    os.mkfifo(tmp_path / "never written")
    reads_for_ever = ["stock", "count", "--file", str(tmp_path / "never written")]
    async with open_forks(tmp_path / "forks") as forks:
        killed, stopped = [await forks.fork(reads_for_ever, {}, tmp_path / "log") for _ in range(2)]
        stopped.send(signal.SIGSTOP)
        await asyncio.sleep(0.2)
        assert not killed.ended.done()

        killed.send(signal.SIGKILL)

        assert await killed.ended == -signal.SIGKILL
        os.kill(stopped.pid, 0)

    with pytest.raises(ProcessLookupError):
        os.kill(stopped.pid, 0)


async def test_who_waits_for_one_that_ends_before_it_is_ready_is_told_so(tmp_path: Path) -> None:
    async with open_forks(tmp_path / "forks") as forks:
        fork = await forks.fork(["worker"], {"DATABASE_URL": "", "REDIS_URL": ""}, tmp_path / "log")

        with pytest.raises(FairwayError, match="worker ended with"):
            await fork.ready()
