"""What is only guessed of levels: after writes that had no answer, or that did not compare before they set."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from core.store.database import Connection, Row

# Whether anything hangs on it: a pooled listing may sell what is free, whatever its last write put back on sale.
_MATTERS = "(strict OR assumed > 0)"


async def guessed_before(tx: Connection, merchant_id: int, connection_id: int, before: datetime) -> list[Row]:
    """Levels of which nothing has been guessed since *before*, only earlier: listing_id, variant_id and *matters*."""
    return await tx.fetch(
        f"""SELECT listing_id, variant_id, {_MATTERS} AS matters FROM listing_levels
           WHERE merchant_id = $1 AND connection_id = $2 AND unsure_at <= $3 AND maybe IS NULL""",
        merchant_id,
        connection_id,
        before,
    )


async def guessed_at(tx: Connection, merchant_id: int, connection_id: int) -> list[datetime]:
    """When something that matters was last guessed of each level."""
    rows = await tx.fetch(
        f"""SELECT unsure_at FROM listing_levels
           WHERE merchant_id = $1 AND connection_id = $2 AND unsure_at IS NOT NULL AND {_MATTERS}""",
        merchant_id,
        connection_id,
    )
    return [row["unsure_at"] for row in rows]


async def be_sure(
    tx: Connection, merchant_id: int, connection_id: int, listings: Sequence[int], before: datetime
) -> None:
    """All orders from before *before* have come: what these levels were only assumed to have sold by then they have not,
    and what may have been put back on sale is counted.
    """
    await tx.execute(
        """UPDATE listing_levels ll SET unseen = ll.unseen - ll.assumed, assumed = 0, unsure = 0, unsure_at = NULL,
             unseen_at = CASE WHEN ll.unseen > ll.assumed THEN ll.unseen_at END
           FROM (SELECT listing_id, channel_location_id FROM listing_levels
             WHERE merchant_id = $1 AND connection_id = $2 AND listing_id = ANY ($3::bigint[]) AND unsure_at <= $4
               AND maybe IS NULL
             ORDER BY listing_id, channel_location_id FOR UPDATE) AS k
           WHERE ll.merchant_id = $1 AND ll.connection_id = $2 AND ll.listing_id = k.listing_id
             AND ll.channel_location_id = k.channel_location_id""",
        merchant_id,
        connection_id,
        listings,
        before,
    )
