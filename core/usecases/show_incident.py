"""Show an incident: the orders that miss units, by when they have to ship, who has the units, and who should go without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.errors import Missing
from core.flow import decode
from core.hub import Hub
from core.rules.incidents import choose_victims
from core.sealing import associated
from core.store import claims, incidents, orders
from core.store.database import Row
from core.usecases.decide_lines import holders_for
from core.usecases.hand_over import claimant_of

OPENED = 100  # orders whose documents are opened for the service their buyers were promised


@dataclass(frozen=True, slots=True)
class Party:
    """An order line that misses units of the incident, or holds some. *service* is what its buyer was promised, in the
    channel's words; *suggested* are units it should go without where nothing is decided yet, *why* says so or what was.
    """

    order_id: int
    line_id: str
    name: str
    connection: str
    marketplace: bool
    units: int
    placed_at: datetime
    ship_by: datetime | None
    paid: bool
    service: str | None
    policy: str
    decided_by: str
    suggested: int
    why: str


@dataclass(frozen=True, slots=True)
class Shown:
    """*short* lines first who has to ship first; *holders* hold what those could have; *said* is the history."""

    incident: dict[str, Any]
    short: tuple[Party, ...]
    holders: tuple[Party, ...]
    said: tuple[dict[str, Any], ...]


async def show_incident(hub: Hub, merchant_id: int, incident_id: int) -> Shown:
    """Everything about an incident; raises `Missing` where there is none. Changes nothing."""
    async with hub.database.transaction([merchant_id]) as tx:
        incident = await incidents.find(tx, merchant_id, incident_id)
        if incident is None:
            raise Missing(f"There is no incident {incident_id}.", fix="See `fairway incidents`.")
        short = await claims.short_of(tx, merchant_id, incident_id)
        by_connection = await holders_for(tx, merchant_id, short)
        found = {_key(row): row for rows in by_connection.values() for row in rows}
        holders = sorted(
            found.values(), key=lambda row: (row["ship_by"] is None, row["ship_by"], row["placed_at"])
        )
        documents = await orders.documents(
            tx, merchant_id, sorted({row["order_id"] for row in [*short, *holders]})[:OPENED]
        )
        said = await incidents.history(tx, merchant_id, incident_id)
    services = {row["order_id"]: await _service(hub, merchant_id, row) for row in documents}
    undecided = [row for row in short if row["decided_at"] is None]
    claimants = [claimant_of(row, hub.registry) for row in [*undecided, *holders]]
    victims = {
        (v.claimant.order_id, v.claimant.line_id, v.claimant.location_id): v
        for v in choose_victims(claimants, sum(row["units"] for row in undecided))
    }

    def party(row: Row, *, policy: str = "", decided_by: str = "", why: str = "") -> Party:
        claimant = claimant_of(row, hub.registry)
        victim = victims.get(_key(row))
        return Party(
            order_id=row["order_id"],
            line_id=row["line_id"],
            name=row["name"],
            connection=row["connection"],
            marketplace=claimant.marketplace,
            units=row["units"],
            placed_at=row["placed_at"],
            ship_by=row["ship_by"],
            paid=claimant.paid,
            service=services.get(row["order_id"]),
            policy=policy,
            decided_by=decided_by,
            suggested=victim.units if victim else 0,
            why=why or (victim.why if victim else ""),
        )

    return Shown(
        dict(incident),
        tuple(
            party(row, policy=row["policy"], decided_by=row["decided_by"], why=row["why"]) for row in short
        ),
        tuple(party(row) for row in holders),
        tuple(said),
    )


def _key(row: Row) -> tuple[int, str, int]:
    return (row["order_id"], row["line_id"], row["location_id"])


async def _service(hub: Hub, merchant_id: int, row: Row) -> str | None:
    """What the buyer was promised, where the order says so."""
    account = await hub.account(merchant_id, row["connection_id"])
    owner = associated("order", row["connection_id"], row["channel_order_id"])
    document = decode(account.box.open(row["document"], owner))
    lines: Sequence[dict[str, Any]] = document.get("shipping_lines") or ()
    return next((line.get("title") or line.get("service") for line in lines), None)
