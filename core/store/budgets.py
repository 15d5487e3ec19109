"""The rate budgets of connections: one row per family of calls, from which workers take chunks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
_ROWS = """unnest($1::bigint[], $2::bigint[], $3::text[], $4::float8[], $5::float8[], $6::float8[], $7::timestamptz[],
    $8::timestamptz[])"""


@dataclass(frozen=True, slots=True)
class Taking:
    """Who gives back *unused* points and takes at least *cost*."""

    family: Family
    cost: float
    unused: float = 0.0


async def take_chunks(
    tx: Connection, takings: Sequence[Taking], now: datetime
) -> list[tuple[Bucket, float, float]]:
    """Of each: the bucket after it, points granted, seconds to wait. Each is of another family.

    Either points are granted or there is something to wait for.
    """
    locked = await _locked(tx, [one.family for one in takings], now)
    taken = [_taken(one, bucket, now) for one, bucket in zip(takings, locked, strict=True)]
    await _put(tx, [(one.family, bucket) for one, (bucket, _, _) in zip(takings, taken, strict=True)])
    return taken


def _taken(one: Taking, bucket: Bucket, now: datetime) -> tuple[Bucket, float, float]:
    bucket = budget.given_back(bucket, one.unused, now)
    chunk = budget.portion(bucket, one.cost)
    bucket, wait = budget.take(bucket, chunk, now)
    return bucket, 0.0 if wait else chunk, wait


async def tell(tx: Connection, family: Family, said: BudgetTold, now: datetime) -> Bucket:
    """Keep what the channel said about its budget; returns the bucket after it."""
    return await _change(tx, family, now, lambda bucket: budget.told(bucket, said, now))


async def block(tx: Connection, family: Family, until: datetime, now: datetime) -> Bucket:
    """The channel refused a call of this family: no worker makes one before *until*."""
    return await _change(tx, family, now, lambda bucket: budget.blocked(bucket, until, now))


async def _change(tx: Connection, family: Family, now: datetime, rule: Callable[[Bucket], Bucket]) -> Bucket:
    [bucket] = await _locked(tx, [family], now)
    bucket = rule(bucket)
    await _put(tx, [(family, bucket)])
    return bucket


async def _locked(tx: Connection, families: Sequence[Family], now: datetime) -> list[Bucket]:
    """The buckets as they are, nobody else's until the transaction ends."""
    kept = {
        tuple(row[:3]): Bucket(*row[3:])
        for row in await tx.fetch(
            f"""SELECT merchant_id, connection_id, family, {_COLUMNS}
                FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS k (merchant_id, connection_id, family)
                JOIN budgets b USING (merchant_id, connection_id, family) ORDER BY 1, 2, 3 FOR UPDATE OF b""",
            *_keys(families),
        )
    }
    if new := sorted({family for family in families if _key(family) not in kept}, key=_key):
        kept |= {
            tuple(row[:3]): Bucket(*row[3:])
            for row in await tx.fetch(
                f"""INSERT INTO budgets AS b (merchant_id, connection_id, family, {_COLUMNS})
                    SELECT * FROM {_ROWS}
                    ON CONFLICT (merchant_id, connection_id, family) DO UPDATE SET points = b.points
                    RETURNING merchant_id, connection_id, family, {_COLUMNS}""",
                *_keys(new),
                *_values([budget.full(family.limits, now) for family in new]),
            )
        }
    return [
        kept[_key(family)] if family.tells else budget.fitted(kept[_key(family)], family.limits, now)
        for family in families
    ]


async def _put(tx: Connection, changed: Sequence[tuple[Family, Bucket]]) -> None:
    await tx.execute(
        f"""UPDATE budgets b SET points = r.points, points_per_s = r.points_per_s, burst = r.burst,
              measured_at = r.measured_at, blocked_until = r.blocked_until
            FROM {_ROWS} AS r (merchant_id, connection_id, family, {_COLUMNS})
            WHERE b.merchant_id = r.merchant_id AND b.connection_id = r.connection_id AND b.family = r.family""",
        *_keys([family for family, _ in changed]),
        *_values([bucket for _, bucket in changed]),
    )


def _key(family: Family) -> tuple[Any, ...]:
    return family.merchant_id, family.connection_id, family.name


def _keys(families: Sequence[Family]) -> list[list[Any]]:
    return [[_key(family)[at] for family in families] for at in range(3)]


def _values(buckets: Sequence[Bucket]) -> list[list[Any]]:
    return [[getattr(bucket, name) for bucket in buckets] for name in _COLUMNS.split(", ")]
