"""A small run of the stock bench: both sides sell what is there, to the unit, and what is compared is in one answer."""

from __future__ import annotations

from typing import Any

import pytest

from bench.slices import reserve
from console.bench import stock
from console.bench.stock import NAMES, Ask, bench_stock
from console.cli.bench_stock import show_stock

ORDERS = 40


@pytest.fixture(scope="module")
async def found() -> dict[str, Any]:
    return await bench_stock(Ask(rounds=2, orders=ORDERS, sessions=3), lambda _text, _share: None)


def test_all_are_measured_in_turn(found: dict[str, Any]) -> None:
    assert len(found["each_round"]) == found["rounds"] == 2
    for one in found["each_round"]:
        assert one.keys() == set(NAMES)
        assert all(rate > 0 for rate in one.values())
    for name in NAMES:
        assert found[name]["cpu_us"] >= found[name]["postgres_cpu_us"] >= 0
    assert found["ratio_to_update"] > 0
    assert found["ratio_kept_to_update"] > 0
    assert found["ratio_hot"] > 0


def test_the_last_units_are_promised_exactly_once(found: dict[str, Any]) -> None:
    last = found["sold_out"]
    assert (last["orders"], last["units"]) == (ORDERS, ORDERS // 2)
    assert last["slices"]["held"] == last["slices"]["reserved"] == last["slices"]["on_hand"] == ORDERS // 2
    assert last["slices"]["short"] == ORDERS - ORDERS // 2
    assert (last["updates"]["held"], last["updates"]["free"]) == (ORDERS // 2, 0)
    assert found["exact"]
    assert found["oversold"] == found["violations"] == 0


def test_gates_are_shown_met_or_missed(found: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    show_stock(found)
    shown = capsys.readouterr().out
    for gate in found["gates"]:
        assert {"name", "want", "got", "ok"} == gate.keys()
        assert gate["name"] in shown
    assert f"{ORDERS} orders for {ORDERS // 2} units" in shown
    assert "fsync on, synchronous_commit on" in shown
    assert found["machine"] in shown
    assert found["at"] in shown


async def test_a_unit_promised_twice_would_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def blind(hub: Any, wants: Any) -> None:
        """Reserves what is there and as much again."""
        await reserve(hub, wants)
        async with hub.database.transaction([wants[0].merchant_id]) as tx:
            await tx.execute("UPDATE reservations SET held = held * 2")

    monkeypatch.setattr(stock, "reserve", blind)
    found = await bench_stock(Ask(rounds=1, orders=10, sessions=2), lambda _text, _share: None)
    assert found["oversold"] == 5
    assert found["violations"] > 0
    assert not found["exact"]
    assert not next(gate for gate in found["gates"] if gate["name"].startswith("units oversold"))["ok"]
