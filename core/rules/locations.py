"""Who may say what is at a location: its master does. Units may move wherever no channel is the master."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.rules.movements import Reason


class Master(StrEnum):
    """Whose count of a location holds."""

    HUB = "hub"  # ours: what people count and book here
    WAREHOUSE = "warehouse"  # a warehouse's snapshots; in between, movements
    CHANNEL = "channel"  # a marketplace that stores and ships: what it shows, and nothing else


@dataclass(frozen=True, slots=True)
class Location:
    """A place where stock is. *connection_id* is the channel account that counts it, if one is its master."""

    location_id: int
    name: str
    master: Master
    connection_id: int | None = None


def refusal(
    location: Location, reason: Reason, *, word_of: Master | None = None, anyway: bool = False
) -> tuple[str, str] | None:
    """(what is wrong, what to do) where a booking with *reason* may not be made at *location*; None where it may.

    *word_of* says whose word it is, None a person's. *anyway*: that person knows better than the warehouse until its
    next word.
    """
    if location.master == Master.CHANNEL and word_of != Master.CHANNEL:
        return (
            f"{location.name!r} is counted by its channel: what that shows is booked by itself.",
            f"`fairway locations master '{location.name}' hub` makes it yours to count.",
        )
    said = reason in (Reason.COUNT, Reason.ADJUST) and word_of != Master.WAREHOUSE and not anyway
    if location.master == Master.WAREHOUSE and said:
        return (
            f"{location.name!r} is counted by its warehouse: its next snapshot would overrule this.",
            "Say --snapshot if these are the warehouse's own words, or --anyway if you know better.",
        )
    return None
