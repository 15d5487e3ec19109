"""Follow a channel: at a location that it counts itself, what it shows is what is there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.hub import Hub
from core.rules.locations import Master
from core.store import connections, ledger, locations
from core.usecases.book_units import Booked
from core.usecases.count_stock import Counted, count_stock


@dataclass(frozen=True, slots=True)
class Shown:
    """*quantity* of a listing that its channel shows at one of its places, in units of the listing."""

    listing_id: int
    channel_location_id: str
    quantity: int


async def follow_channel(
    hub: Hub, merchant_id: int, connection_id: int, shown: Sequence[Shown], *, read_at: datetime
) -> Booked:
    """Book what the channel showed at *read_at* as counts of the locations it is the master of, by its own word.

    What it shows at other places is left alone. Where it does not count its own unshipped units, those are there as
    well: they are promised and have not left.
    """
    async with hub.database.transaction([merchant_id]) as tx:
        linked = await connections.linked(tx, merchant_id, connection_id)
        shelves = await locations.shelf_counted_by(tx, merchant_id, connection_id)
        names = {place.location_id: place.name for place in await locations.all_of(tx, merchant_id)}
        known = await ledger.listed(tx, merchant_id, connection_id, [one.listing_id for one in shown])
        promised = await ledger.held_for(tx, merchant_id, connection_id, sorted(set(shelves.values())))
    counts_own = hub.connector(linked.channel).manifest.counts_own_unshipped
    # Two listings of one stock at the channel show the same units; two stocks of one variant add up.
    stocks: dict[tuple[str, str], tuple[str, int, int]] = {}
    for one in shown:
        row = known.get(one.listing_id)
        location_id = shelves.get(one.channel_location_id)
        if row is not None and location_id is not None:
            units = max(0, one.quantity) * row["units"]
            stocks[row["channel_stock_id"], one.channel_location_id] = (row["sku"], location_id, units)
    found: dict[tuple[str, int], int] = defaultdict(int)
    for sku, location_id, units in stocks.values():
        found[sku, location_id] += units
    counts = [
        Counted(
            sku,
            units + (0 if counts_own else promised.get((sku, location_id), 0)),
            names[location_id],
            read_at,
        )
        for (sku, location_id), units in sorted(found.items())
    ]
    if not counts:
        return Booked()
    return await count_stock(
        hub, merchant_id, counts, cause=f"what {linked.name} shows", actor=linked.name, word_of=Master.CHANNEL
    )
