"""Group commit: who shares a commit, who is told yes, who is asked to come again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from core.sealing import Keyring
from core.store import connections, deliveries
from core.store.database import Connection, Database
from core.store.deliveries import Incoming, dedupe_key
from core.usecases import accept_delivery
from core.usecases.accept_delivery import Intake, NotStored

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WAITS = """SELECT EXISTS (SELECT FROM pg_stat_activity
  WHERE datname = current_database() AND wait_event_type = 'Lock')"""


class Bell:
    """Counts rings; hangs or breaks when told to."""

    def __init__(self) -> None:
        self.rung: list[str] = []
        self.whose: set[int] = set()
        self.broken = False
        self.stuck = asyncio.Event()
        self.stuck.set()

    async def ring(self, kind: str, merchants: Iterable[int]) -> None:
        self.rung.append(kind)
        self.whose.update(merchants)
        await self.stuck.wait()
        if self.broken:
            raise ConnectionError("no bell")


@pytest.fixture(scope="session")
async def admin(database_url: str) -> AsyncIterator[Database]:
    database = await Database.connect(database_url, size=2, admin=True)
    yield database
    await database.close()


@pytest.fixture
async def bell() -> Bell:
    return Bell()


@pytest.fixture
async def intake(role_url: Callable[[str], str], bell: Bell) -> AsyncIterator[Intake]:
    database = await Database.connect(role_url("fairway_web"), size=4)
    intake = Intake(database, bell.ring)
    yield intake
    await intake.close()
    await database.close()


@pytest.fixture
async def merchant(admin: Database, request: pytest.FixtureRequest) -> int:
    async with admin.transaction([]) as tx:
        ring = Keyring.parse(Keyring.generate("test"))
        return await connections.add_merchant(tx, f"intake {request.node.name}", ring, NOW)


def delivery(merchant: int, body: bytes) -> Incoming:
    key = dedupe_key(merchant, "orders/create", body)
    return Incoming(merchant, merchant, "orders/create", "webhook", key, b"sealed", {}, NOW)


async def stored(admin: Database, merchant: int) -> tuple[int, int]:
    """Deliveries, and the commits that brought them."""
    async with admin.transaction([merchant]) as tx:
        row = await tx.fetchrow(
            "SELECT count(*), count(DISTINCT xmin::text) FROM deliveries WHERE merchant_id = $1", merchant
        )
        assert row is not None
        return row[0], row[1]


@asynccontextmanager
async def both_lanes_busy(
    admin: Database, intake: Intake, merchant: int
) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Two commits are on their way and come to no end while the block runs."""
    busy = []
    async with admin.transaction([]) as tx:
        await tx.execute("LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE")
        for number in range(accept_delivery.LANES):
            busy.append(asyncio.create_task(intake.accept(delivery(merchant, b"busy %d" % number))))
            async with asyncio.timeout(5):
                while intake._open_lanes <= number or intake._queue:
                    await asyncio.sleep(0)
        yield busy


async def test_what_queued_during_a_commit_is_committed_at_once(
    admin: Database, intake: Intake, merchant: int, bell: Bell
) -> None:
    async with both_lanes_busy(admin, intake, merchant) as busy:
        waiting = [
            asyncio.create_task(intake.accept(delivery(merchant, b"%d" % number))) for number in range(100)
        ]
        await asyncio.sleep(0)
    await asyncio.gather(*busy, *waiting)

    assert await stored(admin, merchant) == (102, 3)
    await intake.close()
    assert 1 <= len(bell.rung) <= 3
    assert bell.whose == {merchant}


async def test_a_commit_holds_500_at_most(admin: Database, intake: Intake, merchant: int) -> None:
    async with both_lanes_busy(admin, intake, merchant) as busy:
        waiting = [
            asyncio.create_task(intake.accept(delivery(merchant, b"%d" % number))) for number in range(1100)
        ]
        await asyncio.sleep(0)
    await asyncio.gather(*busy, *waiting)

    assert await stored(admin, merchant) == (1102, 2 + 3)


async def test_one_commit_may_span_merchants(admin: Database, intake: Intake, merchant: int) -> None:
    async with admin.transaction([]) as tx:
        ring = Keyring.parse(Keyring.generate("test"))
        other = await connections.add_merchant(tx, "intake, another one", ring, NOW)

    await asyncio.gather(intake.accept(delivery(merchant, b"1")), intake.accept(delivery(other, b"1")))

    assert await stored(admin, merchant) == (1, 1)
    assert await stored(admin, other) == (1, 1)


