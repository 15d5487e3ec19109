"""What a push asks a channel to write, and what its answers mean for the levels. Calls nobody, and writes nothing down."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.errors import ChannelError, ErrorCode, Recovery
from core.model.inventory import StockWrite, StockWritten
from core.rules.backoff import pause_after
from core.rules.quotas import BLIND
from core.rules.stock import Level, most_shown
from core.store.database import Row
from core.store.schedule import Lease

# Refusals that say for certain that nothing was written.
_SURE = (
    ErrorCode.RATE_LIMITED,
    ErrorCode.PAUSED,
    ErrorCode.NOT_SENT,
    ErrorCode.UNAUTHORIZED,
    ErrorCode.FORBIDDEN,
    ErrorCode.NOT_FOUND,
    ErrorCode.STALE,
    ErrorCode.REJECTED,
)

# Refusals of what was asked: in a batch they may be about a single item.
OF_ITEMS = (ErrorCode.REJECTED, ErrorCode.NOT_FOUND, ErrorCode.TOO_LARGE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one batch: rows for `core.store.levels`. *freed* are variants of which a strict listing has given
    units up.
    """

    lease: Lease
    confirmed: Sequence[Mapping[str, Any]]
    refused: Sequence[Mapping[str, Any]]
    attempts: Sequence[Mapping[str, Any]]
    freed: frozenset[tuple[int, int]]


def write_of(lease: Lease, row: Row) -> StockWrite:
    """What to write for a level, as `core.store.levels.claim` returned it. The same wish has the same key."""
    wish = (
        lease.connection_id,
        row["listing_id"],
        row["channel_location_id"],
        row["desired_seq"],
        row["desired"],
        row["unseen"],
        row["unshipped"],
        # Once a value was confirmed, the same one is another write: a channel does nothing for a key it knows.
        row["confirmed_at"],
    )
    digest = hashlib.sha256(repr(wish).encode()).hexdigest()
    return StockWrite(
        channel_stock_id=row["channel_stock_id"],
        channel_location_id=row["channel_location_id"],
        # What is on its way here already is sold; what is sold and unshipped may be part of the channel's number.
        desired=Level(row["predicted"], row["unseen"], row["unshipped"]).number(row["desired"]),
        # Strictly, whatever it may have shown counts as shown: what is missing of that may be sold.
        predicted=_most(row) if row["strict"] and row["predicted"] is not None else row["predicted"],
        maybe=None if row["strict"] else row["maybe"],
        key=f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}",
    )


def _most(row: Row) -> int:
    """What it may have shown before this call."""
    known: int = row["predicted"] or 0
    if not row["strict"]:
        return known
    return most_shown(known, None if row["answered"] else row["maybe"], row["late"])


def _guessed(row: Row, result: StockWritten, *, compares: bool) -> dict[str, int]:
    """What of a written level is only guessed: see `core.store.levels.confirm`."""
    most = _most(row)
    read = most - result.unseen  # at the most; where nothing is missing, it may have shown more
    doubted = row["strict"] and (row["late"] is not None or not (row["maybe"] is None or row["answered"]))
    return {
        "assumed": result.unseen if doubted else 0,
        "counted": max(0, most - max(row["predicted"] or 0, read)),
        "unsure": _unsure(row, read) if result.written != read and not compares else 0,
    }


def _unsure(row: Row, shown: int) -> int:
    """Units of those *shown* that may be sold while a write which does not compare is under way."""
    return min(BLIND, max(0, shown - int(row["unshipped"])))


def failed(write: StockWrite, error: ChannelError) -> StockWritten:
    """The answer to one of many that were refused, or went, together."""
    return StockWritten(
        channel_stock_id=write.channel_stock_id,
        channel_location_id=write.channel_location_id,
        error=error.code,
        message=error.message,
    )


def outcome_of(
    lease: Lease,
    rows: Sequence[Row],
    written: Sequence[StockWritten],
    now: datetime,
    *,
    compares: bool,
) -> Outcome:
    """What became of *rows*, to each of which *written* has the answer. *compares*: the channel looks before it sets."""
    confirmed, refused, attempts = [], [], []
    for row, result in zip(rows, written, strict=True):
        code = ErrorCode(result.error) if result.error else None
        sure = code in _SURE
        attempts.append(
            {
                **_key(row),
                "epoch": lease.epoch,
                "outcome": _word(code, sure=sure),
                "written": result.written,
                "message": result.message[:300],
            }
        )
        if result.written is not None:
            confirmed.append(
                {
                    **dict(row),
                    "written": result.written,
                    "unseen": row["unseen"] + result.unseen,
                    "fresh": result.unseen,
                    "compares": compares,
                    **_guessed(row, result, compares=compares),
                }
            )
        if code is not None:
            refused.append(
                {
                    **_key(row),
                    "sure": sure,
                    "maybe": row["maybe"] if result.written is None else None,
                    "parked": code in OF_ITEMS,
                    "desired_seq": row["desired_seq"],
                    "unsure": 0 if compares or sure else _unsure(row, _most(row)),
                    "message": f"{code}: {result.message}"[:300],
                    "next_at": now + _pause(code, result),
                }
            )
    # Units that a strict listing has given up are for others now.
    freed = frozenset(
        (lease.merchant_id, row["variant_id"])
        for row in confirmed
        if row["strict"] and row["possible"] > row["written"] + row["unseen"] - row["unshipped"]
    )
    return Outcome(lease, confirmed, refused, attempts, freed)


def _key(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in ("merchant_id", "connection_id", "listing_id", "channel_location_id")}


def _word(code: ErrorCode | None, *, sure: bool) -> str:
    if code is None:
        return "ok"
    if code in (ErrorCode.RATE_LIMITED, ErrorCode.PAUSED):
        return "throttled"
    return "rejected" if sure else "unknown"


def _pause(code: ErrorCode, result: StockWritten) -> timedelta:
    """One bad listing waits by itself; it never holds up the others."""
    error = ChannelError(code, result.message)
    if error.recovery is Recovery.ASK:
        return timedelta(hours=1)
    return pause_after(error, 0)
