"""Claims of a share: PostgreSQL knows the same queues as we do, and no claim takes another worker's merchants."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest

from core.settings import MOST_QUEUES
from core.shares import Share, queue_of
from core.store import deliveries, dirty_marks, schedule
from core.store.database import Database
from tests.conftest import as_role

MERCHANTS = range(1, 41)
NOW = datetime(2026, 11, 29, tzinfo=UTC)
SHARE = Share(4, (1, 3))
THEIRS = {merchant_id for merchant_id in MERCHANTS if queue_of(merchant_id, 4) in SHARE.serves}


@pytest.fixture
async def database(fresh: str) -> AsyncIterator[Database]:
    """Of forty merchants something waits of each kind. That is all there is of them."""
    admin = await asyncpg.connect(fresh)
    await admin.execute("SET session_replication_role = replica")  # no foreign keys
    every = f"generate_series(1, {MERCHANTS[-1]}) AS m"
    await admin.execute(
        f"INSERT INTO todo (merchant_id, delivery_id, connection_id) SELECT m, m, m FROM {every}"
    )
    await admin.execute(
        f"INSERT INTO dirty (merchant_id, variant_id, since) SELECT m, m, $1 FROM {every}", NOW
    )
    await admin.execute(
        f"INSERT INTO schedule (merchant_id, connection_id, kind, due_at) SELECT m, m, 'push', $1 FROM {every}",
        NOW,
    )
    await admin.close()
    opened = await Database.connect(as_role(fresh, "fairway_worker"))
    yield opened
    await opened.close()


async def test_postgresql_puts_a_merchant_into_the_queue_that_we_do(database: Database) -> None:
    ids = [0, 1, 2, 3, 41, 2**31 - 1, 2**31, 2**32 + 7, 2**62 + 12_345, 2**63 - 1]
    async with database.transaction([]) as tx:
        rows = await tx.fetch(
            """SELECT m, q, queue_of(m, q) AS queue FROM unnest($1::bigint[]) AS m, generate_series(1, $2) AS q""",
            [*ids, *range(1_000_000, 1_000_200)],
            MOST_QUEUES,
        )

    assert len(rows) == MOST_QUEUES * (len(ids) + 200)
    assert [row for row in rows if row["queue"] != queue_of(row["m"], row["q"])] == []


async def test_a_claim_takes_what_waits_of_its_share_and_leaves_the_rest(database: Database) -> None:
    async with database.transaction([]) as tx:
        claimed = await deliveries.claim(tx, 300, 60.0, share=SHARE)
        marks = await dirty_marks.take(tx, 300, SHARE)
        leases = await schedule.claim(tx, ["push"], NOW, 60.0, 300, SHARE)

    assert 0 < len(THEIRS) < len(MERCHANTS)
    assert {item.merchant_id for item in claimed} == THEIRS
    assert {merchant_id for merchant_id, _ in marks} == THEIRS
    assert {lease.merchant_id for lease in leases} == THEIRS


async def test_who_serves_everybody_takes_all_there_is(database: Database) -> None:
    async with database.transaction([]) as tx:
        claimed = await deliveries.claim(tx, 300, 60.0)
        marks = await dirty_marks.take(tx, 300)
        leases = await schedule.claim(tx, ["push"], NOW, 60.0, 300)

    assert [len(claimed), len(marks), len(leases)] == [len(MERCHANTS)] * 3
