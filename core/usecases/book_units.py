"""Book units: what every verb of the shelves has in common. Rows are resolved, decided on locked balances, and written
in one transaction, all of them or none; a dry run does the same and takes it back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from core.errors import UsageProblem
from core.failpoints import reach
from core.hub import Hub
from core.log import get_log
from core.rules.locations import Location, Master, refusal
from core.rules.movements import Balance, Delta, Impossible, Reason
from core.rules.skus import tidy_sku
from core.store import ledger, listings, locations, stock
from core.store.database import RETRYABLE, Connection, again
from core.store.stock import Entry
from core.usecases.take_back import take_back

log = get_log("stock")


@dataclass(frozen=True, slots=True)
class Asked:
    """*units* of *sku* at *location* (None: the merchant's first one). *where* names the row to a person."""

    sku: str
    units: int
    location: str | None = None
    where: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What one row did (or would do) to one balance. *note* says what else there is to know."""

    sku: str
    location: str
    before: Balance
    after: Balance
    where: str = ""
    note: str = ""


@dataclass(slots=True)
class Booked:
    """What was booked or, in a dry run, what would be and which *problems* stand against it.

    *repeated_at*: the same operation was booked then, and nothing happened now. *below* are (variant, location) that
    now hold less than is promised.
    """

    changes: list[Change] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    below: list[tuple[int, int]] = field(default_factory=list)
    repeated_at: datetime | None = None

    @property
    def changed(self) -> int:
        """How many balances differ."""
        return sum(change.before != change.after for change in self.changes)


@dataclass(slots=True)
class Desk:
    """One transaction's view of the shelves: balances as they will be, and the entries that make them so."""

    tx: Connection
    merchant_id: int
    now: datetime
    op_key: str
    actor: str
    cause: str
    places: dict[str, Location]
    default: Location
    variants: dict[str, int] = field(default_factory=dict)
    balances: dict[tuple[int, int], Balance] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    counted: list[tuple[int, int, datetime]] = field(default_factory=list)  # variant, location, instant
    booked: Booked = field(default_factory=Booked)

    def place(self, name: str | None) -> Location:
        """Raises `UsageProblem` where the merchant has no such location."""
        if name is None:
            return self.default
        if name not in self.places:
            raise UsageProblem(f"There is no location {name!r}.", fix="See `fairway locations`.")
        return self.places[name]

    def balance(self, sku: str, place: Location) -> Balance:
        return self.balances.get((self.variants[sku], place.location_id), Balance())

    def move(
        self,
        row: Asked,
        place: Location,
        delta: Delta,
        reason: Reason,
        *,
        occurred_at: datetime | None = None,
        note: str = "",
    ) -> None:
        """Change a balance here, and say so in the ledger when the desk closes."""
        key = (self.variants[row.sku], place.location_id)
        before = self.balances.get(key, Balance())
        after = self.balances[key] = before.plus(delta)
        self.booked.changes.append(Change(row.sku, place.name, before, after, row.where, note))
        self.entries.append(
            Entry(
                merchant_id=self.merchant_id,
                variant_id=key[0],
                location_id=key[1],
                on_hand_delta=delta.on_hand,
                reserved_delta=0,
                quarantined_delta=delta.quarantined,
                incoming_delta=delta.incoming,
                reason=reason,
                cause=self.cause,
                actor=self.actor,
                op_key=f"{self.op_key}:{len(self.entries)}",
                occurred_at=occurred_at,
            )
        )


class _Undo(Exception):
    """Takes a dry run back."""


@asynccontextmanager
async def desk_of(
    hub: Hub, merchant_id: int, *, op_key: str, actor: str, cause: str, dry_run: bool
) -> AsyncIterator[Desk]:
    """A desk whose entries are written when the block ends well, unless there are problems or it is a dry run.

    Raises `UsageProblem` with the first of its problems; then nothing was booked.
    """
    if not cause.strip() or not actor.strip():
        raise UsageProblem("A booking needs a reason and somebody who makes it.", fix="Nothing was booked.")
    now = hub.clock()
    desk: Desk | None = None
    try:
        async with hub.database.transaction([merchant_id]) as tx:
            await ledger.lock_operation(tx, merchant_id, op_key)
            first = await listings.default_location(tx, merchant_id)
            places = {place.name: place for place in await locations.all_of(tx, merchant_id)}
            default = next(place for place in places.values() if place.location_id == first)
            desk = Desk(tx, merchant_id, now, op_key, actor, cause, places, default)
            yield desk
            if dry_run:
                raise _Undo
            _refuse(desk.booked.problems)
            await _write(desk)
            await reach("shelf.storing")
    except _Undo:
        return
    await reach("shelf.stored")
    if desk is not None and desk.entries:
        try:
            await take_back(hub, merchant_id, sorted({variant_id for variant_id, _ in desk.booked.below}))
        except RETRYABLE as error:  # what was booked is booked; the relevel job takes back what is left
            log.warning(
                "what is promised does not fit what is there yet",
                extra={"fields": {"error": type(error).__name__}},
            )
        await hub.wake.ring("relevel", [merchant_id])


async def sit_down(desk: Desk, skus: Sequence[str], *, creates: bool) -> None:
    """Look up the variants of *skus* (making those that are new, where *creates*) and lock what is there of them."""
    wanted = sorted(set(skus))
    if creates:
        desk.variants = await listings.put_variants(desk.tx, desk.merchant_id, wanted)
    else:
        desk.variants = await ledger.variants_of(desk.tx, desk.merchant_id, wanted)
    desk.balances = await ledger.lock_balances(desk.tx, desk.merchant_id, desk.variants.values())


async def _write(desk: Desk) -> None:
    if desk.entries:
        await stock.post(desk.tx, desk.entries, desk.now)
    if desk.counted:
        await ledger.set_counted(desk.tx, desk.merchant_id, desk.counted)
    moved = {(entry.variant_id, entry.location_id) for entry in desk.entries}
    await stock.mark_dirty(desk.tx, {(desk.merchant_id, variant_id) for variant_id, _ in moved}, desk.now)
    desk.booked.below = sorted(key for key in moved if desk.balances[key].short)


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        more = f" (and {len(problems) - 1} more like it)" if len(problems) > 1 else ""
        raise UsageProblem(f"{problems[0]}{more}", fix="Nothing was booked.")


Decide = Callable[[Desk, Asked, Location], None]


@again
async def book_units(
    hub: Hub,
    merchant_id: int,
    rows: Sequence[Asked],
    decide: Decide,
    reason: Reason,
    *,
    op_key: str,
    actor: str,
    cause: str,
    dry_run: bool = False,
    creates: bool = False,
    anyway: bool = False,
    word_of: Master | None = None,
) -> Booked:
    """Have *decide* move each row at the desk, in order. The same *op_key* books once.

    Raises `UsageProblem` for the first row that cannot be; then nothing is booked.
    """
    rows = [Asked(tidy_sku(row.sku), row.units, row.location, row.where) for row in rows]
    async with desk_of(hub, merchant_id, op_key=op_key, actor=actor, cause=cause, dry_run=dry_run) as desk:
        keys = [f"{op_key}:{number}" for number in range(2 * len(rows))]
        desk.booked.repeated_at = await ledger.booked_at(desk.tx, merchant_id, keys)
        if desk.booked.repeated_at is None:
            await sit_down(desk, [row.sku for row in rows if row.sku], creates=creates)
            for row in rows:
                problem = _tried(desk, row, decide, reason, word_of=word_of, anyway=anyway)
                if problem:
                    desk.booked.problems.append(f"{row.where}: {problem}" if row.where else problem)
    return desk.booked


def _tried(
    desk: Desk, row: Asked, decide: Decide, reason: Reason, *, word_of: Master | None, anyway: bool
) -> str:
    """Why *row* cannot be; "" when it was moved."""
    try:
        place = desk.place(row.location)
        refused = refusal(place, reason, word_of=word_of, anyway=anyway)
        if refused:
            return " ".join(refused)
        if row.sku not in desk.variants:
            return f"there is no variant with the SKU {row.sku!r}."
        decide(desk, row, place)
    except UsageProblem as problem:
        return str(problem)
    except Impossible as problem:
        return f"{row.sku} at {desk.place(row.location).name}: {problem}."
    return ""
