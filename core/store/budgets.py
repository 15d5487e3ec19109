"""The rate budgets of connections: one row per family of calls, from which workers take chunks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from core.connector import BudgetTold, Limits
from core.rules import budget
from core.rules.budget import Bucket
from core.store.database import Connection


@dataclass(frozen=True, slots=True)
class Family:
    """The calls of one connection that draw from one budget. *limits* are the manifest's; where the channel *tells*
    how fast it may be called, they count only until it has.
    """

    merchant_id: int
    connection_id: int
    name: str
    limits: Limits
    tells: bool


_COLUMNS = "points, points_per_s, burst, measured_at, blocked_until"


async def take_chunk(
    tx: Connection, family: Family, cost: float, unused: float, now: datetime
) -> tuple[Bucket, float, float]:
    """Give back *unused* points and take at least *cost*: (the bucket after it, points granted, seconds to wait).

    Either points are granted or there is something to wait for.
    """
    bucket = budget.given_back(await _locked(tx, family, now), unused, now)
    chunk = budget.portion(bucket, cost)
    bucket, wait = budget.take(bucket, chunk, now)
    await _put(tx, family, bucket)
    return bucket, 0.0 if wait else chunk, wait


async def tell(tx: Connection, family: Family, said: BudgetTold, now: datetime) -> Bucket:
    """Keep what the channel said about its budget; returns the bucket after it."""
    return await _change(tx, family, now, lambda bucket: budget.told(bucket, said, now))


async def block(tx: Connection, family: Family, until: datetime, now: datetime) -> Bucket:
    """The channel refused a call of this family: no worker makes one before *until*."""
    return await _change(tx, family, now, lambda bucket: budget.blocked(bucket, until, now))


async def _change(tx: Connection, family: Family, now: datetime, rule: Callable[[Bucket], Bucket]) -> Bucket:
    bucket = rule(await _locked(tx, family, now))
    await _put(tx, family, bucket)
    return bucket


async def _locked(tx: Connection, family: Family, now: datetime) -> Bucket:
    """The bucket as it is, nobody else's until the transaction ends."""
    key = (family.merchant_id, family.connection_id, family.name)
    rows = await tx.fetch(
        f"""SELECT {_COLUMNS} FROM budgets
            WHERE merchant_id = $1 AND connection_id = $2 AND family = $3 FOR UPDATE""",
        *key,
    )
    if not rows:
        rows = await tx.fetch(
            f"""INSERT INTO budgets AS b (merchant_id, connection_id, family, {_COLUMNS})
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                ON CONFLICT (merchant_id, connection_id, family) DO UPDATE SET points = b.points
                RETURNING {_COLUMNS}""",
            *key,
            *_values(budget.full(family.limits, now)),
        )
    bucket = Bucket(**dict(rows[0]))
    return bucket if family.tells else budget.fitted(bucket, family.limits, now)


async def _put(tx: Connection, family: Family, bucket: Bucket) -> None:
    await tx.execute(
        """UPDATE budgets SET points = $4, points_per_s = $5, burst = $6, measured_at = $7, blocked_until = $8
           WHERE merchant_id = $1 AND connection_id = $2 AND family = $3""",
        family.merchant_id,
        family.connection_id,
        family.name,
        *_values(bucket),
    )


def _values(bucket: Bucket) -> tuple[float, float, float, datetime, datetime]:
    return bucket.points, bucket.points_per_s, bucket.burst, bucket.measured_at, bucket.blocked_until
