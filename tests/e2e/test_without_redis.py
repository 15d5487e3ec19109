"""Redis only rings the bell: stopped half-way, absent, or full of forgeries, nothing is lost and nobody is obeyed."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bell_rig import Desk, open_desk
from loop_rig import open_loop

from console.processes import running
from console.servers import run_servers
from jobs.wake import NAME_S, NAMES, QUEUE, RedisWake, open_redis
from tests.usecases.usecase_rig import order

ORDERS = 1_500  # each in two states: 3,000 deliveries


async def test_redis_stopped_in_the_middle_of_a_drain_leaves_nothing_behind(
    fresh: str, own_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", fresh)
    monkeypatch.delenv("REDIS_URL", raising=False)
    with run_servers(own_directory, log=print) as bell:
        async with open_desk(fresh, bell.endpoints.redis_url, own_directory) as desk:
            for batch in range(0, ORDERS, 250):
                await desk.rig.deliver(*_states(desk, range(batch + 1, batch + 251)))
            assert await desk.left() == 2 * ORDERS

            async with running(desk.worker):
                await desk.until_left(2 * ORDERS - 300)
                assert bell.valkey is not None
                bell.valkey.stop()
                left_when_stopped = await desk.left()
                await desk.until_levelled()
                assert not desk.worker.ended

            stored = await desk.admin.fetch("SELECT channel_order_id, channel_status FROM orders")
            assert left_when_stopped > 0
            assert sorted(int(row["channel_order_id"]) for row in stored) == list(range(1, ORDERS + 1))
            assert {row["channel_status"] for row in stored} == {"on-hold"}
            assert await desk.rig.stock() == (1_000_000, ORDERS)
            assert await desk.admin.fetchval("SELECT count(*) FROM parked") == 0
            assert await desk.rig.violations(at_rest=True) == {}


def _states(desk: Desk, numbers: range) -> list[dict[str, Any]]:
    """Two states of each order, the newer one first."""
    placed = desk.rig.clock()
    return [
        order(number, ("MUG-B", 1), placed=placed, changed=placed + timedelta(minutes=minute), status=status)
        for number in numbers
        for minute, status in ((2, "on-hold"), (1, "processing"))
    ]


@pytest.mark.parametrize("sold_at", ["shopify", "woocommerce"])
async def test_without_any_redis_a_sale_in_one_shop_is_reserved_and_told_to_the_other(
    sold_at: str, *, fresh: str, make_hub: Callable[..., Any]
) -> None:
    hub = await make_hub()
    assert hub.settings.redis_url is None
    async with open_loop(hub, fresh, seed=6) as loop:
        here, there = (loop.shopify, loop.woocommerce)[:: 1 if sold_at == "shopify" else -1]

        sold = here.checkout([("MUG", 3)])
        await loop.turn()

        shown = {"shopify": loop.shopify.available("MUG"), "woocommerce": loop.woocommerce.stock_of("MUG")}
        reserved = await loop.running.admin.fetchval("SELECT sum(held) FROM reservations")
        assert sold is not None
        assert reserved == 3
        assert shown == {"shopify": 7, "woocommerce": 7}
        assert [write.after for write in there.books.stock_writes] == [7]
        assert await loop.running.violations() == {}


class _Trap:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self._path,))


async def test_the_job_that_a_killed_worker_had_in_hand_does_not_silence_the_bell(
    own_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@/needed")
    monkeypatch.delenv("REDIS_URL", raising=False)
    second = 1_000.0
    with run_servers(own_directory, log=print) as bell:
        assert bell.endpoints.redis_url is not None
        redis = open_redis(bell.endpoints.redis_url)
        wake = RedisWake(redis, seconds=lambda: second)
        await wake.ring("drain", [1])
        await wake.ring("drain", [1])
        (job,) = await redis.zrange(QUEUE, 0, -1)
        # What arq leaves behind when its worker is killed: for 70 s nobody takes this job.
        await redis.set(f"arq:in-progress:{job.decode()}", b"1", px=70_000)
        second += NAME_S
        await wake.ring("drain", [1])
        waiting = [
            name
            for name in await redis.zrange(QUEUE, 0, -1)
            if not await redis.exists(f"arq:in-progress:{name.decode()}")
        ]
        second += 3_600.0
        for _ in range(NAMES + 80):
            second += NAME_S
            await wake.ring("drain", [1])
        most = await redis.zcard(QUEUE)
        await redis.aclose(close_connection_pool=True)

    assert len(waiting) == 1
    assert most == NAMES


async def test_forged_jobs_have_no_effect_and_do_not_end_the_worker(
    fresh: str, own_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", fresh)
    monkeypatch.delenv("REDIS_URL", raising=False)
    sprung = own_directory / "sprung"
    with run_servers(own_directory, log=print) as bell:
        assert bell.endpoints.redis_url is not None
        redis = open_redis(bell.endpoints.redis_url)
        async with open_desk(fresh, bell.endpoints.redis_url, own_directory) as desk, running(desk.worker):
            for number, job in enumerate(_forged(sprung)):
                await redis.set(f"arq:job:forged-{number}", job)
                await redis.zadd(QUEUE, {f"forged-{number}": 1})
            await redis.zadd(QUEUE, {"without-a-job": 1, "x" * 5_000: 1})

            await desk.rig.deliver(desk.rig.order(1, ("MUG-B", 2), changed=desk.rig.clock()))
            await RedisWake(redis).ring("drain", [1])
            await desk.until_left(0)

            assert not desk.worker.ended
            assert not sprung.exists()
            assert await desk.rig.stock() == (1_000_000, 2)
            assert await desk.admin.fetchval("SELECT count(*) FROM orders") == 1
        await redis.aclose(close_connection_pool=True)


async def test_the_bell_goes_on_ringing_after_forged_jobs_which_are_thrown_away(
    fresh: str, own_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", fresh)
    monkeypatch.delenv("REDIS_URL", raising=False)
    with run_servers(own_directory, log=print) as bell:
        assert bell.endpoints.redis_url is not None
        redis = open_redis(bell.endpoints.redis_url)
        async with open_desk(fresh, bell.endpoints.redis_url, own_directory) as desk, running(desk.worker):
            for number, job in enumerate(_forged(own_directory / "sprung")):
                await redis.set(f"arq:job:forged-{number}", job)
                await redis.zadd(QUEUE, {f"forged-{number}": 1})

            thrown_away = await _emptied(redis)
            await RedisWake(redis).ring("drain", [1])
            heard = await _emptied(redis)

            assert not desk.worker.ended
        await redis.aclose(close_connection_pool=True)
    assert (thrown_away, heard) == (True, True)


def _forged(sprung: Path) -> list[bytes]:
    trap = pickle.dumps(_Trap(sprung))
    job = {"t": 1, "f": "work", "a": ["drain"], "k": {}, "et": 1}
    changes: list[dict[str, Any]] = [
        {"f": "os.system", "a": [f"touch {sprung}"]},
        {"a": [f"; touch {sprung}"]},
        {"a": [None]},
        {"a": [["drain"]]},
        {"a": [{"drain": 1}]},
        {"a": 5},
        {"a": []},
        {"a": ["drain", "drain", "drain"]},
        {"k": {"kind": "drain"}},
        {"k": 5},
        {"k": {"_context": 1}},
        {"f": None},
        {"f": ["work"]},
        {"f": {}},
        {"t": "x"},
        {"t": "NaN"},
        {"et": "soon"},
        {"et": 10**30},
    ]
    odd = [b"", b"\x00", b"not JSON", b"[]", b"5", b"null", b"{}", b"\xff\xfe", b"[" * 100_000]
    return [trap, pickle.dumps(job | {"a": [_Trap(sprung)]}), *odd] + [
        json.dumps(job | change).encode() for change in changes
    ]


async def _emptied(redis: Any) -> bool:
    """Whether workers take all that is in the queue, soon."""
    try:
        async with asyncio.timeout(10):
            while await redis.zcard(QUEUE):
                await asyncio.sleep(0.02)
    except TimeoutError:
        return False
    return True
