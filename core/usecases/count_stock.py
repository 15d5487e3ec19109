"""Count stock: what a person or a warehouse found on the shelves becomes the balance, through the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import UsageProblem
from core.hub import Hub
from core.rules.skus import tidy_sku
from core.store import listings, stock
from core.store.stock import Entry
from core.usecases.take_back import take_back

LARGEST = 100_000_000


@dataclass(frozen=True, slots=True)
class Counted:
    """*on_hand* units of *sku* were found."""

    sku: str
    on_hand: int


async def count_stock(hub: Hub, merchant_id: int, counts: Sequence[Counted], *, cause: str) -> int:
    """Book counts at the merchant's first location; returns how many balances changed.

    A count below what is reserved is accepted: the missing units are taken back from orders, each a shortage of one.
    Raises `UsageProblem` for a count that cannot be; then nothing is booked.
    """
    for row in counts:
        if not row.sku or not 0 <= row.on_hand <= LARGEST:
            raise UsageProblem(f"{row.on_hand} of {row.sku!r} cannot be a count.", fix="Nothing was booked.")
    wanted = {tidy_sku(row.sku): row.on_hand for row in counts}
    now = hub.clock()
    async with hub.database.transaction([merchant_id]) as tx:
        location_id = await listings.default_location(tx, merchant_id)
        variants = await listings.put_variants(tx, merchant_id, sorted(wanted))
        balances = await stock.lock(tx, {(merchant_id, variant_id) for variant_id in variants.values()})
        found = {row["variant_id"]: row["on_hand"] for row in balances if row["location_id"] == location_id}
        entries = [
            Entry(
                merchant_id=merchant_id,
                variant_id=variants[sku],
                location_id=location_id,
                on_hand_delta=on_hand - found.get(variants[sku], 0),
                reserved_delta=0,
                reason="count",
                cause=cause,
                op_key=f"count:{cause}:{variants[sku]}:{now.isoformat()}",
            )
            for sku, on_hand in sorted(wanted.items(), key=lambda item: variants[item[0]])
            if on_hand != found.get(variants[sku], 0) or variants[sku] not in found
        ]
        if entries:
            await stock.post(tx, entries, now)
            await stock.mark_dirty(tx, {(merchant_id, entry.variant_id) for entry in entries}, now)
    await take_back(hub, merchant_id, [entry.variant_id for entry in entries])
    await hub.wake.ring("relevel")
    return len(entries)
