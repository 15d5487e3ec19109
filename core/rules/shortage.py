"""Why units were sold that no shelf has: told from what the channel showed and who else took them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.rules.stock import Level


@dataclass(frozen=True, slots=True)
class Competitor:
    """An order that took units of the same variant."""

    connection_id: int
    channel_order_id: str
    placed_at: datetime | None
    received_at: datetime


def explain(
    *,
    connection_id: int,
    placed_at: datetime | None,
    received_at: datetime,
    level: Level | None,
    confirmed_at: datetime | None,
    pushes: bool,
    competitors: Sequence[Competitor],
    ahead: bool = False,
) -> dict[str, Any]:
    """The cause of a shortage as plain data. *kind* is one of

    - `sold_ahead`: the merchant lets this listing sell before the units are there;
    - `not_pushed`: nobody allowed us to tell this channel what it may sell;
    - `count`: nobody else took the units: there were fewer than this channel believed;
    - `channel_lag`: the competing sale reached us only after this order was placed;
    - `our_lag`: we knew of the competing sale, and this channel had not been told yet.
    """
    rivals = [rival for rival in competitors if rival.connection_id != connection_id]
    rival = max(rivals, key=lambda r: r.received_at, default=None)
    placed = placed_at or received_at
    if ahead:
        kind = "sold_ahead"
    elif not pushes:
        kind = "not_pushed"
    elif rival is None:
        kind = "count"
    else:
        kind = "channel_lag" if rival.received_at >= placed else "our_lag"
    return {
        "kind": kind,
        "placed_at": placed.isoformat(),
        "received_at": received_at.isoformat(),
        "channel_showed": level.sells if level else None,
        "channel_told_at": confirmed_at.isoformat() if confirmed_at else None,
        "competing_order": rival.channel_order_id if rival else None,
        "competing_connection": rival.connection_id if rival else None,
        "competing_received_at": rival.received_at.isoformat() if rival else None,
    }
