"""Arrange locations: add one, say whose count of it holds, and which of a channel's places it stands behind."""

from __future__ import annotations

from core.errors import Missing, UsageProblem
from core.hub import Hub
from core.rules.locations import Location, Master
from core.store import connections, level_facts, locations
from core.store.connections import Linked
from core.store.database import Connection, again


@again
async def add_location(
    hub: Hub, merchant_id: int, name: str, master: Master, connection: str | None = None
) -> int:
    """Add a location and return its id. Raises `UsageProblem` where its name is taken or its master is not clear."""
    tidy = " ".join(name.split())
    if not tidy or len(tidy) > 100 or not tidy.isprintable():
        raise UsageProblem(f"{name[:40]!r} is not a name for a location.")
    async with hub.database.transaction([merchant_id]) as tx:
        counts = await _counts(tx, merchant_id, master, connection)
        made = await locations.add(tx, merchant_id, tidy, master, counts)
    if made is None:
        raise UsageProblem(f"There is a location {tidy!r} already.", fix="See `fairway locations`.")
    return made


@again
async def set_master(
    hub: Hub, merchant_id: int, name: str, master: Master, connection: str | None = None
) -> None:
    """Say whose count of a location holds. What the channel that counts it is told there ends at once.

    Raises `UsageProblem` where no location would be left that the merchant's other channels sell from.
    """
    now = hub.clock()
    async with hub.database.transaction([merchant_id]) as tx:
        place = await _location(tx, merchant_id, name)
        counts = await _counts(tx, merchant_id, master, connection)
        others = [x for x in await locations.all_of(tx, merchant_id) if x.location_id != place.location_id]
        if master == Master.CHANNEL and all(other.master == Master.CHANNEL for other in others):
            raise UsageProblem(
                f"{name!r} is the only location that your other channels sell from.",
                fix="Add another first: fairway locations add NAME.",
            )
        await locations.set_master(tx, merchant_id, place.location_id, master, counts)
        await locations.mark_behind(tx, merchant_id, place.location_id, now)
        await level_facts.forget_untold(tx, merchant_id)
    await hub.wake.ring("relevel", [merchant_id])


@again
async def map_location(
    hub: Hub, merchant_id: int, connection: str, place: str, name: str, *, away: bool = False
) -> bool:
    """Let a location stand behind a channel's *place* (its id or name) or, with *away*, no longer; says whether that
    is new. Where none is left behind it, the channel is told nothing there.
    """
    now = hub.clock()
    async with hub.database.transaction([merchant_id]) as tx:
        linked = await _connection(tx, merchant_id, connection)
        location = await _location(tx, merchant_id, name)
        places = await locations.places_of(tx, merchant_id, linked.connection_id)
        known = [key for key, called in places.items() if place in (key, called)]
        if len(known) != 1:
            has = ", ".join(f"{key or '(the whole shop)'} {called}".strip() for key, called in places.items())
            raise Missing(
                f"{connection!r} has no one place {place!r}.",
                fix=f"It has: {has or 'none yet, until its catalogue is read'}.",
            )
        change = locations.take_from_behind if away else locations.put_behind
        await locations.mark_behind(tx, merchant_id, location.location_id, now)
        new = await change(tx, merchant_id, linked.connection_id, known[0], location.location_id)
        await locations.mark_behind(tx, merchant_id, location.location_id, now)
        await level_facts.forget_untold(tx, merchant_id)
    await hub.wake.ring("relevel", [merchant_id])
    return new


async def _location(tx: Connection, merchant_id: int, name: str) -> Location:
    found = [place for place in await locations.all_of(tx, merchant_id) if place.name == name]
    if not found:
        raise Missing(f"There is no location {name!r}.", fix="See `fairway locations`.")
    return found[0]


async def _connection(tx: Connection, merchant_id: int, name: str) -> Linked:
    found = [x for x in await connections.linked_all(tx) if x.merchant_id == merchant_id and x.name == name]
    if not found:
        raise Missing(f"There is no connection {name!r}.", fix="See `fairway connections`.")
    return found[0]


async def _counts(tx: Connection, merchant_id: int, master: Master, connection: str | None) -> int | None:
    if (master == Master.CHANNEL) != (connection is not None):
        raise UsageProblem(
            "A location counted by a channel needs to know which, and no other location does.",
            fix="Such as: fairway locations master FBA channel --connection amazon.",
        )
    return (await _connection(tx, merchant_id, connection)).connection_id if connection else None
