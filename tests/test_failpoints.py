"""Failpoints are complete, and do nothing unless one is armed."""

from __future__ import annotations

import inspect
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import core.connector
from core import failpoints
from core.errors import UsageProblem
from core.failpoints import POINTS, FailpointHit, arm, post, reach, visitors

ROOT = Path(__file__).resolve().parents[1]
KINDS = re.search(
    r"CREATE TABLE outbox \(.*?kind IN \((.*?)\)",
    (ROOT / "core/store/schema.sql").read_text("utf-8"),
    re.DOTALL,
)
assert KINDS
EFFECTS = re.findall(r"'(\w+)'", KINDS[1])


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    arm("")


def test_every_point_of_the_table_is_in_the_code_and_none_is_without_a_row() -> None:
    found = set()
    for folder in ("core", "webhooks", "jobs"):
        for path in (ROOT / folder).rglob("*.py"):
            for said in re.findall(
                r'await reach\((f?"[^"]+"(?: if [^"]+ else "[^"]+")?)', path.read_text("utf-8")
            ):
                for name in re.findall(r'"([^"]+)"', said):
                    found |= {name.replace("{claimed.kind}", kind) for kind in EFFECTS}
    assert found == set(POINTS)


def test_every_effect_has_a_point_before_and_after_its_call() -> None:
    assert len(EFFECTS) >= 3
    for kind in EFFECTS:
        assert {f"effect.{kind}.claimed", f"effect.{kind}.called"} <= set(POINTS)


def test_every_conversation_of_a_connector_stands_at_a_point() -> None:
    flows = {
        name
        for _, protocol in inspect.getmembers(core.connector, inspect.isclass)
        for name, method in inspect.getmembers(protocol, inspect.isfunction)
        if str(method.__annotations__.get("return", "")).startswith("Flow[")
    }
    assert {"push_stock", "push_fulfillment", "pull_orders"} <= flows
    assert flows == {flow for point in POINTS.values() for flow in point.flows}


async def test_an_armed_point_raises_at_its_hit_alone() -> None:
    arm("drain.claimed=raise@2")
    await reach("drain.claimed")
    await reach("drain.read")
    with pytest.raises(FailpointHit):
        await reach("drain.claimed")
    await reach("drain.claimed")


async def test_an_armed_point_holds_its_work_up() -> None:
    arm("drain.claimed=delay:0.2")
    begun = time.monotonic()
    await reach("drain.claimed")
    assert time.monotonic() - begun >= 0.2


async def test_a_point_can_be_armed_for_things_of_a_name_alone_and_then_every_time() -> None:
    arm("drain.moving=raise~POISON,drain.claimed=raise@2")
    await reach("drain.moving", ["W-1", "W-2"])
    await reach("drain.moving")
    for _ in range(2):
        with pytest.raises(FailpointHit):
            await reach("drain.moving", ["W-1", "POISON-2"])
    await reach("drain.claimed")
    with pytest.raises(FailpointHit):
        await reach("drain.claimed")


def test_an_armed_point_kills_its_process() -> None:
    text = (
        "import asyncio; from core.failpoints import arm, reach\n"
        "arm('push.called=kill'); asyncio.run(reach('push.called'))"
    )
    ended = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert b"failpoint push.called kill" in ended.stderr


async def test_a_point_that_is_not_armed_costs_nothing_to_speak_of() -> None:
    begun = time.perf_counter()
    for _ in range(100_000):
        await reach("drain.claimed")
    assert failpoints._armed is None
    assert time.perf_counter() - begun < 1.0  # 10 µs each, a hundred times what it takes


@pytest.mark.parametrize(
    "text",
    [
        "drain.claimed",
        "drain.claimed=explode",
        "nowhere=kill",
        "push.called=kill@x",
        "push.called=kill,nowhere=kill",
    ],
)
def test_what_cannot_be_armed_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem):
        arm(text)


VISIT = """
import asyncio, sys
from core.failpoints import arm, reach
arm(sys.argv[1])
async def main():
    for _ in range(3):
        await reach("drain.read")
        await reach("push.called")
asyncio.run(main())
"""


def visit(board: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", VISIT, str(board)], cwd=ROOT)


def test_processes_that_share_a_board_count_together_and_it_befalls_one_of_them(tmp_path: Path) -> None:
    board = tmp_path / "board"
    post(board, "push.called=kill@4")

    ended = [(one.pid, one.wait()) for one in [visit(board) for _ in range(3)]]

    came = visitors(board)
    (killed,) = (pid for pid, code in ended if code == -signal.SIGKILL)
    assert killed == came[3]
    assert sorted(code for _, code in ended) == [-signal.SIGKILL, 0, 0]
    assert len(came) >= 7


async def test_what_a_board_says_is_heard_at_once_and_counted_anew(tmp_path: Path) -> None:
    board = tmp_path / "board"
    arm(str(board))
    await reach("drain.claimed")
    assert visitors(board) == []

    post(board, "drain.claimed=raise@2")
    await reach("drain.claimed")
    await reach("drain.read")
    assert visitors(board) == [os.getpid()]
    post(board, "drain.claimed=raise@2")
    await reach("drain.claimed")
    with pytest.raises(FailpointHit):
        await reach("drain.claimed")

    post(board, "")
    await reach("drain.claimed")
    assert visitors(board) == []


def test_nothing_that_cannot_be_armed_is_put_on_a_board(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem):
        post(tmp_path / "board", "nowhere=kill")
    assert not (tmp_path / "board").exists()


# What opens a transaction in a use case and has no point.
ONLY_READS = {
    "arrivals", "examine", "examine_work", "explain_listing", "follow_channel", "follow_deliveries", "follow_log",
    "follow_sales", "list_kits", "show_buffers", "show_incident",
}  # fmt: skip
# One word of a person in one transaction: it is said or not, and who got no answer says it again.
SAID_AGAIN = {"accept_oversold", "arrange_locations", "change_words", "decide_waves", "set_rules"}
# Counts, lines, a bell, and what the next pull says again: their loss changes nothing else.
HARMLESS = {"count_intake", "run_log", "reconcile"}


def test_a_use_case_that_writes_has_a_point_or_a_reason_for_none() -> None:
    opens = re.compile(r"database\.transaction\(|\brecorded\(")
    without = {
        path.stem
        for path in (ROOT / "core/usecases").glob("*.py")
        if opens.search(text := path.read_text("utf-8")) and "await reach(" not in text
    }
    assert without == ONLY_READS | SAID_AGAIN | HARMLESS
