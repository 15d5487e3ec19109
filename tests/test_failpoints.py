"""Failpoints are complete, and do nothing unless one is armed."""

from __future__ import annotations

import inspect
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
from core.failpoints import POINTS, FailpointHit, arm, reach

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
            for name in re.findall(r'await reach\(f?"([^"]+)"\)', path.read_text("utf-8")):
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
    "text", ["drain.claimed", "drain.claimed=explode", "nowhere=kill", "push.called=kill@x"]
)
def test_what_cannot_be_armed_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem):
        arm(text)
