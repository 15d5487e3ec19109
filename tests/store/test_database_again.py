"""What a person asked for is done again where the database took it back; the errors are PostgreSQL's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest

from core.store.database import TRIES, Database, again


@pytest.fixture
async def worker(role_url: Callable[[str], str]) -> AsyncIterator[Database]:
    database = await Database.connect(role_url("fairway_worker"))
    yield database
    await database.close()


async def count_once(database: Database, name: str, sqlstate: str, *, failing: int) -> tuple[int, list[int]]:
    """Note a word in a transaction that ends with *sqlstate* so many times; how often it was stored, and the tries."""
    tries: list[int] = []

    @again
    async def note() -> int:
        tries.append(1)
        async with database.transaction([1]) as tx:
            await tx.execute(
                """INSERT INTO unread_fields AS u VALUES (1, 1, $1, '', 1, 1)
                   ON CONFLICT (merchant_id, connection_id, topic, path) DO UPDATE SET seen = u.seen + 1""",
                name,
            )
            if len(tries) <= failing:
                await tx.execute(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{sqlstate}'; END $$")
            return int(await tx.fetchval("SELECT seen FROM unread_fields WHERE topic = $1", name))

    return await note(), tries


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
async def test_what_was_taken_back_twice_is_stored_once(worker: Database, sqlstate: str) -> None:
    stored, tries = await count_once(worker, f"twice {sqlstate}", sqlstate, failing=2)

    assert (stored, len(tries)) == (1, 3)


async def test_who_asked_is_told_when_it_is_taken_back_every_time(worker: Database) -> None:
    with pytest.raises(asyncpg.SerializationError):
        await count_once(worker, "every time", "40001", failing=TRIES)

    stored, _ = await count_once(worker, "every time", "40001", failing=0)
    assert stored == 1


async def test_another_error_may_have_been_stored_and_is_not_tried_again(worker: Database) -> None:
    with pytest.raises(asyncpg.AdminShutdownError):
        await count_once(worker, "shut down", "57P01", failing=1)
