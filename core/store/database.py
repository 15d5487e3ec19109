"""Connections to PostgreSQL and the one kind of transaction there is: one that declares its merchants. What is outside one
is a single function of the schema that does so itself (`Database.session`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from functools import wraps
from typing import Any, ParamSpec, TypeAlias, TypeVar

import asyncpg
import orjson

from core.clock import AnchoredClock
from core.errors import FairwayError
from core.flow import decode
from core.log import get_log

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Row: TypeAlias = asyncpg.Record
log = get_log("database")

P = ParamSpec("P")
T = TypeVar("T")

# What a statement may cost before it is a mistake; set on every session.
GUARDS = {
    "lock_timeout": "5s",
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "30s",
    "timezone": "UTC",
    # A plan made while a table was empty must not live on when it holds a million rows.
    "plan_cache_mode": "force_custom_plan",
}

# What statements of ours take lists of.
ARRAYS = (
    "bigint",
    "boolean",
    "bytea",
    "float8",
    "int",
    "interval",
    "jsonb",
    "numeric",
    "text",
    "timestamptz",
)

# Errors that say that nothing of the transaction happened, and that the same again will work.
TAKEN_BACK = (asyncpg.exceptions.SerializationError, asyncpg.exceptions.DeadlockDetectedError)
TRIES = 5  # of what was taken back, before whoever asked for it is told

# Errors that say that the database went away: the same again at once is in vain.
LOST = (
    asyncpg.exceptions.CannotConnectNowError,
    asyncpg.exceptions.AdminShutdownError,
    asyncpg.exceptions.CrashShutdownError,
    asyncpg.exceptions.ConnectionDoesNotExistError,
    asyncpg.exceptions.PostgresConnectionError,
    asyncpg.exceptions.InterfaceError,
    asyncpg.exceptions.InternalClientError,
    asyncpg.exceptions.InternalServerError,
    asyncpg.exceptions.DiskFullError,
    asyncpg.exceptions.ReadOnlySQLTransactionError,  # a replica that is not promoted yet
    ConnectionError,
    TimeoutError,
    OSError,
)

# Errors that say nothing about whether the transaction happened, or that the same again will work.
RETRYABLE = (*TAKEN_BACK, asyncpg.exceptions.LockNotAvailableError, *LOST)


class Database:
    """A pool of sessions of one role. Use `transaction`, or `session` for a statement that is one by itself."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool
        self.clock = AnchoredClock()  # what to go by, wherever no other clock was asked for

    @staticmethod
    async def connect(
        url: str,
        *,
        size: int = 4,
        application: str = "fairway",
        statement_cache: int = 256,
        admin: bool = False,
    ) -> Database:
        """Open a pool; raises `FairwayError` when the role could see past row level security (unless *admin*)."""
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=size,
                init=_prepare,
                reset=_leave,
                statement_cache_size=statement_cache,
                server_settings={**GUARDS, "application_name": application},
            )
        except (OSError, asyncpg.PostgresError, TimeoutError) as error:
            raise FairwayError(
                f"PostgreSQL does not answer ({type(error).__name__}).",
                fix="Is it running, and is DATABASE_URL right? `./fairway up` starts its own.",
            ) from error
        database = Database(pool)
        if not admin:
            await database._refuse_owner()
        return database

    async def _refuse_owner(self) -> None:
        async with self.transaction([]) as tx:
            unsafe = await tx.fetchval(
                """SELECT rolsuper OR rolbypassrls OR EXISTS (
                     SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                     WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND c.relowner = r.oid)
                   FROM pg_roles r WHERE rolname = current_user"""
            )
        if unsafe:
            await self.close()
            raise FairwayError(
                "This database role owns tables or bypasses row level security: tenants would not be apart.",
                fix="Use the role fairway_web, fairway_worker or fairway_read that `fairway migrate` made.",
            )

    @asynccontextmanager
    async def transaction(self, merchants: Iterable[int]) -> AsyncIterator[Connection]:
        """One transaction that sees the rows of *merchants* only."""
        async with self._pool.acquire(timeout=5) as connection, connection.transaction():
            asked = self.clock.counted()
            self.clock.tell(asked, await _declare(connection, merchants))
            yield connection

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Connection]:
        """A session outside any transaction, which sees no merchant's rows: each statement is committed when it returns.
        For functions of the schema that declare their merchants themselves.
        """
        async with self._pool.acquire(timeout=5) as connection:
            yield connection

    async def close(self) -> None:
        await self._pool.close()


def again(work: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """*work* is done from its beginning once more where the database took its transaction back, a few times.

    For what a person asks for: nobody looks for it by himself, as workers do for theirs. And for what is under a lease,
    which would have to end first. Only where it may begin anew: it writes in one transaction, the last that may be taken
    back, or what it writes before is the same the second time.
    """

    @wraps(work)
    async def done(*args: P.args, **kwargs: P.kwargs) -> T:
        for attempt in range(TRIES - 1):
            try:
                return await work(*args, **kwargs)
            except TAKEN_BACK as error:
                about = {"what": getattr(work, "__name__", ""), "because": type(error).__name__}
                log.info("done again: the database took it back", extra={"fields": about})
                await asyncio.sleep(0.02 * 2**attempt)
        return await work(*args, **kwargs)

    return done


async def declare(tx: Connection, merchants: Iterable[int]) -> None:
    """Say whose rows the rest of this transaction may see."""
    await _declare(tx, merchants)


async def _declare(tx: Connection, merchants: Iterable[int]) -> datetime:
    """As `declare`; returns the server's time, which costs nothing more."""
    names = ",".join(str(merchant) for merchant in sorted(set(merchants)))
    now: datetime = await tx.fetchval(
        "SELECT clock_timestamp() FROM set_config('fairway.merchants', $1, true)", names
    )
    return now


async def _prepare(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    await connection.set_type_codec(
        "jsonb", encoder=_dump, decoder=lambda text: decode(text.encode()), schema="pg_catalog"
    )
    # The driver looks up types that it meets, which a young session is slow at: all at once, not at a dozen statements.
    await connection.prepare("SELECT " + ", ".join(f"${n}::{name}[]" for n, name in enumerate(ARRAYS, 1)))


async def _leave(_connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Instead of the driver's reset, a round trip for each transaction: what it left open is rolled back before, and
    whatever we set ends with its transaction.
    """


def _dump(value: Any) -> str:
    return orjson.dumps(value).decode()


def columns(rows: Sequence[Mapping[str, Any] | Row], *names: str) -> list[list[Any]]:
    """The named columns of *rows* as arrays, for `unnest`."""
    return [[row[name] for row in rows] for name in names]


def unless_usual(values: Sequence[Any], usual: Any) -> Sequence[Any]:
    """*values*, or nothing where all are *usual*. Of arrays of unequal length `unnest` fills up the shorter ones with NULLs:
    what is usual is not encoded and sent row by row, and a `coalesce` in the statement has it.
    """
    return values if values.count(usual) < len(values) else []


def number_texts(values: Sequence[Decimal | None]) -> list[str | None]:
    """Numbers for `text[]` cast to numeric one by one: the driver takes six times as long over a `Decimal`."""
    return [None if value is None else str(value) for value in values]


def json_texts(values: Sequence[Any]) -> list[str]:
    """Values as JSON text, for `text[]` cast to jsonb one by one: a list within an array would become a dimension."""
    return [_dump(value) for value in values]
