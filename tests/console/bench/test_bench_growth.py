"""A small run of the growth bench: books that agree, costs on both sides, and every wrong count found."""

from __future__ import annotations

from typing import Any

import pytest

from console.bench.growth import Ask, bench_growth
from console.bench.sweeps import LESS
from console.cli.bench_stock import show_growth

ORDERS, LISTED, SHOPS = 40, 250, 2


@pytest.fixture(scope="module")
async def found() -> dict[str, Any]:
    ask = Ask(rounds=1, orders=ORDERS, stored=300, few=100, listed=LISTED, channels=SHOPS)
    return await bench_growth(ask, lambda _text, _share: None)


def test_both_sides_have_what_they_were_to_have_and_take_the_same_orders(found: dict[str, Any]) -> None:
    more = 2 * ORDERS  # with the round that is not counted
    assert (found["few"]["stored"], found["few"]["stored_at_end"]) == (100, 100 + more)
    assert (found["many"]["stored"], found["many"]["stored_at_end"]) == (300, 300 + more)
    for side in ("few", "many"):
        assert found[side]["cpu_us"] > 0
        assert found[side]["per_s"] > 0
        assert found[side]["wal_bytes"] > 100
    assert found["ratio"] > 0
    assert found["bytes_per_order"] > 1_000


def test_the_sweeps_compare_everything_and_find_each_wrong_count(found: dict[str, Any]) -> None:
    swept = found["sweep"]
    assert (swept["sweeps"], swept["levels"]) == (SHOPS, SHOPS * LISTED)
    wrong = -(-LISTED // LESS) * SHOPS
    assert swept["found"] == {"none": SHOPS * LISTED - wrong, "unseen_order": wrong}
    assert swept["missed"] == 0
    assert swept["cpu_s"] > swept["postgres_cpu_s"] >= 0


def test_gates_are_shown_met_or_missed(found: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    show_growth(found)
    shown = capsys.readouterr().out
    for gate in found["gates"]:
        assert {"name", "want", "got", "ok"} == gate.keys()
        assert gate["name"] in shown
    assert f"100 to {100 + 2 * ORDERS}" in shown
    assert found["machine"] in shown
    assert found["at"] in shown
