"""A steady load, small: pieces follow on each other, and the books of hub and shops agree."""

from __future__ import annotations

from typing import Any

import pytest

from bench.load import wrk
from console.bench import sustain
from console.bench.sustain import bench_sustain
from console.cli.bench_loads import show_sustain


@pytest.fixture(scope="module")
async def found() -> dict[str, Any]:
    if wrk() is None:
        pytest.skip("wrk is not installed (apt-get install wrk)")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sustain, "PIECE_S", 1.0)
        return await bench_sustain(40, 3 / 60, lambda _text, _share: None)


def test_each_piece_sends_other_orders_and_all_of_them_arrive(found: dict[str, Any]) -> None:
    books = found["books"]
    assert found["acknowledged"] == books["orders"] == books["deliveries"]
    assert found["lost"] == found["unexplained"] == found["oversold"] == found["refused"] == 0
    assert books["doubled"] == books["violations"] == books["wrong_levels"] == 0
    assert len(found["memory_by_piece"]) == 3
    assert found["per_s"] == pytest.approx(40, rel=0.2)


def test_waits_and_memory_are_gates(found: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    show_sustain(found)
    shown = capsys.readouterr().out
    assert found["visible_worst_ms"] >= found["visible_p99_ms"] > 0
    assert len(found["gates"]) == 7
    assert all(gate["name"] in shown for gate in found["gates"])
