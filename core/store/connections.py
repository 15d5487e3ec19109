"""Merchants, their connections, sealed credentials and hook tokens."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from core.errors import Missing, UsageProblem
from core.sealing import BodyBox, Keyring, associated
from core.store.database import Connection, Row
from core.store.stock import mark_dirty

# Of a channel, in the order in which their rows are locked by who locks several; a carrier needs probe and effect only.
WORK_KINDS = ("reconcile", "pull", "push", "catalog", "certify", "probe", "effect", "fetch")


@dataclass(frozen=True, slots=True)
class Linked:
    """A connection as the hub uses it; holds no secret."""

    merchant_id: int
    connection_id: int
    channel: str
    name: str
    account: str
    settings: Mapping[str, str]
    status: str
    push_stock: bool
    stock_since: datetime
    push_fulfillments: bool
    doubted_at: datetime | None = None
    shown_at: datetime | None = None


def token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def add_merchant(tx: Connection, name: str, ring: Keyring, now: datetime) -> int:
    """A new tenant with its own data key; raises `UsageProblem` when the name is taken."""
    try:
        merchant_id: int = await tx.fetchval(
            "SELECT nextval(pg_get_serial_sequence('merchants', 'merchant_id'))"
        )
        sealed = ring.seal(BodyBox.new_key(), associated("merchant", merchant_id))
        await tx.execute("SELECT set_config('fairway.merchants', $1, true)", str(merchant_id))
        await tx.execute(
            "INSERT INTO merchants (merchant_id, name, data_key, created_at) VALUES ($1, $2, $3, $4)",
            merchant_id,
            name,
            sealed,
            now,
        )
    except asyncpg.UniqueViolationError:
        raise UsageProblem(f"There is a merchant called {name!r} already.") from None
    return merchant_id


async def find_merchant(tx: Connection, name: str) -> int | None:
    found: int | None = await tx.fetchval("SELECT merchant_id FROM merchants WHERE name = $1", name)
    return found


async def merchant_ids(tx: Connection) -> list[int]:
    """Every tenant (the directory a worker and an operator may see)."""
    return [row["merchant_id"] for row in await tx.fetch("SELECT merchant_id FROM merchants ORDER BY 1")]


async def data_key(tx: Connection, merchant_id: int, ring: Keyring) -> BodyBox:
    sealed = await sealed_keys(tx, [merchant_id])
    if merchant_id not in sealed:
        raise Missing(f"There is no merchant {merchant_id}.")
    return open_key(merchant_id, sealed[merchant_id], ring)


async def sealed_keys(tx: Connection, merchants: Collection[int]) -> dict[int, bytes]:
    """Merchant -> its data key, as `open_key` takes it."""
    rows = await tx.fetch(
        "SELECT merchant_id, data_key FROM merchants WHERE merchant_id = ANY ($1::bigint[])", list(merchants)
    )
    return {row["merchant_id"]: row["data_key"] for row in rows}


def open_key(merchant_id: int, sealed: bytes, ring: Keyring) -> BodyBox:
    """What the merchant's bodies are sealed with; raises `SealBroken` when *ring* does not open it."""
    return BodyBox.of(ring.open(sealed, associated("merchant", merchant_id)))


async def add_connection(
    tx: Connection,
    *,
    merchant_id: int,
    channel: str,
    name: str,
    account: str,
    settings: Mapping[str, str],
    token: str,
    stock_since: datetime,
    now: datetime,
    kinds: Sequence[str] = WORK_KINDS,
) -> int:
    """Link an account, with a row of work for each of *kinds*.

    Raises `UsageProblem` when its name or the account is linked already.
    """
    try:
        connection_id: int = await tx.fetchval(
            """INSERT INTO connections (merchant_id, channel, name, account, settings, stock_since, created_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING connection_id""",
            merchant_id,
            channel,
            name,
            account,
            dict(settings),
            stock_since,
            now,
        )
    except asyncpg.UniqueViolationError as error:
        taken = f"The name {name!r}" if "name" in str(error.constraint_name) else f"The account {account!r}"
        raise UsageProblem(
            f"{taken} is linked already.", fix="See `fairway connections`; every account is linked once."
        ) from None
    await tx.execute("INSERT INTO hooks VALUES ($1, $2, $3)", merchant_id, connection_id, token_hash(token))
    await tx.execute(
        """INSERT INTO schedule (merchant_id, connection_id, kind, due_at)
           SELECT $1, $2, kind, CASE WHEN kind IN ('catalog', 'certify') THEN $4 ELSE 'infinity'::timestamptz END
           FROM unnest($3::text[]) AS k (kind)""",
        merchant_id,
        connection_id,
        list(kinds),
        now,
    )
    return connection_id


