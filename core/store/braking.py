"""Brakes on levels, and what takes them off: at once, for everything a scope is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.store.database import Connection
from core.store.listing_rules import Scope

# The levels of a scope ($1 ... $4), locked in key order by whoever changes them.
_LOCKED = "FOR UPDATE OF ll"
_MINE = f"""(SELECT ll.merchant_id AS m, ll.connection_id AS c, ll.listing_id AS l, ll.channel_location_id AS loc
            FROM listing_levels ll LEFT JOIN variants v ON v.merchant_id = ll.merchant_id AND v.variant_id = ll.variant_id
            WHERE ll.merchant_id = $1 AND ($2::bigint = 0 OR ll.connection_id = $2) AND ($3::text = '' OR $3 = ANY (v.tags))
              AND ($4::bigint = 0 OR ll.listing_id = $4)
            ORDER BY ll.merchant_id, ll.connection_id, ll.listing_id, ll.channel_location_id {_LOCKED}) mine"""
_IS_MINE = """ll.merchant_id = mine.m AND ll.connection_id = mine.c AND ll.listing_id = mine.l
           AND ll.channel_location_id = mine.loc"""


@dataclass(frozen=True, slots=True)
class Braked:
    """How many listings a brake is about; *frozen* of them may not be told anything, *silent* ones are at a connection
    that nothing is written to; *selling* still showed something.
    """

    listings: int = 0
    selling: int = 0
    frozen: int = 0
    silent: int = 0

    def __add__(self, other: Braked) -> Braked:
        return Braked(
            self.listings + other.listings,
            self.selling + other.selling,
            self.frozen + other.frozen,
            self.silent + other.silent,
        )


async def connections_in(tx: Connection, merchant_id: int, scope: Scope) -> set[tuple[int, int]]:
    """(merchant, connection) pairs with a level that *scope* is about."""
    rows = await tx.fetch(
        f"SELECT DISTINCT c FROM {_MINE.replace(_LOCKED, '')}",
        merchant_id,
        scope.connection_id,
        scope.tag,
        scope.listing_id,
    )
    return {(merchant_id, row["c"]) for row in rows}


async def stop(tx: Connection, merchant_id: int, scope: Scope, now: datetime) -> None:
    """From now on the levels of *scope* are wanted at nothing, and told before everything else."""
    await tx.execute(
        f"""UPDATE listing_levels ll SET desired = 0, desired_seq = ll.desired_seq + (ll.desired <> 0)::int,
             desired_at = CASE WHEN ll.desired = 0 THEN ll.desired_at ELSE $5::timestamptz END,
             stopped = true, wave = NULL, parked_at = NULL, next_at = '-infinity',
             pending = ll.predicted IS NULL OR ll.predicted > 0 OR ll.maybe IS NOT NULL OR ll.possible > 0
           FROM {_MINE} WHERE {_IS_MINE} AND ll.desired IS NOT NULL""",
        merchant_id,
        scope.connection_id,
        scope.tag,
        scope.listing_id,
        now,
    )


async def freeze(tx: Connection, merchant_id: int, scope: Scope) -> None:
    """From now on the levels of *scope* are not told anything; a call that is under way ends as it will."""
    await tx.execute(
        f"UPDATE listing_levels ll SET frozen = true FROM {_MINE} WHERE {_IS_MINE}",
        merchant_id,
        scope.connection_id,
        scope.tag,
        scope.listing_id,
    )


async def count(tx: Connection, merchant_id: int, scope: Scope) -> Braked:
    """What *scope* is about, as it stands."""
    row = await tx.fetchrow(
        f"""SELECT count(DISTINCT ll.listing_id)::int AS listings,
             (count(DISTINCT ll.listing_id) FILTER (WHERE ll.possible > 0))::int AS selling,
             (count(DISTINCT ll.listing_id) FILTER (WHERE ll.frozen))::int AS frozen,
             (count(DISTINCT ll.listing_id) FILTER (WHERE NOT c.push_stock OR c.status <> 'active'))::int AS silent
           FROM {_MINE.replace(_LOCKED, "")} JOIN listing_levels ll ON {_IS_MINE}
           JOIN connections c ON c.merchant_id = ll.merchant_id AND c.connection_id = ll.connection_id""",
        merchant_id,
        scope.connection_id,
        scope.tag,
        scope.listing_id,
    )
    return Braked(**dict(row)) if row else Braked()


async def unpark(tx: Connection, merchant_id: int, scope: Scope) -> int:
    """Try again what channels refused in *scope*; returns how many levels."""
    status = await tx.execute(
        f"""UPDATE listing_levels ll SET parked_at = NULL, failures = 0, next_at = '-infinity'
           FROM {_MINE} WHERE {_IS_MINE} AND ll.pending AND ll.failures + (ll.parked_at IS NOT NULL)::int > 0""",
        merchant_id,
        scope.connection_id,
        scope.tag,
        scope.listing_id,
    )
    return int(status.rsplit(" ", 1)[-1])
