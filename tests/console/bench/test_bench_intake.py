"""A small run of the intake bench: every key is there, and what was acknowledged is what is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.load import wrk
from console.bench.intake import bench_intake
from console.bench.stand import filesystem
from console.cli.bench_loads import show_intake

COUNT = 200


@pytest.fixture(scope="module", params=[3])
async def found(request: pytest.FixtureRequest) -> dict[str, Any]:
    if wrk() is None:
        pytest.skip("wrk is not installed (apt-get install wrk)")
    return await bench_intake(2, 0.5, request.param, lambda _text, _share: None, count=COUNT)


def test_all_three_were_loaded_and_compared(found: dict[str, Any]) -> None:
    assert len(found["each_round"]) == found["rounds"] == 2
    for one in found["each_round"]:
        assert all(rate > 0 for rate in one.values())
    assert found["ratio_to_echo"] > 0
    assert found["ratio_to_insert"] > 0
    assert found["cpu_us_per_order"] > 0
    assert found["p99_ms"] >= found["p50_ms"] > 0
    assert found["paced_p99_ms"] > 0
    assert found["load"] == "wrk"


def test_what_was_acknowledged_is_what_is_stored(found: dict[str, Any]) -> None:
    assert found["lost"] == found["unexplained"] == found["refused"] == 0
    # Three fifths at least: a round may end by time on a busy machine.
    assert found["stored"] == found["acknowledged"] > 0


def test_it_says_what_the_figures_hold_for(found: dict[str, Any]) -> None:
    server = found["postgres"]
    assert (server["fsync"], server["synchronous_commit"], server["full_page_writes"]) == ("on", "on", "on")
    assert found["row_level_security"] == "forced"
    assert found["machine"]
    assert found["at"]


def test_gates_are_shown_met_or_missed(found: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    show_intake(found)
    shown = capsys.readouterr().out
    for gate in found["gates"]:
        assert {"name", "want", "got", "ok"} == gate.keys()
        assert gate["name"] in shown
    assert "fsync on, synchronous_commit on" in shown


def test_the_file_system_of_a_directory_is_told(tmp_path: Path) -> None:
    assert filesystem(Path("/proc/self")) == "proc"
    assert filesystem(tmp_path) not in ("proc", "")
