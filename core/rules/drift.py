"""What a difference between the count a channel shows and the one it should show comes from, at first sight.

Three things are compared: what the ledger lets the listing offer, what we last knew the channel to show, and what it
shows. A look proves nothing about what moved around it. What becomes of a difference is `core.rules.drift_settling`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.rules.stock import CROSSING, LONGEST_CALL


class Drift(StrEnum):
    """What a difference is."""

    NONE = "none"  # there is no difference, or nothing to compare with yet
    IN_FLIGHT = "in_flight"  # something of ours is on its way: the look proves nothing
    OWN_ECHO = "own_echo"  # our own write, of which we have had no answer
    MAPPING_CHANGED = "mapping_changed"  # the listing is not there any more, or is another thing now
    LOST_PUSH = "lost_push"  # it shows what it showed before our last write
    UNSEEN_ORDER = "unseen_order"  # sold there, and the order is not here yet
    CHANNEL_RESTOCK = "channel_restock"  # the channel put units of a cancelled or returned order back
    CHANNEL_EDIT = "channel_edit"  # somebody changed the count there


@dataclass(frozen=True, slots=True)
class Write:
    """Our last try to write a level: *before* is what we expected it to show then, *written* what it answered that it
    shows, None without an answer. *finished_at* None: under way, or its worker died.
    """

    started_at: datetime
    finished_at: datetime | None
    before: int | None
    written: int | None

    def over(self, at: datetime) -> bool:
        """Whether it can have no effect after *at*: a call without an answer may still arrive for a while."""
        ended = self.finished_at if self.written is not None else None
        return (ended or self.started_at + LONGEST_CALL) < at


@dataclass(frozen=True, slots=True)
class Known:
    """What we know of a level when a look at it is judged.

    *predicted* is what it should show by itself (the ledger's offer, once it has been told), *unseen* units missing from
    the offer already whose orders are on their way, *maybe* what a try without an answer may have written. *pending*: the
    channel has to be told, or the level is about to be levelled anew. *moved_at* is when units it sold or gave back itself
    were last counted. *sku* is the SKU it is matched by, None where a person matched it; *hidden*: the channel does not
    show it while it may sell nothing.
    """

    predicted: int | None
    unseen: int = 0
    maybe: int | None = None
    pending: bool = False
    moved_at: datetime | None = None
    confirmed_at: datetime | None = None
    last: Write | None = None
    sku: str | None = None
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """What the channel showed, by a look that began at *asked_at*. *there* is false where it did not have the item.
    *quantity* is None where it told no count.
    """

    asked_at: datetime
    there: bool = True
    tracked: bool = True
    sku: str | None = None
    quantity: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a look found: *units* shown beyond what was expected, below zero where they are missing; *back*: units that
    had been missing and are there again, not among them. *undoes_write*: it shows what it had shown before our last write.
    """

    kind: Drift
    units: int = 0
    back: int = 0
    undoes_write: bool = False
    words: str = ""

    @property
    def adopted(self) -> int:
        """How far *predicted* follows the look at once, and *unseen* gives way: missing units count as sold, the order
        on its way. A surplus is not believed at once, since units that somebody bought may be hidden in it.
        """
        return self.units if self.kind is Drift.UNSEEN_ORDER else self.back


def compare(known: Known, look: Look) -> Found:
    """What *look* says of a level. What it calls a drift is a first guess, to be watched until it is settled.

    >>> at = datetime(2026, 11, 24, 12)
    >>> compare(Known(predicted=10), Look(at, quantity=8)).kind
    <Drift.UNSEEN_ORDER: 'unseen_order'>
    """
    if known.predicted is None:
        return Found(Drift.NONE)
    changed = _mapping(known, look)
    if changed:
        return Found(Drift.MAPPING_CHANGED, words=changed)
    if look.quantity is None or look.quantity == known.predicted:
        return Found(Drift.NONE)
    units = look.quantity - known.predicted
    if known.maybe is not None:
        if look.quantity == known.maybe and known.last is not None and known.last.over(look.asked_at):
            return Found(Drift.OWN_ECHO, units, words="it shows a write of ours whose answer never came")
        return Found(Drift.IN_FLIGHT, units, words="a write of ours has no answer yet")
    if known.confirmed_at is not None and known.confirmed_at >= look.asked_at - CROSSING:
        return Found(Drift.IN_FLIGHT, units, words="a write of ours crossed the look")
    if known.moved_at is not None and known.moved_at >= look.asked_at - CROSSING:
        return Found(Drift.IN_FLIGHT, units, words="it sold or gave back units while we looked")
    if known.pending:
        return Found(Drift.IN_FLIGHT, units, words="it is about to be told, by a write that looks itself")
    return _drift(known, units)


def _mapping(known: Known, look: Look) -> str:
    """Why the listing is not what it was, "" where it is."""
    if not look.there:
        return "" if known.hidden and known.predicted == 0 else "the channel does not have it there any more"
    if not look.tracked:
        return "the channel keeps no count of it any more"
    if known.sku is not None and look.sku != known.sku:
        return f"the channel calls it {look.sku or 'nothing'!r} now, and it was matched as {known.sku!r}"
    return ""


def _drift(known: Known, units: int) -> Found:
    if units < 0:
        undone = undoes(known.last, units)
        return Found(Drift.UNSEEN_ORDER, units, undoes_write=undone, words="units are missing there")
    back = min(units, known.unseen)
    if back == units:
        return Found(Drift.NONE, back=back, words="units that were missing are back")
    undone = not back and undoes(known.last, units)
    kind = Drift.LOST_PUSH if undone else Drift.CHANNEL_EDIT
    return Found(kind, units - back, back, undone, "it shows more than it should")


def undoes(last: Write | None, units: int) -> bool:
    """Whether a difference of *units* is exactly what our *last* write had changed, whatever was sold since."""
    if last is None or last.written is None or last.before is None or last.written == last.before:
        return False
    return units == last.before - last.written
