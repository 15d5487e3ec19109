"""`fairway doctor` as a person runs it: at real servers, well and ill."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cli_rig import Said, Shell
from deliveries_rig import Desk, open_desk
from servers_rig import private_directory, redis_command

from console.servers import Servers, run_servers
from core.sealing import Keyring
from tests.conftest import on_database


@pytest.fixture
async def desk(fresh: str, make_hub: Callable[..., Any], clock: Any, tmp_path: Path) -> AsyncIterator[Desk]:
    async for made in open_desk(fresh, make_hub, clock, tmp_path):
        yield made


async def examined(desk: Desk, *words: str, **variables: str) -> Said:
    return await replace(desk.fairway, variables={**desk.fairway.variables, **variables})("doctor", *words)


def of(said: Said) -> dict[str, tuple[str, str]]:
    """(state, what was found) of each check."""
    return {item["check"]: (item["state"], item["found"]) for item in said.json}


async def test_a_hub_that_is_well_says_so_line_by_line(desk: Desk, servers: Servers) -> None:
    assert servers.endpoints.redis_url is not None
    async with desk.working():
        said = await examined(desk, REDIS_URL=servers.endpoints.redis_url)

    assert said.code == 0, said.out
    lines = said.out.splitlines()
    assert "✓ commits: on disk before they are acknowledged" in lines
    assert "✓ sealed: 5 credentials and 1 data keys open" in lines
    assert [line for line in lines if line.startswith("✗")] == []
    assert lines[-1].endswith("checks: 0 problems, 1 warnings.")
    assert lines[-2] == "    Start `fairway web`; until then orders are pulled."


async def test_problems_come_last_with_what_to_do_and_the_exit_code_tells(desk: Desk) -> None:
    said, found = await examined(desk), await examined(desk, "--json")

    assert (said.code, found.code) == (1, 1)
    assert said.out.splitlines()[-3:-1] == [
        "✗ worker: no worker is at this database: nothing is read or told",
        "    Start `fairway worker`.",
    ]
    assert of(found)["redis"] == ("warning", "REDIS_URL is not set")
    assert {frozenset(item) for item in found.json} == {frozenset({"check", "state", "found", "fix"})}
    assert all(item["fix"] for item in found.json if item["state"] != "ok")


async def test_settings_that_are_missing_are_told_and_end_it(desk: Desk) -> None:
    found = await examined(desk, "--json", FAIRWAY_INBOUND_KEYS="")

    assert found.code == 1
    assert of(found)["settings"] == ("problem", "FAIRWAY_INBOUND_KEYS is not set.")
    assert "database" not in of(found)


async def test_a_hub_that_is_not_running_is_told(tmp_path: Path) -> None:
    said = await Shell({"FAIRWAY_DIRECTORY": str(tmp_path)})("doctor")

    assert said.code == 1
    assert "✗ settings: No hub is running in" in said.out
    assert "GB free at" in said.out


async def test_a_database_that_does_not_answer_is_told(desk: Desk) -> None:
    found = await examined(desk, "--json", DATABASE_URL="postgresql://fairway_worker:x@127.0.0.1:9/fairway")

    assert found.code == 1
    assert of(found)["database"][0] == "problem"
    assert "PostgreSQL does not answer" in of(found)["database"][1]


async def test_the_owner_of_the_tables_is_a_wrong_role(desk: Desk) -> None:
    found = await examined(desk, "--json", DATABASE_URL=desk.url)

    assert found.code == 1
    assert "bypasses row level security" in of(found)["database"][1]


async def test_a_database_that_was_never_migrated_is_told_without_more_errors(
    desk: Desk, servers: Servers
) -> None:
    await desk.admin.execute("CREATE DATABASE never_migrated")
    try:
        bare = on_database(desk.fairway.variables["DATABASE_URL"], "never_migrated")
        found = await examined(desk, "--json", DATABASE_URL=bare)
    finally:
        await desk.admin.execute("DROP DATABASE never_migrated WITH (FORCE)")

    assert (found.code, found.err) == (1, "")
    assert of(found)["schema"][0] == "problem"
    assert "queues" not in of(found)


async def test_commits_that_a_database_does_not_wait_for_are_a_problem(desk: Desk) -> None:
    name = await desk.admin.fetchval("SELECT current_database()")
    await desk.admin.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")

    # Fairway's own sessions ask for nothing else, so that this is what they get.
    found = of(await examined(desk, "--json"))["commits"]

    assert found == ("problem", "synchronous_commit is off; synchronous_commit is off for every role")


async def test_a_credential_that_was_sealed_with_a_lost_key_is_named(desk: Desk) -> None:
    found = of(await examined(desk, "--json", FAIRWAY_OUTBOUND_KEYS=Keyring.generate("newer")))["sealed"]

    assert found[0] == "problem"
    assert "consumer_secret of Mia-one" in found[1]


async def test_each_channel_is_called_only_when_asked_for(desk: Desk) -> None:
    await desk.admin.execute("""UPDATE connections SET settings = '{"base_url": "http://127.0.0.1:9"}'""")

    offline, online = of(await examined(desk, "--json")), of(await examined(desk, "--json", "--online"))

    assert not any(check.startswith("channel") for check in offline)
    assert online["channel Mia-one"][0] == "problem"


async def test_a_redis_that_forgets_or_is_stopped_is_a_warning(desk: Desk) -> None:
    async def told(url: str) -> tuple[str, str]:
        return of(await examined(desk, "--json", REDIS_URL=url))["redis"]

    for folder in private_directory():
        with run_servers(folder, log=lambda _: None) as own:
            url = own.endpoints.redis_url or ""
            fine = await told(url)
            await redis_command(url, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
            forgetful = await told(url)
        stopped = await told(url)

    assert fine[0] == "ok"
    assert forgetful == ("warning", "maxmemory-policy is allkeys-lru: rings may vanish")
    assert stopped[0] == "warning"
    assert "does not answer" in stopped[1]


async def test_few_files_at_once_are_a_warning(desk: Desk) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
    try:
        found = of(await examined(desk, "--json"))["files"]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

    assert found == ("warning", "512 may be open at once")


def test_disk_space_is_judged_by_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    from console.cli import doctor

    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("FAIRWAY_DIRECTORY", str(tmp_path))

    def left(free: float) -> str:
        monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
        return doctor._disk().state

    assert [left(6e9), left(4e9), left(9e8)] == ["ok", "warning", "problem"]
