"""Runs and their lines in the store: whose they are, who may change them, and how far one may look back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from core.log import Said
from core.store import run_log, runs
from core.store.database import Database
from core.store.run_log import Lines, Wanted
from core.store.runs import Ended
from tests.conftest import as_role

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SEED = """
INSERT INTO merchants (merchant_id, name, data_key, created_at) VALUES ({m}, 'm{m}', '', now());
INSERT INTO connections (merchant_id, connection_id, channel, name, account, stock_since, created_at)
  VALUES ({m}, {m}, 'woocommerce', 'shop {m}', 'a{m}', now(), now());
INSERT INTO schedule (merchant_id, connection_id, kind, due_at) VALUES ({m}, {m}, 'pull', 'infinity')"""


@pytest.fixture
async def worker(fresh: str) -> Any:
    """Two merchants, each with a run and a line of its own, and a run of both."""
    admin = await asyncpg.connect(fresh)
    for merchant in (1, 2):
        await admin.execute(SEED.format(m=merchant))
    await admin.close()
    database = await Database.connect(as_role(fresh, "fairway_worker"), size=2)
    async with database.transaction([0, 1, 2]) as tx:
        begun = await runs.start(tx, "pull", [(1, 1), (2, 2)], NOW)
        for merchant in (1, 2):
            said = Lines(merchant, merchant, begun[merchant, merchant], [line(f"of {merchant}")])
            await run_log.add(tx, [said])
        both = await runs.record(tx, 0, "drain", NOW, NOW, detail={"claimed": 2})
        of_both = [line("of 1 in both", merchant=1), line("of 2 in both", merchant=2)]
        await run_log.add(tx, [Lines(0, None, both, of_both)])
    yield database
    await database.close()


def line(message: str, **fields: Any) -> Said:
    return Said(NOW, "info", message, fields)


async def test_a_session_sees_only_lines_and_runs_of_the_merchants_it_declared(worker: Database) -> None:
    async with worker.transaction([0, 1]) as tx:
        lines = await run_log.find(tx, [1, 2], Wanted(NOW), 100)
        seen = await runs.newest(tx, [1, 2], 100)

    assert [row["message"] for row in lines] == ["of 1", "of 1 in both"]
    assert [(row["merchant_id"], row["kind"]) for row in seen] == [(0, "drain"), (1, "pull")]


async def test_a_line_of_another_merchant_cannot_be_smuggled_in(worker: Database) -> None:
    async with worker.transaction([0, 1]) as tx:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await run_log.add(tx, [Lines(1, 1, 1, [line("mine"), line("theirs", merchant=2)])])
        await run_log.add(tx, [Lines(1, 1, 1, [line("the rest of the transaction goes on")])])

    async with worker.transaction([0, 1, 2]) as tx:
        messages = {row["message"] for row in await run_log.find(tx, [1, 2], Wanted(NOW), 100)}
    assert "the rest of the transaction goes on" in messages
    assert messages.isdisjoint({"mine", "theirs"})


async def test_a_line_that_was_said_cannot_be_changed(worker: Database) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with worker.transaction([1]) as tx:
            await tx.execute("UPDATE run_lines SET message = 'nothing happened'")


async def test_readers_see_runs_and_lines_and_cannot_write_them(worker: Database, fresh: str) -> None:
    reader = await Database.connect(as_role(fresh, "fairway_read"), size=1)

    async with reader.transaction([0, 1]) as tx:
        [newest] = await runs.newest(tx, [1], 1)
        lines = await run_log.of_run(tx, [1], newest["run_id"], 10)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with reader.transaction([0, 1]) as tx:
            await run_log.add(tx, [Lines(1, 1, 1, [line("x")])])
    await reader.close()

    assert [row["message"] for row in lines] == ["of 1 in both"]


async def test_a_run_under_way_holds_its_lease_and_a_dead_one_does_not(worker: Database) -> None:
    async with worker.transaction([1, 2]) as tx:
        await tx.execute(
            "UPDATE schedule SET lease_until = clock_timestamp() + interval '1 min' WHERE merchant_id = 1"
        )
        before = {
            row["merchant_id"]: row["outcome"] for row in await runs.newest(tx, [1, 2], 10, kind="pull")
        }
        await runs.start(tx, "pull", [(1, 1)], NOW + timedelta(seconds=1))
        after = [row["outcome"] for row in await runs.newest(tx, [1], 10, kind="pull")]

    assert before == {1: "running", 2: "died"}
    assert after == ["running", "died"]


async def test_runs_are_found_by_connection_kind_and_how_they_ended(worker: Database) -> None:
    async with worker.transaction([0, 1, 2]) as tx:
        for outcome in ("ok", "put_off", "failed", "lost_lease"):
            [run_id] = (await runs.start(tx, "push", [(1, 1)], NOW)).values()
            await runs.finish(tx, [Ended(1, run_id, NOW, outcome)], NOW)
        bad = await runs.newest(tx, [1, 2], 100, bad=True, kind="push")
        of_first = await runs.newest(tx, [1, 2], 100, connection_id=1)
        few = await runs.newest(tx, [1, 2], 2)
        missing = await runs.one(tx, [1, 2], 999)

    assert sorted(row["outcome"] for row in bad) == ["failed", "lost_lease"]
    assert {row["connection"] for row in of_first} == {"shop 1"}
    assert len(of_first) == 5
    assert len(few) == 2
    assert missing is None


async def test_the_ids_handed_out_count_those_of_transactions_that_are_still_open(worker: Database) -> None:
    async with worker.transaction([1]) as tx:
        before = await run_log.handed_out(tx)
        async with worker.transaction([1]) as open_one:
            await run_log.add(open_one, [Lines(1, 1, 1, [line("not committed yet")])])
            during = await run_log.handed_out(tx)

    assert during == before + 1