async def put_credential(
    tx: Connection,
    merchant_id: int,
    connection_id: int,
    field: str,
    ring_name: str,
    secret: str,
    ring: Keyring,
) -> None:
    """Seal and keep a secret as the current one; the one before stays accepted at position 1."""
    await tx.execute(
        "DELETE FROM credentials WHERE merchant_id = $1 AND connection_id = $2 AND field = $3 AND position = 1",
        merchant_id,
        connection_id,
        field,
    )
    await tx.execute(
        """UPDATE credentials SET position = 1
           WHERE merchant_id = $1 AND connection_id = $2 AND field = $3 AND position = 0""",
        merchant_id,
        connection_id,
        field,
    )
    sealed = ring.seal(secret.encode(), associated(merchant_id, connection_id, field))
    await tx.execute(
        """INSERT INTO credentials (merchant_id, connection_id, field, ring, position, sealed)
           VALUES ($1, $2, $3, $4, 0, $5)""",
        merchant_id,
        connection_id,
        field,
        ring_name,
        sealed,
    )


async def open_credentials(
    tx: Connection, pairs: Collection[tuple[int, int]], ring_name: str, ring: Keyring, now: datetime
) -> dict[tuple[int, int], dict[str, list[str]]]:
    """The secrets of one ring of (merchant, connection) *pairs*, current first: field -> secrets that are still accepted."""
    found: dict[tuple[int, int], dict[str, list[str]]] = {pair: {} for pair in pairs}
    for pair, sealed in (await sealed_credentials(tx, pairs, ring_name)).items():
        for one in sealed:
            if one.accepted(now):
                found[pair].setdefault(one.field, []).append(open_credential(pair, one, ring))
    return found


@dataclass(frozen=True, slots=True)
class SealedCredential:
    """A secret as it is kept; from *not_after* on it is no longer accepted."""

    field: str
    sealed: bytes
    not_after: datetime | None

    def accepted(self, now: datetime) -> bool:
        return self.not_after is None or self.not_after > now


async def sealed_credentials(
    tx: Connection, pairs: Collection[tuple[int, int]], ring_name: str
) -> dict[tuple[int, int], list[SealedCredential]]:
    """The secrets of one ring of many (merchant, connection) *pairs*, current first, those that were replaced included."""
    rows = await tx.fetch(
        """SELECT c.merchant_id, c.connection_id, c.field, c.sealed, c.not_after
           FROM unnest($1::bigint[], $2::bigint[]) AS k (merchant_id, connection_id)
           JOIN credentials c USING (merchant_id, connection_id) WHERE c.ring = $3 ORDER BY c.field, c.position""",
        [pair[0] for pair in pairs],
        [pair[1] for pair in pairs],
        ring_name,
    )
    found: dict[tuple[int, int], list[SealedCredential]] = {pair: [] for pair in pairs}
    for merchant_id, connection_id, *rest in (row.values() for row in rows):
        found[merchant_id, connection_id].append(SealedCredential(*rest))
    return found


def open_credential(pair: tuple[int, int], one: SealedCredential, ring: Keyring) -> str:
    """The secret; raises `SealBroken` when *ring* does not open it."""
    return ring.open(one.sealed, associated(*pair, one.field)).decode()


async def find_hook(tx: Connection, token: str) -> tuple[int, int] | None:
    """(merchant, connection) behind a path token, or None. Sees that one row and no other."""
    digest = token_hash(token)
    await tx.execute("SELECT set_config('fairway.token_hash', $1, true)", digest.hex())
    row = await tx.fetchrow("SELECT merchant_id, connection_id FROM hooks WHERE token_hash = $1", digest)
    return (row["merchant_id"], row["connection_id"]) if row else None


async def find_account(tx: Connection, merchant_id: int, channel: str, account: str) -> Linked | None:
    """The merchant's connection to an account, whatever its status."""
    row = await tx.fetchrow(
        f"{_LINKED} WHERE merchant_id = $1 AND channel = $2 AND account = $3 ORDER BY connection_id DESC LIMIT 1",
        merchant_id,
        channel,
        account,
    )
    return _linked(row) if row else None


