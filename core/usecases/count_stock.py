"""Count stock: what a person, a warehouse or a channel found at an instant becomes the balance, through the ledger.

A count holds from its own instant: what moved after it is applied to it, what moved before (or at that very instant) is
in it, whenever we hear of it. A count older than the newest one changes nothing. Of two counts of one instant the one
told last holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.errors import UsageProblem
from core.hub import Hub
from core.rules.locations import Location, Master, refusal
from core.rules.movements import Impossible, Reason, believed_instant, counted
from core.rules.skus import tidy_sku
from core.store import ledger, stock
from core.store.database import again
from core.usecases.book_units import Asked, Booked, Change, Desk, desk_of, sit_down


@dataclass(frozen=True, slots=True)
class Counted:
    """*on_hand* sellable units of *sku* were found at *location* (None: the merchant's first one).

    *taken_at* is when (None: now). *where* names the row to a person.
    """

    sku: str
    on_hand: int
    location: str | None = None
    taken_at: datetime | None = None
    where: str = ""


@dataclass(frozen=True, slots=True)
class _Found:
    row: Asked
    place: Location
    taken_at: datetime | None


@again
async def count_stock(
    hub: Hub,
    merchant_id: int,
    counts: Sequence[Counted],
    *,
    cause: str,
    actor: str = "hub",
    op_key: str = "",
    word_of: Master | None = None,
    anyway: bool = False,
    dry_run: bool = False,
) -> Booked:
    """Book counts. *word_of* says whose they are (None: a person's); *anyway* as in `core.rules.locations.refusal`.

    A count below what is reserved is accepted: the missing units are taken back from orders, each a shortage of one.
    Raises `UsageProblem` for a count that cannot be; then nothing is booked. The same *op_key* books once.
    """
    key = op_key or f"count:{cause}"
    async with desk_of(hub, merchant_id, op_key=key, actor=actor, cause=cause, dry_run=dry_run) as desk:
        if op_key:
            keys = [f"{op_key}:{number}" for number in range(len(counts))]
            desk.booked.repeated_at = await ledger.booked_at(desk.tx, merchant_id, keys)
        else:
            # A count happens once because it says what is there, not because of its key: that only has to be its own.
            desk.op_key = f"count:{await stock.transaction_id(desk.tx)}"
        if desk.booked.repeated_at is None:
            found = _understood(desk, counts, word_of=word_of, anyway=anyway)
            await _book(desk, found, confirms=word_of is None)
    return desk.booked


def _understood(
    desk: Desk, counts: Sequence[Counted], *, word_of: Master | None, anyway: bool
) -> list[_Found]:
    found: dict[tuple[str, str], _Found] = {}
    for count in counts:
        sku = tidy_sku(count.sku)
        try:
            place = desk.place(count.location)
            refused = refusal(place, Reason.COUNT, word_of=word_of, anyway=anyway)
            if refused:
                raise UsageProblem(" ".join(refused))
            if not sku:
                raise UsageProblem(f"{count.on_hand} of {count.sku!r} cannot be a count.")
            if (sku, place.name) in found:
                raise UsageProblem(f"{sku} at {place.name} is counted again.")
            taken_at = believed_instant(count.taken_at, desk.now) if count.taken_at else None
        except (UsageProblem, Impossible) as problem:
            desk.booked.problems.append(f"{count.where}: {problem}" if count.where else str(problem))
            continue
        found[sku, place.name] = _Found(Asked(sku, count.on_hand, place.name, count.where), place, taken_at)
    return list(found.values())


async def _book(desk: Desk, found: Sequence[_Found], *, confirms: bool) -> None:
    """*confirms*: a count that finds what was thought is an entry as well (a warehouse's millions are not)."""
    await sit_down(desk, [one.row.sku for one in found], creates=True)
    moved = await ledger.moved_since(
        desk.tx,
        desk.merchant_id,
        [(desk.variants[one.row.sku], one.place.location_id, one.taken_at) for one in found if one.taken_at],
    )
    newest = []
    for one in found:
        shelf = (desk.variants[one.row.sku], one.place.location_id)
        balance = desk.balance(one.row.sku, one.place)
        try:
            delta = counted(balance, one.row.units, one.taken_at or desk.now, moved.get(shelf, 0))
            if delta is None:
                note = f"older than the count of {balance.counted_at:%Y-%m-%d %H:%M:%S}: nothing changes"
                change = Change(one.row.sku, one.place.name, balance, balance, one.row.where, note)
                desk.booked.changes.append(change)
                continue
            balance.plus(delta)
        except Impossible as problem:
            said = f"{one.row.sku} at {one.place.name}: {problem}."
            desk.booked.problems.append(f"{one.row.where}: {said}" if one.row.where else said)
            continue
        if delta.on_hand or confirms or shelf not in desk.balances:
            note = f"{moved[shelf]:+d} since then" if moved.get(shelf) else ""
            desk.move(one.row, one.place, delta, Reason.COUNT, occurred_at=one.taken_at, note=note)
        newest.append((*shelf, one.taken_at or desk.now))
    desk.counted = newest
