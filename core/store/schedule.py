"""Recurring work of a connection: one row per kind, claimed under a lease with an epoch, rung when there is more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.shares import EVERYBODY, Share
from core.store.database import Connection, Row


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to do one kind of work for one connection until the lease ends. *rung* tells whether it was asked
    for again meanwhile.
    """

    merchant_id: int
    connection_id: int
    kind: str
    epoch: int
    rung: int
    failures: int


async def ring(tx: Connection, kind: str, connections: Iterable[tuple[int, int]], due_at: datetime) -> None:
    """Make work of *kind* due for (merchant, connection) pairs at *due_at*, unless it is due earlier anyway."""
    wanted = sorted(set(connections))
    await tx.execute(
        """UPDATE schedule s SET due_at = least(s.due_at, $4), rung = s.rung + 1
           FROM (SELECT merchant_id, connection_id FROM unnest($2::bigint[], $3::bigint[])
                   AS k (merchant_id, connection_id)
                 JOIN schedule x USING (merchant_id, connection_id) WHERE x.kind = $1
                 ORDER BY 1, 2 FOR UPDATE OF x) r
           WHERE s.kind = $1 AND s.merchant_id = r.merchant_id AND s.connection_id = r.connection_id""",
        kind,
        [pair[0] for pair in wanted],
        [pair[1] for pair in wanted],
        due_at,
    )


async def claim(
    tx: Connection, kinds: Iterable[str], now: datetime, lease_s: float, limit: int, share: Share = EVERYBODY
) -> list[Lease]:
    """Take due work that nobody holds, of merchants of *share*. Due times are *now*'s; the lease is the database's."""
    rows = await tx.fetch(
        """UPDATE schedule s SET lease_until = clock_timestamp() + make_interval(secs => $3), epoch = s.epoch + 1
           FROM (SELECT merchant_id, connection_id, kind FROM schedule
                 WHERE kind = ANY ($1::text[]) AND due_at <= $2 AND lease_until < clock_timestamp()
                   AND queue_of(merchant_id, $5) = ANY ($6::int[])
                 ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED) free
           WHERE s.merchant_id = free.merchant_id AND s.connection_id = free.connection_id AND s.kind = free.kind
           RETURNING s.merchant_id, s.connection_id, s.kind, s.epoch, s.rung, s.failures""",
        list(kinds),
        now,
        lease_s,
        limit,
        share.queues,
        share.serves,
    )
    return [Lease(**dict(row)) for row in rows]


# Leases that are still what they were, by arrays $1 to $4: of one kind, and locked in key order as by whoever rings.
_OURS = """SELECT merchant_id, connection_id, kind, epoch
    FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[]) AS k (merchant_id, connection_id, kind, epoch)
    JOIN schedule x USING (merchant_id, connection_id, kind, epoch) ORDER BY 1, 2 FOR UPDATE OF x"""


async def renew(tx: Connection, lease: Lease, lease_s: float) -> bool:
    """Hold on for another *lease_s*; false when the lease was lost."""
    return bool(await renew_all(tx, [lease], lease_s))


async def renew_all(tx: Connection, leases: Sequence[Lease], lease_s: float) -> set[Lease]:
    """As `renew`, for leases of one kind: those that are still ours."""
    rows = await tx.fetch(
        f"""UPDATE schedule s SET lease_until = clock_timestamp() + make_interval(secs => $5) FROM ({_OURS}) r
            WHERE s.merchant_id = r.merchant_id AND s.connection_id = r.connection_id AND s.kind = r.kind
            RETURNING s.merchant_id, s.connection_id, s.kind, s.epoch""",
        *_columns(leases),
        lease_s,
    )
    return _among(leases, rows)


async def held(tx: Connection, lease: Lease) -> bool:
    """Whether the lease is still ours; its row is locked until the transaction ends, so it stays so."""
    return bool(await held_all(tx, [lease]))


async def held_all(tx: Connection, leases: Sequence[Lease]) -> set[Lease]:
    """As `held`, for leases of one kind: those that are still ours."""
    return _among(leases, await tx.fetch(_OURS, *_columns(leases)))


