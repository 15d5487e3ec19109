"""How fast webhooks are stored for good: the hub's web process in turn with a bare echo and one INSERT per request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bench.bodies import SECRET, Baskets, baskets, requests
from bench.cpu import Others
from bench.load import Loaded, Requests, load, write_requests
from console.bench.gates import Gate, middle, rounded
from console.bench.stand import Stand, cpu_s, open_stand
from console.processes import Process, running
from core.errors import FairwayError
from core.hub import Hub
from core.store import bench_books, connections

SKUS = 500
PACE = 1_000  # webhooks a second of the paced load
# Requests that are written for each second of a round: more than two cores take, so that the time ends it. The echo,
# which keeps nothing, is sent the same ones again.
AT_MOST = {"web": 14_000, "bench.one_insert": 8_000, "bench.echo": 2_000}


@dataclass(slots=True)
class _Round:
    echo: Loaded
    intake: Loaded
    insert: Loaded
    cpu: Counter[str]


@dataclass(slots=True)
class Ordered:
    """Writes requests that were never sent before, for receivers of *tokens*."""

    stand: Stand
    made: Baskets
    tokens: list[str]
    next: int = 1_000_000
    accepted: int = 0
    unsure: int = 0
    refused: int = 0

    def write(self, count: int, servers: int = 1, name: str = "requests") -> Requests:
        """The next *count*, to files of that *name*: what is being sent must not be written over."""
        numbers = range(self.next, self.next + count)
        self.next += count
        return write_requests(self.stand.requests, requests(self.made, numbers, self.tokens), servers, name)

    def note(self, loaded: Loaded) -> Loaded:
        """Remember what was acknowledged."""
        self.accepted += loaded.accepted
        self.unsure += loaded.errors
        self.refused += loaded.refused
        return loaded


async def bench_intake(
    rounds: int, seconds: float, merchants: int, tell: Callable[[str, float], None], count: int | None = None
) -> dict[str, Any]:
    """Load all three in turn, *rounds* times for *seconds* each, the hub with webhooks to *merchants* merchants.

    Rates are medians, ratios medians of those of each round. *count* sends so many in each round at most.
    """
    tell("starting", 0.0)
    async with open_stand() as stand:
        insert_url = await stand.new_database("one_insert")
        # A minute ago: what comes in was ordered after that.
        tokens = await open_receivers(stand.hub, merchants)
        web = stand.role("web")
        echo = stand.other("bench.echo")
        insert = stand.other("bench.one_insert", {"DATABASE_URL": insert_url})
        made = Ordered(stand, baskets(1, SKUS, stand.hub.clock), tokens)
        async with running(web, echo, insert):
            await _warm_up(made, (web, echo, insert), len(tokens))
            before = await _size(stand)
            at_first = made.accepted
            done: list[_Round] = []
            others = Others.watch()
            for number in range(rounds):
                tell(f"round {number + 1} of {rounds}", number / (rounds + 1))
                done.append(await _round(made, web, echo, insert, number, seconds, count))
            stand.facts["cores_used_by_others"] = rounded(others.cores())
            after = await _size(stand)
            grown = made.accepted - at_first
            tell(f"{PACE} a second", rounds / (rounds + 1))
            await stand.checkpoint()
            requested = made.write(count or int(PACE * seconds))
            paced = made.note(await load([web.address], requested, seconds=seconds, rate=PACE))
            await _look_whether_sealed(stand)
            stored = await _stored(stand)
    return _answer(
        stand, made, done, paced, {"bytes": (after - before) / max(1, grown), "stored": stored}
    ) | {
        "merchants": merchants,
        "rounds": rounds,
        "seconds": seconds,
    }


async def open_receivers(hub: Hub, count: int) -> list[str]:
    """New merchants with a connection each whose shop sends webhooks; returns the secret parts of the addresses."""
    since = hub.clock() - timedelta(minutes=1)
    tokens = []
    for number in range(count):
        token = f"bench-{number}"
        async with hub.database.transaction([]) as tx:
            merchant_id = await connections.add_merchant(tx, token, hub.settings.inbound, since)
        async with hub.database.transaction([merchant_id]) as tx:
            connection_id = await connections.add_connection(
                tx, merchant_id=merchant_id, channel="woocommerce", name="shop", account=token,
                settings={"base_url": "http://127.0.0.1:1"}, token=token, stock_since=since, now=since, kinds=(),
            )  # fmt: skip
            await connections.put_credential(
                tx, merchant_id, connection_id, "webhook_secret", "inbound", SECRET, hub.settings.inbound
            )
        tokens.append(token)
    return tokens


async def _warm_up(made: Ordered, processes: tuple[Process, ...], merchants: int) -> None:
    """Connections, prepared statements, every merchant's keys."""
    for process in processes:
        made_now = made.write(max(500, 2 * merchants))
        loaded = await load([process.address], made_now, seconds=10 if merchants > 1 else 1, rate=0)
        if process.role == "web":
            made.note(loaded)


