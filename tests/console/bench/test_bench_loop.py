"""A small run of the loop bench: every key is there, and the books of hub and shops agree."""

from __future__ import annotations

from typing import Any

import pytest

from bench.load import wrk
from console.bench.loop import Ask, bench_loop
from console.bench.peer import environment
from console.cli.bench_loads import show_loop
from core.errors import FairwayError

KEYS = {
    "orders_per_s", "echo_per_s", "typical_per_s", "typical_drain_per_s", "hot_per_s", "ratio_to_echo", "ratio_to_typical",
    "ratio_to_typical_drain", "ratio_hot", "cpu_us_per_order", "bytes_per_order", "push_calls_per_order", "p99_ms",
    "paced_p99_ms", "visible_p99_ms", "memory_mb", "oversold", "lost", "unexplained", "machine", "at", "load", "postgres",
}  # fmt: skip


@pytest.fixture(scope="module")
async def found() -> dict[str, Any]:
    """Two merchants with three shops each, two processes of a kind, beside the typical receiver if it can be had."""
    if wrk() is None:
        pytest.skip("wrk is not installed (apt-get install wrk)")
    try:
        typical = bool(environment())
    except FairwayError:
        typical = False
    ask = Ask(rounds=1, seconds=1.0, merchants=2, processes=2, hot=True, typical=typical, count=90)
    return await bench_loop(ask, lambda _text, _share: None)


def test_everything_is_measured(found: dict[str, Any]) -> None:
    assert found.keys() >= KEYS
    for key in (
        "orders_per_s",
        "echo_per_s",
        "hot_per_s",
        "ratio_to_echo",
        "cpu_us_per_order",
        "p99_ms",
        "memory_mb",
    ):
        assert found[key] > 0, key
    assert found["visible_p99_ms"] > 0
    assert found["push_calls_per_order"] > 0
    assert all(found["cpu_us"][role] > 0 for role in ("web", "worker", "postgres"))


def test_the_books_agree_to_the_unit(found: dict[str, Any]) -> None:
    books = found["books"]
    assert books["orders"] == books["deliveries"] == found["acknowledged"] > 0
    assert books["units"] == books["held"] == books["reserved"] > 0
    assert books["doubled"] == books["parked"] == books["violations"] == books["wrong_levels"] == 0
    assert found["lost"] == found["unexplained"] == found["oversold"] == found["refused"] == 0


def test_the_typical_receiver_was_loaded_in_the_same_run(found: dict[str, Any]) -> None:
    if found["typical_per_s"] is None:
        pytest.skip("FastAPI and Celery cannot be installed here")
    assert found["typical_per_s"] > 0
    assert found["ratio_to_typical"] > 0


def test_gates_are_shown_met_or_missed(found: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    show_loop(found)
    shown = capsys.readouterr().out
    for gate in found["gates"]:
        assert {"name", "want", "got", "ok"} == gate.keys()
        assert gate["name"] in shown
    assert "one SKU in every order" in shown
