"""Where a parcel is, from everything that was said of it: the time of a scan decides, never its arrival."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import reduce

from core.model.tracking import Incident, Scan, TrackingStatus

UNTIMED = datetime.min.replace(tzinfo=UTC)  # a statement without a time comes before all with one

# Of two statements of one time, the one further down this list holds.
_FURTHER = (
    TrackingStatus.UNKNOWN,
    TrackingStatus.PENDING,
    TrackingStatus.PICKED_UP,
    TrackingStatus.IN_TRANSIT,
    TrackingStatus.DELIVERY_DELAYED,
    TrackingStatus.ON_HOLD,
    TrackingStatus.OUT_FOR_DELIVERY,
    TrackingStatus.READY_FOR_PICKUP,
    TrackingStatus.DELIVERY_FAILED,
    TrackingStatus.CANCELLED,
    TrackingStatus.RETURN_TO_SENDER,
    TrackingStatus.DELIVERED,
)
_WORSE = (None, Incident.OTHER, *(incident for incident in Incident if incident is not Incident.OTHER))
_ENDS = (TrackingStatus.DELIVERED, TrackingStatus.RETURN_TO_SENDER)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a parcel is *at* the time of the statement this rests on; None: at a time nobody said.

    *doubted_at* is the newest time after *at* at which an ended parcel was said to be on its way after all.
    """

    status: TrackingStatus
    incident: Incident | None = None
    at: datetime | None = None
    doubted_at: datetime | None = field(default=None, compare=False)


def after(known: Standing | None, said: Standing) -> Standing:
    """Where the parcel is, given what is *known* and what is *said*, in whatever order they came.

    The newest statement holds. But the end of the way, delivery or return, is left only for the other end, by a later
    scan: when a carrier takes a delivery back, it stays delivered with an incident for a person to look at, until
    it is delivered again. `unknown` never replaces a word.

    The order and number of statements make no difference, nor does it how they are bundled.

    >>> delivered = Standing(TrackingStatus.DELIVERED, at=datetime(2026, 11, 2, tzinfo=UTC))
    >>> later = Standing(TrackingStatus.IN_TRANSIT, at=datetime(2026, 11, 3, tzinfo=UTC))
    >>> after(delivered, later) == after(later, delivered) == replace(delivered, incident=Incident.OTHER)
    True
    """
    if known is None:
        return said
    less, more = sorted((known, said), key=_weight)
    if more.status not in _ENDS:
        return more
    doubts = [doubt for doubt in (less.doubted_at, more.doubted_at, _on_its_way(less)) if doubt is not None]
    doubted_at = max(doubts, default=UNTIMED)
    if doubted_at <= _time(more):
        return replace(more, doubted_at=None)
    taken_back = more.status is TrackingStatus.DELIVERED
    incident = more.incident or (Incident.OTHER if taken_back else None)
    return replace(more, incident=incident, doubted_at=doubted_at)


def fold(scans: Iterable[Scan]) -> Standing | None:
    """Where a parcel is after all of *scans*; None without any."""
    said = (Standing(scan.status, scan.incident, scan.scanned_at) for scan in scans)
    return reduce(after, said, None)


def _weight(standing: Standing) -> tuple[int, datetime, int, int]:
    """What decides between two statements: a word over none, an end over the way there, then the time."""
    kind = 2 if standing.status in _ENDS else int(standing.status is not TrackingStatus.UNKNOWN)
    return (kind, _time(standing), _FURTHER.index(standing.status), _WORSE.index(standing.incident))


def _time(standing: Standing) -> datetime:
    return standing.at or UNTIMED


def _on_its_way(standing: Standing) -> datetime | None:
    """When *standing* says that the parcel has not come to an end; None where it says no such thing."""
    return None if standing.status in (*_ENDS, TrackingStatus.UNKNOWN) else standing.at
