"""What runs say: every line is stored with its own run, and none of it ever stands in the way of the work."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from runs_rig import lines, never, newest, ring, told, work_once
from usecase_rig import Rig

from core.hub import Hub
from core.log import get_log
from core.store.schedule import Lease
from core.usecases import run_log
from core.usecases.lease import run_due

log = get_log("test")

REFUSES = """
  CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$;
  CREATE TRIGGER refuse BEFORE INSERT ON run_lines FOR EACH ROW EXECUTE FUNCTION refuse()"""
COMPLAINT = "lines of a run could not be stored"


def say(message: str, **fields: Any) -> None:
    log.info(message, extra={"fields": fields})


async def messages(rig: Rig, run: dict[str, Any]) -> list[str]:
    return [line["message"] for line in await lines(rig, run["run_id"])]


async def test_lines_of_runs_at_the_same_time_do_not_mix(rig: Rig) -> None:
    meet = asyncio.Barrier(2)

    async def work(_hub: Hub, lease: Lease) -> None:
        async def part(number: int) -> None:
            say(f"{lease.connection_id} part {number}")

        for _ in range(3):
            await meet.wait()
            await asyncio.gather(part(1), part(2))
            await asyncio.to_thread(say, f"{lease.connection_id} thread")

    await ring(rig, rig.first, rig.second)
    await asyncio.gather(*(run_due(rig.hub, "probe", work, never, limit=1) for _ in range(2)))

    runs = await newest(rig)
    assert {run["connection_id"] for run in runs} == {rig.first, rig.second}
    for run in runs:
        own = run["connection_id"]
        rounds = [f"{own} part 1", f"{own} part 2", f"{own} thread"] * 3
        assert await messages(rig, run) == [*rounds, "probe is done"]


async def test_what_is_said_outside_of_a_run_belongs_to_none(rig: Rig) -> None:
    say("before")
    await work_once(rig, _quiet)
    say("after")

    assert await rig.admin.fetchval("SELECT array_agg(message) FROM run_lines") == ["probe is done"]


async def test_a_long_run_is_heard_while_it_goes_on(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_log, "FLUSH_S", 0.01)
    heard: list[str] = []

    async def work(_hub: Hub, _lease: Lease) -> None:
        [run] = await newest(rig)
        for word in ("one", "two"):
            say(word)
            async with asyncio.timeout(10):
                while word not in heard:
                    heard[:] = await messages(rig, run)
                    await asyncio.sleep(0.01)

    await work_once(rig, work)

    [run] = await newest(rig)
    assert heard == ["one", "two"]
    assert await messages(rig, run) == ["one", "two", "probe is done"]


async def test_lines_that_cannot_be_stored_never_fail_the_work(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    await rig.admin.execute(REFUSES.format(code="P0001"))

    await work_once(rig, _talks)

    [run] = await newest(rig)
    assert run["outcome"] == "ok"
    assert await messages(rig, run) == []
    assert [record.levelno for record in caplog.records if record.getMessage() == COMPLAINT] == [
        logging.ERROR
    ]


async def test_lines_that_cannot_be_stored_now_are_stored_later_once(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(run_log, "FLUSH_S", 0.01)
    await rig.admin.execute(
        REFUSES.format(code="55P03")
    )  # a lock that was not to be had: the same again may work

    async def work(_hub: Hub, _lease: Lease) -> None:
        say("one")
        async with asyncio.timeout(10):
            while COMPLAINT not in caplog.messages:
                await asyncio.sleep(0.01)
        await rig.admin.execute("DROP TRIGGER refuse ON run_lines")
        say("two")

    await work_once(rig, work)

    [run] = await newest(rig)
    assert await messages(rig, run) == ["one", "two", "probe is done"]


async def test_hostile_text_is_stored_harmless(rig: Rig) -> None:
    async def work(_hub: Hub, _lease: Lease) -> None:
        say(
            "nul \x00 escape \x1b[2J half \ud800",
            order=1 << 70,
            attempt=1 << 40,
            effect=-1,
            huge=float("nan"),
        )

    await work_once(rig, work)

    [run] = await newest(rig)
    [line, _] = await lines(rig, run["run_id"])
    assert line["message"] == "nul \\x00 escape \\x1b[2J half \ufffd"
    assert (line["order_id"], line["attempt"], line["effect_id"]) == (None, None, None)
    assert told(line) == {"order": str(1 << 70), "attempt": 1 << 40, "effect": -1, "huge": "nan"}


async def test_what_a_line_is_about_becomes_columns(rig: Rig) -> None:
    async def work(_hub: Hub, _lease: Lease) -> None:
        say("told", order=17, effect=3, attempt=2, connection=rig.second, code="rejected")

    await work_once(rig, work)

    [run] = await newest(rig)
    [line, _] = await lines(rig, run["run_id"])
    names = ("merchant_id", "connection_id", "order_id", "effect_id", "attempt")
    assert [line[name] for name in names] == [rig.merchant_id, rig.second, 17, 3, 2]
    assert told(line) == {"code": "rejected"}


async def _quiet(_hub: Hub, _lease: Lease) -> None:
    """Says nothing."""


async def _talks(_hub: Hub, _lease: Lease) -> None:
    say("one")
