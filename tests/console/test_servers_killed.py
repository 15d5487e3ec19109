"""The embedded servers and their hub, really killed, in every order."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import asyncpg
import pytest
from servers_rig import (
    LINUX,
    directory_of,
    end_hub,
    fill,
    gone_within,
    keepers,
    private_directory,
    query,
    redis_command,
    running_pair,
    start_hub,
)

from console.servers import Servers, run_servers
from core.errors import Busy
from core.store.database import Database

ends_with_its_hub = pytest.mark.skipif(not LINUX, reason="only Linux ends a server with its hub")

directory = pytest.fixture(private_directory)
pair = pytest.fixture(running_pair, scope="module")  # for tests that only look, or kill what comes back


async def test_a_killed_postgres_comes_back_with_every_acknowledged_row(pair: Servers) -> None:
    postgres, _ = keepers(pair)
    url, lives_before = pair.endpoints.database_url, postgres.times_ready
    await fill(url, 200)
    held = await asyncpg.connect(url)  # an old backend that holds the shared memory

    postgres.kill()
    await asyncio.to_thread(postgres.wait_ready, after=lives_before)

    assert await query(url, "SELECT count(*) FROM written") == 200
    held.terminate()


async def test_what_the_hub_was_told_is_committed_survives_a_crash_in_the_same_moment(pair: Servers) -> None:
    postgres, _ = keepers(pair)
    url, lives_before = pair.endpoints.database_url, postgres.times_ready
    database = await Database.connect(url, admin=True)
    async with database.transaction([]) as tx:
        await tx.execute("DROP TABLE IF EXISTS told; CREATE TABLE told (n int)")
    for n in range(100):
        async with database.transaction([]) as tx:
            await tx.execute("INSERT INTO told VALUES ($1)", n)

    postgres.kill()
    await asyncio.to_thread(postgres.wait_ready, after=lives_before)

    assert await query(url, "SELECT count(*) FROM told") == 100
    await database.close()


async def test_a_killed_valkey_comes_back_with_what_it_had(pair: Servers) -> None:
    _, valkey = keepers(pair)
    url, lives_before = pair.endpoints.redis_url, valkey.times_ready
    for n in range(200):
        await redis_command(url, "RPUSH", "bells", str(n))

    valkey.kill()
    await asyncio.to_thread(valkey.wait_ready, after=lives_before)

    assert await redis_command(url, "LLEN", "bells") == 200


async def test_a_restart_leaves_the_same_rows_at_the_same_address(pair: Servers) -> None:
    postgres, _ = keepers(pair)
    before = postgres.pid
    await query(pair.endpoints.database_url, "CREATE TABLE IF NOT EXISTS kept AS SELECT 1 AS n")

    await asyncio.to_thread(postgres.restart)

    assert postgres.pid != before
    assert await query(pair.endpoints.database_url, "SELECT n FROM kept") == 1


def test_a_second_hub_on_the_same_directory_is_told_so(pair: Servers) -> None:
    busy = f"Another hub is already using .*process {os.getpid()}"

    with pytest.raises(Busy, match=busy) as refusal, run_servers(directory_of(pair), log=lambda _: None):
        pass

    assert refusal.value.exit_code == 7


@ends_with_its_hub
async def test_both_servers_end_with_a_hub_that_is_killed_and_nothing_is_lost(directory: Path) -> None:
    hub, pids, url = start_hub(directory)
    await fill(url, 50)

    end_hub(hub, signal.SIGKILL)

    assert gone_within(5, pids)
    assert "database system is shut down" in (directory / "postgres.log").read_text()
    with run_servers(directory, log=lambda _: None) as again:
        assert await query(again.endpoints.database_url, "SELECT count(*) FROM written") == 50


async def test_a_hub_may_be_started_the_moment_the_last_one_was_killed(directory: Path) -> None:
    hub, _, url = start_hub(directory)
    await fill(url, 50)
    end_hub(hub, signal.SIGKILL)

    with run_servers(directory, log=lambda _: None) as again:
        assert await query(again.endpoints.database_url, "SELECT count(*) FROM written") == 50


async def test_everything_may_be_killed_at_once_and_nothing_is_lost(directory: Path) -> None:
    hub, pids, url = start_hub(directory)
    await fill(url, 50)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    end_hub(hub, signal.SIGKILL)

    with run_servers(directory, log=lambda _: None) as again:
        assert await query(again.endpoints.database_url, "SELECT count(*) FROM written") == 50


@ends_with_its_hub
def test_both_servers_stop_cleanly_with_a_hub_that_is_terminated(directory: Path) -> None:
    hub, pids, _ = start_hub(directory)

    end_hub(hub, signal.SIGTERM)

    assert gone_within(5, pids)
    assert "database system is shut down" in (directory / "postgres.log").read_text()
    assert not (directory / "postgres" / "data" / "postmaster.pid").exists()