def _columns(leases: Sequence[Lease]) -> tuple[list[Any], ...]:
    keys = [(lease.merchant_id, lease.connection_id, lease.kind, lease.epoch) for lease in leases]
    return tuple([key[at] for key in keys] for at in range(4))


def _among(leases: Sequence[Lease], rows: Iterable[Row]) -> set[Lease]:
    found = {tuple(row.values()) for row in rows}
    return {
        lease
        for lease in leases
        if (lease.merchant_id, lease.connection_id, lease.kind, lease.epoch) in found
    }


async def hold(tx: Connection, merchant_id: int, connection_id: int, kind: str) -> None:
    """Keep work of *kind* of a connection from writing anything back until the transaction ends."""
    await tx.execute(
        "SELECT FROM schedule WHERE merchant_id = $1 AND connection_id = $2 AND kind = $3 FOR UPDATE",
        merchant_id,
        connection_id,
        kind,
    )


async def busy(tx: Connection, merchant_id: int, connection_id: int, kind: str, now: datetime) -> bool:
    """Whether work of *kind* of a connection is due at *now* or under way: there is no need to ring for it."""
    found: bool | None = await tx.fetchval(
        """SELECT due_at <= $4 OR lease_until > clock_timestamp() FROM schedule
           WHERE merchant_id = $1 AND connection_id = $2 AND kind = $3""",
        merchant_id,
        connection_id,
        kind,
        now,
    )
    return bool(found)


async def refusals(tx: Connection, kind: str, connections: Iterable[int]) -> list[dict[str, Any]]:
    """Of *connections*, those whose last work of *kind* failed: connection, last_error."""
    rows = await tx.fetch(
        """SELECT c.name AS connection, s.last_error FROM schedule s JOIN connections c USING (merchant_id, connection_id)
           WHERE s.kind = $1 AND s.connection_id = ANY ($2::bigint[]) AND s.failures > 0 ORDER BY 1""",
        kind,
        list(connections),
    )
    return [dict(row) for row in rows]


async def rung_meanwhile(tx: Connection, lease: Lease) -> bool:
    """Whether the work was asked for again since it was claimed; its row is locked until the transaction ends."""
    rung: int | None = await tx.fetchval(
        """SELECT rung FROM schedule WHERE merchant_id = $1 AND connection_id = $2 AND kind = $3 FOR UPDATE""",
        lease.merchant_id,
        lease.connection_id,
        lease.kind,
    )
    return rung != lease.rung


@dataclass(frozen=True, slots=True)
class Release:
    """A lease to give back. The work is due again at *due*, or at once when it was rung meanwhile (unless it *failed* or was
    *put_off*, which waits). What is put off has neither failed nor worked: its failures stay as they are.
    """

    lease: Lease
    due: datetime
    failed: bool = False
    put_off: bool = False
    error: str = ""


async def release(tx: Connection, given_back: Sequence[Release]) -> set[Lease]:
    """Give leases of one kind back; returns those that were still ours: of the others nothing is written."""
    leases = [one.lease for one in given_back]
    rows = await tx.fetch(
        f"""UPDATE schedule s SET lease_until = '-infinity',
              due_at = CASE WHEN s.rung <> g.rung AND NOT g.failed AND NOT g.put_off THEN least(s.due_at, g.due)
                ELSE g.due END,
              failures = CASE WHEN g.failed THEN s.failures + 1 WHEN g.put_off THEN s.failures ELSE 0 END,
              last_error = g.error
            FROM ({_OURS}) r JOIN unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[],
                $6::timestamptz[], $7::boolean[], $8::boolean[], $9::text[])
                AS g (merchant_id, connection_id, kind, epoch, rung, due, failed, put_off, error)
              USING (merchant_id, connection_id, kind, epoch)
            WHERE s.merchant_id = r.merchant_id AND s.connection_id = r.connection_id AND s.kind = r.kind
            RETURNING s.merchant_id, s.connection_id, s.kind, s.epoch""",
        *_columns(leases),
        [lease.rung for lease in leases],
        [one.due for one in given_back],
        [one.failed for one in given_back],
        [one.put_off for one in given_back],
        [one.error[:500] for one in given_back],
    )
    return _among(leases, rows)