async def _round(
    made: Ordered,
    web: Process,
    echo: Process,
    insert: Process,
    number: int,
    seconds: float,
    count: int | None,
) -> _Round:
    """Each of them once; who comes first differs from round to round."""
    found: dict[str, Loaded] = {}
    cpu: Counter[str] = Counter()
    order = [web, echo, insert]
    for process in order[number % 3 :] + order[: number % 3]:
        requested = made.write(count or int(AT_MOST[process.role] * seconds))
        await made.stand.checkpoint()
        before = Counter(cpu_s(made.stand, [web]))
        loaded = await load([process.address], requested, seconds=seconds, again=process is echo)
        if process is web:
            made.note(loaded)
            cpu = Counter(cpu_s(made.stand, [web]))
            cpu.subtract(before)
        found[process.role] = loaded
    return _Round(found["bench.echo"], found["web"], found["bench.one_insert"], cpu)


async def _size(stand: Stand) -> int:
    async with stand.hub.database.transaction([]) as tx:
        return await bench_books.size(tx)


async def _stored(stand: Stand) -> int:
    async with stand.hub.database.transaction([]) as tx:
        merchants = await connections.merchant_ids(tx)
    async with stand.hub.database.transaction(merchants) as tx:
        return await bench_books.stored(tx)


async def _look_whether_sealed(stand: Stand) -> None:
    async with stand.hub.database.transaction([]) as tx:
        merchants = await connections.merchant_ids(tx)
    async with stand.hub.database.transaction(merchants) as tx:
        if await bench_books.legible(tx, b"line_items"):
            raise FairwayError("Bodies are stored unsealed.")


def _answer(
    stand: Stand, made: Ordered, done: list[_Round], paced: Loaded, found: dict[str, float]
) -> dict[str, Any]:
    to_echo = middle([one.intake.per_s / one.echo.per_s for one in done])
    to_insert = middle([one.intake.per_s / one.insert.per_s for one in done])
    cpu = {
        name: middle([one.cpu[name] / max(1, one.intake.accepted) * 1e6 for one in done])
        for name in ("web", "postgres")
    }
    p99 = middle([one.intake.p99_ms for one in done])
    lost = max(0, made.accepted - int(found["stored"]))
    gates = [
        Gate("durable intake, as a share of the HMAC echo", 0.5, to_echo),
        Gate("durable intake, times one INSERT per request", 2.0, to_insert),
        Gate("webhook p99 at 1,000 a second, ms", 25, paced.p99_ms, most=True),
        Gate("webhook p99, saturated, ms", 60, p99, most=True),
    ]
    return {
        "intake_per_s": middle([one.intake.per_s for one in done]),
        "echo_per_s": middle([one.echo.per_s for one in done]),
        "insert_per_s": middle([one.insert.per_s for one in done]),
        "ratio_to_echo": to_echo,
        "ratio_to_insert": to_insert,
        "cpu_us_per_order": rounded(sum(cpu.values())),
        "cpu_us": cpu,
        "bytes_per_order": round(found["bytes"]),
        "body_bytes": made.made.size,
        "p50_ms": middle([one.intake.p50_ms for one in done]),
        "p99_ms": p99,
        "paced_per_s": rounded(paced.per_s),
        "paced_p50_ms": rounded(paced.p50_ms),
        "paced_p99_ms": rounded(paced.p99_ms),
        "paced_late": paced.late,
        "acknowledged": made.accepted,
        "refused": made.refused,
        "unanswered": made.unsure,
        "stored": int(found["stored"]),
        "lost": lost,
        # What got no answer may be stored or not; anything else that is here was not sent.
        "unexplained": max(0, int(found["stored"]) - made.accepted - made.unsure),
        "each_round": [
            {
                "intake_per_s": round(one.intake.per_s),
                "echo_per_s": round(one.echo.per_s),
                "insert_per_s": round(one.insert.per_s),
            }
            for one in done
        ],
        "gates": [gate.row() for gate in gates],
        **stand.facts,
    }