async def link_again(
    tx: Connection, merchant_id: int, connection_id: int, settings: Mapping[str, str], token: str
) -> None:
    """A paused connection works again, with *settings*; *token* leads to it beside those it has."""
    await tx.execute(
        """UPDATE connections SET status = 'active', status_message = '', settings = $3
           WHERE merchant_id = $1 AND connection_id = $2""",
        merchant_id,
        connection_id,
        dict(settings),
    )
    await tx.execute("INSERT INTO hooks VALUES ($1, $2, $3)", merchant_id, connection_id, token_hash(token))


async def replace_token(tx: Connection, merchant_id: int, connection_id: int, token: str) -> None:
    await tx.execute(
        "DELETE FROM hooks WHERE merchant_id = $1 AND connection_id = $2", merchant_id, connection_id
    )
    await tx.execute("INSERT INTO hooks VALUES ($1, $2, $3)", merchant_id, connection_id, token_hash(token))


async def linked(tx: Connection, merchant_id: int, connection_id: int) -> Linked:
    row = await tx.fetchrow(
        f"{_LINKED} WHERE merchant_id = $1 AND connection_id = $2", merchant_id, connection_id
    )
    if row is None:
        raise Missing(f"There is no connection {connection_id}.", fix="See `fairway connections`.")
    return _linked(row)


async def linked_of(tx: Connection, pairs: Sequence[tuple[int, int]]) -> list[Linked]:
    """Those connections, of (merchant, connection) pairs, that there are."""
    rows = await tx.fetch(
        f"""{_LINKED} JOIN unnest($1::bigint[], $2::bigint[]) AS k (merchant_id, connection_id)
              USING (merchant_id, connection_id)""",
        [pair[0] for pair in pairs],
        [pair[1] for pair in pairs],
    )
    return [_linked(row) for row in rows]


async def linked_all(tx: Connection) -> list[Linked]:
    """The connections of the declared merchants."""
    return [_linked(row) for row in await tx.fetch(f"{_LINKED} ORDER BY connection_id")]


_LINKED = """SELECT merchant_id, connection_id, channel, name, account, settings, status, push_stock, stock_since,
               push_fulfillments, doubted_at, shown_at FROM connections"""


def _linked(row: Row) -> Linked:
    return Linked(**dict(row))


async def mark_listed(tx: Connection, merchant_id: int, connection_id: int, now: datetime) -> None:
    """Have everything levelled anew that a connection lists: whether it can be told has changed, and with it what the
    others may sell.
    """
    rows = await tx.fetch(
        """SELECT DISTINCT variant_id FROM listing_levels
           WHERE merchant_id = $1 AND connection_id = $2 AND variant_id IS NOT NULL""",
        merchant_id,
        connection_id,
    )
    await mark_dirty(tx, {(merchant_id, row["variant_id"]) for row in rows}, now, sold=True)


async def set_status(tx: Connection, merchant_id: int, connection_id: int, status: str, message: str) -> None:
    await tx.execute(
        "UPDATE connections SET status = $3, status_message = $4 WHERE merchant_id = $1 AND connection_id = $2",
        merchant_id,
        connection_id,
        status,
        message,
    )


async def carriers(tx: Connection, merchant_id: int, slugs: Sequence[str]) -> list[Linked]:
    """The merchant's connections to carriers, those that work first, then the oldest; *slugs* names what is one.

    One that is paused follows parcels once it is linked again.
    """
    rows = await tx.fetch(
        f"{_LINKED} WHERE merchant_id = $1 AND channel = ANY ($2::text[]) AND status <> 'disconnected' "
        "ORDER BY status <> 'active', connection_id",
        merchant_id,
        list(slugs),
    )
    return [_linked(row) for row in rows]


async def switch_push(tx: Connection, merchant_id: int, connection_id: int, *, on: bool) -> None:
    """Allow or forbid writing stock to this channel."""
    await tx.execute(
        "UPDATE connections SET push_stock = $3 WHERE merchant_id = $1 AND connection_id = $2",
        merchant_id,
        connection_id,
        on,
    )


async def switch_fulfillments(tx: Connection, merchant_id: int, connection_id: int, *, on: bool) -> None:
    """Allow or forbid telling this channel what was shipped and where it is."""
    await tx.execute(
        "UPDATE connections SET push_fulfillments = $3 WHERE merchant_id = $1 AND connection_id = $2",
        merchant_id,
        connection_id,
        on,
    )


async def pushing(tx: Connection) -> set[tuple[int, int]]:
    """The (merchant, connection) pairs of the declared merchants that may be told what to sell."""
    rows = await tx.fetch(
        "SELECT merchant_id, connection_id FROM connections WHERE push_stock AND status = 'active'"
    )
    return {(row["merchant_id"], row["connection_id"]) for row in rows}
