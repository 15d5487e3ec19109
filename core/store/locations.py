"""Locations, whose count of each holds, and which of them stand behind the places of a channel."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from core.rules.locations import Location, Master
from core.store.database import Connection
from core.store.stock import mark_dirty


async def all_of(tx: Connection, merchant_id: int) -> list[Location]:
    """Every location of a merchant, the oldest first."""
    rows = await tx.fetch(
        """SELECT location_id, name, master, connection_id FROM locations WHERE merchant_id = $1
           ORDER BY location_id""",
        merchant_id,
    )
    return [
        Location(row["location_id"], row["name"], Master(row["master"]), row["connection_id"]) for row in rows
    ]


async def add(
    tx: Connection, merchant_id: int, name: str, master: Master, connection_id: int | None
) -> int | None:
    """The id of a new location; None where its name is taken."""
    made: int | None = await tx.fetchval(
        """INSERT INTO locations (merchant_id, name, master, connection_id) VALUES ($1, $2, $3, $4)
           ON CONFLICT (merchant_id, name) DO NOTHING RETURNING location_id""",
        merchant_id,
        name,
        master,
        connection_id,
    )
    return made


async def set_master(
    tx: Connection, merchant_id: int, location_id: int, master: Master, connection_id: int | None
) -> None:
    await tx.execute(
        """UPDATE locations SET master = $3, connection_id = $4 WHERE merchant_id = $1 AND location_id = $2""",
        merchant_id,
        location_id,
        master,
        connection_id,
    )


async def places_of(tx: Connection, merchant_id: int, connection_id: int) -> dict[str, str]:
    """The places that a channel account has: its id of one -> name."""
    rows = await tx.fetch(
        """SELECT channel_location_id, name FROM channel_locations WHERE merchant_id = $1 AND connection_id = $2
           ORDER BY channel_location_id""",
        merchant_id,
        connection_id,
    )
    return {row["channel_location_id"]: row["name"] for row in rows}


async def put_behind(
    tx: Connection, merchant_id: int, connection_id: int, place: str, location_id: int
) -> bool:
    """Let a location stand behind a channel's *place*; says whether it did not before."""
    status = await tx.execute(
        """INSERT INTO connection_locations (merchant_id, connection_id, channel_location_id, location_id)
           VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING""",
        merchant_id,
        connection_id,
        place,
        location_id,
    )
    return status.endswith(" 1")


async def take_from_behind(
    tx: Connection, merchant_id: int, connection_id: int, place: str, location_id: int
) -> bool:
    """The opposite of `put_behind`; says whether it stood there."""
    status = await tx.execute(
        """DELETE FROM connection_locations WHERE merchant_id = $1 AND connection_id = $2
             AND channel_location_id = $3 AND location_id = $4""",
        merchant_id,
        connection_id,
        place,
        location_id,
    )
    return status.endswith(" 1")


async def behind(tx: Connection, merchant_id: int) -> list[dict[str, Any]]:
    """Every place of every channel with the locations behind it, for people; location is None where none is."""
    rows = await tx.fetch(
        """SELECT c.name AS connection, p.connection_id, p.channel_location_id, p.name AS place, l.location_id,
             l.name AS location
           FROM channel_locations p JOIN connections c USING (merchant_id, connection_id)
           LEFT JOIN connection_locations cl USING (merchant_id, connection_id, channel_location_id)
           LEFT JOIN locations l ON l.merchant_id = cl.merchant_id AND l.location_id = cl.location_id
           WHERE p.merchant_id = $1 ORDER BY c.name, p.channel_location_id, l.location_id""",
        merchant_id,
    )
    return [dict(row) for row in rows]


async def mark_behind(tx: Connection, merchant_id: int, location_id: int, now: datetime) -> None:
    """Have everything levelled anew that is at a location, or listed where it stands behind."""
    rows = await tx.fetch(
        """SELECT variant_id FROM stock WHERE merchant_id = $1 AND location_id = $2
           UNION
           SELECT ll.variant_id FROM connection_locations cl
           JOIN listing_levels ll USING (merchant_id, connection_id, channel_location_id)
           WHERE cl.merchant_id = $1 AND cl.location_id = $2 AND ll.variant_id IS NOT NULL""",
        merchant_id,
        location_id,
    )
    await mark_dirty(tx, {(merchant_id, row["variant_id"]) for row in rows}, now)


async def shelf_counted_by(tx: Connection, merchant_id: int, connection_id: int) -> dict[str, int]:
    """A channel account's place -> the location behind it whose count is the channel's own."""
    rows = await tx.fetch(
        """SELECT cl.channel_location_id, min(cl.location_id) AS location_id FROM connection_locations cl
           JOIN locations l ON l.merchant_id = cl.merchant_id AND l.location_id = cl.location_id
             AND l.connection_id = cl.connection_id
           WHERE cl.merchant_id = $1 AND cl.connection_id = $2 GROUP BY 1""",
        merchant_id,
        connection_id,
    )
    return {row["channel_location_id"]: row["location_id"] for row in rows}