async def test_copies_at_the_same_time_share_one_answer(
    admin: Database, intake: Intake, merchant: int
) -> None:
    async with both_lanes_busy(admin, intake, merchant) as busy:
        copies = [asyncio.create_task(intake.accept(delivery(merchant, b"busy 0"))) for _ in range(5)]
        await asyncio.sleep(0)
        assert not any(copy.done() for copy in copies)
    await asyncio.gather(*busy, *copies)

    assert await stored(admin, merchant) == (2, 2)


async def test_one_whose_turn_does_not_come_is_refused_while_the_commits_go_on(
    admin: Database, intake: Intake, merchant: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accept_delivery, "PATIENCE_S", 0.1)
    async with both_lanes_busy(admin, intake, merchant) as busy:
        with pytest.raises(NotStored):
            await intake.accept(delivery(merchant, b"late"))
    await asyncio.gather(*busy)

    assert await stored(admin, merchant) == (2, 2)


async def test_past_20000_waiting_the_next_is_refused_at_once(
    admin: Database, intake: Intake, merchant: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accept_delivery, "MAX_WAITING", 3)
    async with both_lanes_busy(admin, intake, merchant) as busy:
        waiting = [
            asyncio.create_task(intake.accept(delivery(merchant, b"%d" % number))) for number in range(3)
        ]
        await asyncio.sleep(0)
        with pytest.raises(NotStored):
            await intake.accept(delivery(merchant, b"one too many"))
    await asyncio.gather(*busy, *waiting)

    assert await stored(admin, merchant) == (5, 3)


async def test_a_commit_that_takes_too_long_is_answered_no_but_still_ends(
    admin: Database, intake: Intake, merchant: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accept_delivery, "COMMIT_S", 0.1)
    async with both_lanes_busy(admin, intake, merchant) as busy:
        answers = await asyncio.gather(*busy, return_exceptions=True)
    await intake.accept(delivery(merchant, b"busy 0"))  # the sender comes again
    await intake.close()

    assert [type(answer) for answer in answers] == [NotStored, NotStored]
    assert (await stored(admin, merchant))[0] == 2


async def test_a_hanging_bell_holds_nobody_up_and_is_counted(
    intake: Intake, merchant: int, bell: Bell
) -> None:
    bell.stuck.clear()

    async with asyncio.timeout(5):
        for number in range(20):
            await intake.accept(delivery(merchant, b"%d" % number))
        await intake.close()

    assert 1 <= intake.ring_failures == len(bell.rung) <= 20


async def test_a_broken_bell_is_counted(intake: Intake, merchant: int, bell: Bell) -> None:
    bell.broken = True

    await intake.accept(delivery(merchant, b"1"))
    await intake.close()

    assert (intake.ring_failures, bell.rung) == (1, ["drain"])


async def test_closing_commits_what_waits(admin: Database, intake: Intake, merchant: int) -> None:
    waiting = [asyncio.create_task(intake.accept(delivery(merchant, b"%d" % number))) for number in range(50)]
    await asyncio.sleep(0)

    await intake.close()

    assert (await stored(admin, merchant))[0] == 50
    await asyncio.gather(*waiting)


@pytest.mark.undisturbed("a circle of locks has to be seen, not got over")
async def test_who_stores_copies_at_the_same_time_waits_in_no_circle(
    admin: Database, intake: Intake, merchant: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    low, high = sorted(
        (delivery(merchant, b"%d" % number) for number in range(2)), key=lambda one: one.dedupe_key
    )
    tries = 0
    real = deliveries.add_counted

    async def counted(tx: Connection, batch: Sequence[Incoming]) -> dict[int, int]:
        nonlocal tries
        tries += 1
        return await real(tx, batch)

    async with admin.transaction([merchant]) as another:
        await deliveries.add(another, [low])
        monkeypatch.setattr(deliveries, "add_counted", counted)
        ours = [asyncio.create_task(intake.accept(item)) for item in (high, low)]
        async with asyncio.timeout(5), admin.transaction([]) as onlooker:
            while not await onlooker.fetchval(WAITS):
                await asyncio.sleep(0.005)
        await real(another, [high])
    await asyncio.gather(*ours)

    assert tries == 1
    assert (await stored(admin, merchant))[0] == 2


async def test_thousands_at_once_from_two_processes_with_copies_are_each_stored_once(
    admin: Database, intake: Intake, merchant: int, role_url: Callable[[str], str], bell: Bell
) -> None:
    database = await Database.connect(role_url("fairway_web"), size=4)
    other = Intake(database, bell.ring)
    items = [delivery(merchant, b"%d" % number) for number in range(2000)]

    await asyncio.gather(
        *(intake.accept(item) for item in items), *(other.accept(item) for item in reversed(items))
    )

    await other.close()
    await database.close()
    assert (await stored(admin, merchant))[0] == 2000
