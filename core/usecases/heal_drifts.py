"""Heal settled differences: the channel is told again, or the ledger takes over what it shows, or a person is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.rules.drift import Drift
from core.rules.drift_settling import DEFAULTS, Verdict, Wins, who_wins
from core.rules.movements import Reason
from core.store import drifts, looks, schedule, stock
from core.store.database import Connection, Row
from core.store.stock import Entry
from core.usecases.compare_levels import Key, key_of


@dataclass(slots=True)
class Healers:
    """Who heals what at one connection: *places* are where a difference of a level would be booked."""

    connection_id: int
    places: Mapping[Key, Row] = field(default_factory=dict)
    policies: Mapping[tuple[int, Drift], Wins] = field(default_factory=dict)

    def wins(self, row: Row, kind: Drift, *, ours: bool = False) -> Wins:
        place = self.places.get(key_of(row))
        wins = who_wins(
            kind,
            self.policies,
            self.connection_id,
            bookable=place is not None,
            ours=ours,
        )
        return Wins.ASK if wins is Wins.HUB and row["frozen"] else wins

    def may_book(self, row: Row) -> bool:
        """Whether the ledger may have to take over what the channel shows."""
        return any(self.wins(row, kind) is Wins.CHANNEL for kind in DEFAULTS)


async def healers(tx: Connection, merchant_id: int, connection_id: int, rows: Sequence[Row]) -> Healers:
    """Who heals differences of the levels *rows*."""
    if not rows:
        return Healers(connection_id)
    said = await drifts.policies(tx, merchant_id)
    return Healers(
        connection_id,
        await drifts.places(tx, merchant_id, connection_id, rows),
        {(connection, Drift(kind)): Wins(wins) for (connection, kind), wins in said.items()},
    )


async def lock_books(tx: Connection, merchant_id: int, rows: Iterable[Row], now: datetime) -> set[int]:
    """Lock the balances that healing these levels may change, and mark them to be levelled anew: before schedules and
    levels are locked. Returns the variants that were not marked before.
    """
    variants = {(merchant_id, row["variant_id"]) for row in rows}
    if not variants:
        return set()
    await stock.lock(tx, variants)
    before = await stock.dirty_of(tx, merchant_id, [variant_id for _, variant_id in variants])
    await stock.mark_dirty(tx, variants, now)
    return {variant_id for _, variant_id in variants} - before


@dataclass(frozen=True, slots=True)
class Healing:
    """What is to become of a settled difference of the level *row*. *by* is the hub, the channel or a person; *place* is
    where it is booked, if the channel wins.
    """

    row: Row
    verdict: Verdict
    wins: Wins
    by: str
    place: Row | None = None
    looked_at: datetime | None = None

    @property
    def units(self) -> int:
        return self.verdict.units

    def level(self) -> dict[str, Any]:
        """The level once its difference is settled: what was missing is not on its way, a surplus is believed."""
        kept = self.wins is Wins.ASK
        predicted = self.row["predicted"] + self.verdict.adopted + (0 if kept else max(0, self.units))
        unseen = self.row["unseen"] - self.verdict.adopted + (0 if kept else min(0, self.units))
        booked = self.wins is Wins.CHANNEL
        return {**dict(self.row), "predicted": predicted, "unseen": unseen, "echoed": False, "booked": booked}

    def entry(self, merchant_id: int) -> Entry:
        """What the ledger takes over."""
        assert self.place is not None  # noqa: S101 - the channel wins only where there is one
        return Entry(
            merchant_id=merchant_id,
            variant_id=self.row["variant_id"],
            location_id=self.place["location_id"],
            on_hand_delta=self.units * self.row["units_each"],
            reserved_delta=0,
            reason=Reason.ADJUST,
            cause=f"drift:{self.row['drift_id']}",
            op_key=f"drift:{self.row['drift_id']}",
            actor=self.place["connection"] if self.by == Wins.CHANNEL else self.by,
            occurred_at=self.row["found_at"],
        )

    def drift(self, *, pending: bool, now: datetime) -> dict[str, Any]:
        """The difference from now on."""
        status = {Wins.ASK: "asked", Wins.CHANNEL: "closed", Wins.HUB: "told" if pending else "closed"}[
            self.wins
        ]
        live = self.row["predicted"] + self.verdict.adopted + max(0, self.units)
        return {
            **dict(self.row),
            "kind": self.verdict.kind,
            "status": status,
            "units": self.units,
            "expected": live - self.units,
            "live": live,
            "looked_at": self.looked_at or self.row["looked_at"],
            "settled_at": self.row["settled_at"] or now,
            "closed_at": now if status == "closed" else None,
            "healed_by": "" if self.wins is Wins.ASK else self.by,
            "words": self.verdict.words,
        }


async def heal(
    tx: Connection, merchant_id: int, connection_id: int, healings: Sequence[Healing], now: datetime
) -> None:
    """Carry out *healings*; their balances and levels are locked. Pushes of the connection are rung for where needed."""
    if not healings:
        return
    entries = [one.entry(merchant_id) for one in healings if one.wins is Wins.CHANNEL]
    if entries:
        await stock.post(tx, entries, now)
    told = await looks.put_known(tx, merchant_id, connection_id, [one.level() for one in healings], now)
    pending = {key_of(row) for row in told if row["pending"]}
    if pending:
        await schedule.ring(tx, "push", [(merchant_id, connection_id)], now)
    await drifts.change(
        tx, merchant_id, [one.drift(pending=key_of(one.row) in pending, now=now) for one in healings]
    )
