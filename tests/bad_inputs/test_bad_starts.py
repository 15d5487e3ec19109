"""Settings, servers and schemas that a process must not start with; the numbers are those of our list of bad inputs."""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from console.cli.starting import _refuse_forgetting
from console.servers import run_servers
from core.clock import wall_clock
from core.errors import FairwayError, UsageProblem
from core.hub import Hub
from core.sealing import Keyring
from core.settings import read_settings
from core.store import migrate as migrating
from core.usecases.start_safely import start_safely
from jobs.wake import open_redis
from tests.conftest import TestClock, as_role
from tests.console.cli_rig import Shell
from tests.console.servers_rig import private_directory


def key(name: str, byte: int) -> str:
    """A key in the notation of `Keyring.parse`: the same in every process that collects these tests."""
    return f"{name}:{base64.b64encode(bytes([byte]) * 32).decode()}"


INBOUND, OUTBOUND = key("in1", 1), key("out1", 2)
GOOD = {
    "DATABASE_URL": "postgresql://fairway_worker@127.0.0.1/fairway",
    "FAIRWAY_INBOUND_KEYS": INBOUND,
    "FAIRWAY_OUTBOUND_KEYS": OUTBOUND,
}
TWICE = f"{key('k1', 3)},{key('k1', 4)}"
SECRET = "s3cret-of-the-environment"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FAIRWAY_INBOUND_KEYS", ""),
        ("FAIRWAY_INBOUND_KEYS", " "),
        ("FAIRWAY_INBOUND_KEYS", ","),
        ("FAIRWAY_INBOUND_KEYS", "k1:"),
        ("FAIRWAY_INBOUND_KEYS", f"k1:{SECRET}"),
        ("FAIRWAY_INBOUND_KEYS", f"{INBOUND},"),
        ("FAIRWAY_INBOUND_KEYS", INBOUND.removeprefix("in1:")),
        ("FAIRWAY_INBOUND_KEYS", f"{INBOUND[:-8]}"),
        ("FAIRWAY_OUTBOUND_KEYS", "k1:é"),
        ("FAIRWAY_OUTBOUND_KEYS", TWICE),
        ("FAIRWAY_INBOUND_KEYS_FILE", "/nowhere/keys"),
        ("FAIRWAY_INBOUND_KEYS_FILE", "/"),
        ("FAIRWAY_INBOUND_KEYS_FILE", sys.executable),
        ("DATABASE_URL", ""),
        ("DATABASE_URL", f"mysql://root:{SECRET}@127.0.0.1/fairway"),
        ("DATABASE_URL", f"fairway:{SECRET}"),
        ("REDIS_URL", f"http://:{SECRET}@127.0.0.1:6379"),
        ("FAIRWAY_PORT", "65536"),
        ("FAIRWAY_PORT", "-1"),
        ("FAIRWAY_PORT", "\uff18\uff14"),
        ("FAIRWAY_LEASE_S", "nan"),
        ("FAIRWAY_LEASE_S", "inf"),
        ("FAIRWAY_PULL_EVERY_S", "0"),
        ("FAIRWAY_READ_DEADLINE_S", "soon"),
        ("FAIRWAY_METRICS_PORT", "nine"),
        ("FAIRWAY_LEAVE_S", "-1"),
        ("FAIRWAY_QUEUES", "0"),
        ("FAIRWAY_QUEUES", "many"),
        ("FAIRWAY_SERVES", "1"),
        ("FAIRWAY_SERVES", "0,"),
    ],
)
def test_128_a_setting_that_cannot_be_is_refused_by_its_name_and_no_secret_is_shown(
    name: str, value: str
) -> None:
    with pytest.raises(UsageProblem) as refused:
        read_settings({**GOOD, name: value})

    assert name.removesuffix("_FILE") in refused.value.message
    assert SECRET not in str(refused.value)


def test_128_settings_that_are_complete_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"{Keyring.generate('new')},{INBOUND}\n")

    for more in (
        {},
        {"REDIS_URL": "unix://:pw@/run/valkey.sock?db=0"},
        {"FAIRWAY_INBOUND_KEYS_FILE": str(path)},
    ):
        assert read_settings({**GOOD, **more}).database_url == GOOD["DATABASE_URL"]


@dataclass
class Start:
    """A process that is about to start, and the administrator of its database."""

    hub: Hub
    admin: asyncpg.Connection[asyncpg.Record]

    async def refused(self, *, works: bool = True) -> str:
        """Why it does not start and what to do, "" where it does."""
        try:
            await start_safely(self.hub, works=works)
        except FairwayError as error:
            return f"{error.message} / {error.fix}" if error.fix else "refused without a fix"
        return ""

    async def with_role(self, setting: str) -> None:
        name = await self.admin.fetchval("SELECT current_database()")
        await self.admin.execute(f"ALTER ROLE fairway_worker IN DATABASE {name} SET {setting}")


@pytest.fixture
def clock() -> TestClock:
    """Begins at the servers' own time."""
    return TestClock(wall_clock())


@pytest.fixture
async def start(make_hub: Callable[..., Any], fresh: str) -> Any:
    admin = await asyncpg.connect(fresh)
    hub = await make_hub(inbound=Keyring.parse(INBOUND), outbound=Keyring.parse(OUTBOUND))
    yield Start(hub, admin)
    await admin.close()


