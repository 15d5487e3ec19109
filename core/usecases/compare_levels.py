"""Compare levels with what a look at their channel showed: what is missing counts as sold, and differences are watched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from core.model.inventory import StockSeen
from core.rules.drift import Drift, Found, Known, Look, Write, compare
from core.rules.drift_settling import Evidence, Step, Verdict, Watched, again
from core.store import drifts, looks, schedule
from core.store.database import Connection, Row
from core.store.schedule import Lease

Key = tuple[int, str]  # listing, channel location


def look_at(seen: StockSeen | None, asked_at: datetime) -> Look:
    """*seen* as a look that began at *asked_at*; None: it was not there."""
    if seen is None:
        return Look(asked_at, there=False)
    return Look(asked_at, tracked=seen.tracked, sku=seen.sku, quantity=seen.quantity)


def key_of(row: Row) -> Key:
    return (row["listing_id"], row["channel_location_id"])


def known_of(row: Row, last: Row | None, *, hidden: bool, marked: Collection[int] = ()) -> Known:
    """A level as `core.store.looks` reads it, with its last write; *hidden*: see `Known`. *marked* are variants that are
    dirty only since this transaction marked them.
    """
    write = (
        Write(last["started_at"], last["finished_at"], last["predicted"], last["written"]) if last else None
    )
    return Known(
        predicted=row["predicted"],
        unseen=row["unseen"],
        maybe=row["maybe"],
        pending=row["pending"] or (row["dirty"] and row["variant_id"] not in marked),
        moved_at=row["own_moved_at"],
        confirmed_at=row["confirmed_at"],
        last=write,
        sku=row["matched_sku"],
        hidden=hidden,
    )


def watched_of(row: Row) -> Watched:
    """The open difference of a level. Units that were found missing later count from then on."""
    looked_at = row["looked_at"]
    if row["units"] < 0 and row["unseen_at"] is not None:
        looked_at = max(looked_at, row["unseen_at"])
    return Watched(
        Drift(row["kind"]), row["units"], row["expected"], looked_at, row["looks"], row["undoes_write"]
    )


async def writes_of(tx: Connection, lease: Lease, rows: Sequence[Row]) -> dict[Key, Row]:
    """The last write of each level."""
    if not rows:
        return {}
    return {
        key_of(row): row for row in await looks.last_writes(tx, lease.merchant_id, lease.connection_id, rows)
    }


async def evidence_of(
    tx: Connection, lease: Lease, rows: Sequence[Row], complete_until: datetime | None
) -> dict[Key, Evidence]:
    """What is known beside the levels of *rows* that have an open difference."""
    open_ones = [row for row in rows if row["drift_id"] is not None]
    if not open_ones:
        return {}
    found = await drifts.evidence(tx, lease.merchant_id, lease.connection_id, open_ones)
    return {
        key_of(row): Evidence(
            complete_until,
            found[row["listing_id"]]["restocked"],
            found[row["listing_id"]]["parked"],
            # Orders that came since have lowered the channel's count, or raised it again.
            row["own_sales_then"] - row["own_sales"],
            found[row["listing_id"]]["released"],
        )
        for row in open_ones
    }


async def compare_levels(
    tx: Connection,
    lease: Lease,
    reconcile_id: int,
    rows: Sequence[Row],
    seen: Mapping[tuple[str, str], StockSeen],
    asked_at: datetime,
    now: datetime,
    *,
    hidden: bool,
) -> Counter[str]:
    """Compare the locked levels *rows* with *seen*, by stock id and location; returns how many are of which kind."""
    looked = []
    for row in rows:
        look = look_at(seen.get((row["channel_stock_id"], row["channel_location_id"])), asked_at)
        looked.append((row, look, compare(known_of(row, None, hidden=hidden), look)))
    odd = [row for row, _, found in looked if found.kind is not Drift.NONE]
    writes = await writes_of(tx, lease, odd)
    about = await evidence_of(tx, lease, rows, None)
    counts: Counter[str] = Counter()
    live, changed, fresh, open_ones, more = [], [], [], [], []
    for row, look, at_first in looked:
        key = key_of(row)
        # What is as it should be, as nearly all is, needs no look at its last write.
        found = at_first
        if key in writes:
            found = compare(known_of(row, writes[key], hidden=hidden), look)
        counts[found.kind.value] += 1
        live.append(
            {
                "listing_id": key[0],
                "channel_location_id": key[1],
                "live": look.quantity,
                "live_as": found.kind,
            }
        )
        if found.adopted or found.kind is Drift.OWN_ECHO:
            changed.append(after(row, found))
        if row["strict"] and found.kind in (Drift.CHANNEL_EDIT, Drift.LOST_PUSH):
            more.append({**dict(row), "live": look.quantity})
        if found.kind is Drift.OWN_ECHO:
            fresh.append(_new(row, found, look, now))
        elif row["drift_id"] is not None:
            known = known_of(row, writes.get(key), hidden=hidden)
            open_ones += _followed(row, known, about[key], found, look, now)
        elif found.kind not in (Drift.NONE, Drift.IN_FLIGHT):
            fresh.append(_new(row, found, look, now))
    where = (lease.merchant_id, lease.connection_id)
    if live:
        await looks.put_live(tx, *where, live, asked_at)
    if changed:
        await looks.put_known(tx, *where, changed, now)
        await looks.close_echoed(tx, *where, [row for row in changed if row["echoed"]], now)
    if more:
        await schedule.ring(tx, "push", [where], now)
        await looks.may_sell(tx, *where, more)
    if fresh:
        await drifts.add(tx, *where, reconcile_id, fresh)
    if open_ones:
        await drifts.change(tx, lease.merchant_id, open_ones)
    return counts


def after(row: Row, found: Found) -> dict[str, Any]:
    """The level once it follows what was found."""
    echoed = found.kind is Drift.OWN_ECHO
    return {
        **dict(row),
        "predicted": row["predicted"] + (found.units if echoed else found.adopted),
        "unseen": row["unseen"] - found.adopted * (not echoed),
        "echoed": echoed,
        "booked": False,
    }


def _new(row: Row, found: Found, look: Look, now: datetime) -> dict[str, Any]:
    echoed = found.kind is Drift.OWN_ECHO
    missing = found.kind is Drift.UNSEEN_ORDER
    return {
        **dict(row),
        "kind": found.kind,
        "status": "closed" if echoed else "watching",
        "units": found.adopted - row["unseen"] if missing else found.units,
        "expected": row["predicted"],
        "live": look.quantity,
        "undoes_write": found.undoes_write,
        "since": row["confirmed_at"],
        "found_at": now,
        "looked_at": look.asked_at,
        "closed_at": now if echoed else None,
        "healed_by": "itself" if echoed else "",
        "words": found.words,
    }


def _followed(
    row: Row, known: Known, evidence: Evidence, found: Found, look: Look, now: datetime
) -> list[dict[str, Any]]:
    """What a look makes of a difference that is open already: nothing, if it is the same."""
    if found.kind is Drift.IN_FLIGHT or row["status"] == "told":
        return []
    if found.kind is Drift.MAPPING_CHANGED:
        if row["kind"] == Drift.MAPPING_CHANGED:
            return []
        return [followed(row, Verdict(Step.AGAIN, found.kind, words=found.words), look, now)]
    verdict = again(watched_of(row), known, evidence, found)
    return [followed(row, verdict, look, now)] if verdict else []


def followed(row: Row, verdict: Verdict, look: Look | None, now: datetime) -> dict[str, Any]:
    """The row of a difference that goes on as another one, or went away: then it says what it was."""
    gone = verdict.step is Step.GONE
    live = look.quantity if look else row["predicted"]
    expected = row["predicted"] + max(0, verdict.adopted)
    if gone:
        expected, live = row["expected"], row["expected"] + row["units"]
    elif verdict.units < 0:  # the level follows them at once
        expected = row["predicted"] + verdict.adopted - verdict.units
    return {
        **dict(row),
        "kind": verdict.kind,
        "status": "closed" if gone else "watching",
        "units": row["units"] if gone else verdict.units,
        "expected": expected,
        "live": live,
        "looked_at": look.asked_at if look else row["looked_at"],
        "looks": row["looks"] + 1,
        "settled_at": row["settled_at"] or (now if gone else None),
        "closed_at": now if gone else None,
        "healed_by": verdict.by,
        "words": verdict.words,
    }