async def test_128_a_process_whose_servers_and_keys_are_right_starts(start: Start) -> None:
    assert (await start.refused(), await start.refused(works=False)) == ("", "")


async def test_128_one_key_for_what_comes_in_and_what_goes_out_is_refused(start: Start) -> None:
    for outbound in (INBOUND, "other" + INBOUND[3:], f"{OUTBOUND},{INBOUND}"):
        start.hub.settings = replace(start.hub.settings, outbound=Keyring.parse(outbound))
        for works in (True, False):
            assert "share the key in1" in await start.refused(works=works)


async def test_128_a_worker_without_an_outbound_key_is_refused_and_a_web_process_needs_none(
    start: Start,
) -> None:
    start.hub.settings = replace(start.hub.settings, outbound=None)

    assert "no outbound key" in await start.refused()
    assert await start.refused(works=False) == ""


async def test_128_commits_that_are_not_waited_for_are_refused(start: Start) -> None:
    await start.with_role("synchronous_commit = off")
    try:
        for works in (True, False):
            assert "synchronous_commit is off for fairway_worker" in await start.refused(works=works)
    finally:
        await start.with_role("synchronous_commit = on")
    assert await start.refused() == ""


async def test_129_a_schema_that_is_older_newer_or_another_is_refused(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = migrating.migrations()[-1]
    await start.admin.execute("DELETE FROM migrations WHERE name = $1", newest.name)
    older = await start.refused()
    await start.admin.execute("INSERT INTO migrations VALUES ($1, 'another')", newest.name)
    another = await start.refused()
    await start.admin.execute(
        "UPDATE migrations SET checksum = $1 WHERE name = $2", newest.checksum, newest.name
    )
    await start.admin.execute("INSERT INTO migrations VALUES ('9999_later.sql', 'x')")
    newer = await start.refused()

    assert f"not migrated: {newest.name}" in older
    assert f"ran here in another form: {newest.name}" in another
    assert "does not know 9999_later.sql" in newer


async def test_129_a_web_process_is_refused_on_another_schema_too(fresh: str, start: Start) -> None:
    await start.admin.execute("INSERT INTO migrations VALUES ('9999_later.sql', 'x')")
    web = {**GOOD, "DATABASE_URL": as_role(fresh, "fairway_web"), "FAIRWAY_PORT": "0"}

    said = await Shell(web)("web")

    assert (said.code, said.out) == (1, "")
    assert "does not know 9999_later.sql" in said.err


@pytest.mark.parametrize(
    "wrong", [timedelta(days=-20_000), timedelta(minutes=-6), timedelta(minutes=6), timedelta(days=5_000)]
)
async def test_130_a_clock_that_is_wrong_is_an_error_and_no_reason_not_to_start(
    wrong: timedelta, start: Start, clock: TestClock, caplog: pytest.LogCaptureFixture
) -> None:
    start.hub.wall = clock
    clock.now += wrong

    assert (await start.refused(), await start.refused(works=False)) == ("", "")
    errors = [record.fields for record in caplog.records if record.levelname == "ERROR"]  # type: ignore[attr-defined]
    assert [fields["check"] for fields in errors] == ["clock", "clock"]
    assert "apart from the database's" in errors[0]["found"]


@pytest.fixture
def own_directory() -> Iterator[Path]:
    yield from private_directory()


async def test_128_a_redis_that_throws_rings_away_is_refused_and_one_that_is_down_is_not(
    own_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    with run_servers(own_directory, log=lambda _: None) as own:
        url = own.endpoints.redis_url or ""
        await _refuse_forgetting(url)
        redis = open_redis(url)
        await redis.config_set("maxmemory-policy", "allkeys-lru")
        await redis.aclose(close_connection_pool=True)
        with pytest.raises(FairwayError, match="maxmemory-policy of this Redis is allkeys-lru") as refused:
            await _refuse_forgetting(url)
    await _refuse_forgetting(url)

    assert "noeviction" in refused.value.fix


async def test_128_what_is_refused_ends_the_process_with_a_sentence(fresh: str, start: Start) -> None:
    await start.with_role("synchronous_commit = off")
    shell = Shell({**GOOD, "DATABASE_URL": as_role(fresh, "fairway_worker")})

    commits = await shell("worker")
    web = await Shell(
        {**shell.variables, "DATABASE_URL": as_role(fresh, "fairway_web"), "FAIRWAY_PORT": "0"}
    )("web")
    keys = await Shell({**shell.variables, "FAIRWAY_INBOUND_KEYS": "k1:"})("worker")

    assert (commits.code, commits.out) == (1, "")
    assert commits.err.splitlines()[-1].startswith("fairway: Not started: commits: synchronous_commit is off")
    assert (web.code, web.out, "Not started: commits" in web.err) == (1, "", True)
    assert (keys.code, len(keys.err.splitlines())) == (2, 1)
    assert keys.err.startswith("fairway: FAIRWAY_INBOUND_KEYS: The encryption key 'k1' is not 32 bytes")
    assert "Traceback" not in commits.err + web.err
