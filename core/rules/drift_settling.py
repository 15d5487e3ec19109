"""What becomes of a difference that is watched, and whose count is right.

It is settled only when every order that could explain it has had its time to come and none has: until then nothing is
written because of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from core.rules.drift import Drift, Found, Known, Look, compare, undoes

MOST_LOOKS = 5  # at one difference: after that what is certain of it counts, however busy the listing is


@dataclass(frozen=True, slots=True)
class Watched:
    """A difference of *units*, as of the look that began at *looked_at*, when *expected* was predicted."""

    kind: Drift
    units: int
    expected: int
    looked_at: datetime
    looks: int = 1
    undoes_write: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known beside the level. Every order the channel had listed by *complete_until* is counted here (None: that
    cannot be said). *restocked* units of orders were cancelled or returned since the last write before the difference;
    *released* of them were cancelled before they had left, and are free in the ledger: again, or still, where the order
    came cancelled already. *parked*: something the channel sent about then could not be read, and may be an order.
    """

    complete_until: datetime | None = None
    restocked: int = 0
    parked: bool = False
    given_back: int = 0
    released: int = 0


class Step(StrEnum):
    """What becomes of a watched difference now."""

    WAIT = "wait"
    AGAIN = "again"  # it is another one by now: watched anew, from this look on
    GONE = "gone"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Verdict:
    """*units* are what is watched, or settled; *adopted* is what of it the level takes over at once (`Found.adopted`).
    *by* says what made a difference go away: "order", "hub" (a later write) or "itself". *ours*: the ledger has the units
    already, so that booking them would count them twice.
    """

    step: Step
    kind: Drift
    units: int = 0
    adopted: int = 0
    by: str = ""
    words: str = ""
    ours: bool = False


def due(watched: Watched, evidence: Evidence, patience: timedelta) -> bool:
    """Whether every order that could explain the difference is here, and it is time to look again."""
    return evidence.complete_until is not None and evidence.complete_until >= watched.looked_at + patience


def explained(watched: Watched, known: Known, evidence: Evidence) -> Verdict | None:
    """That a difference went away, as far as it shows without looking again; None where it does not."""
    if watched.kind is Drift.MAPPING_CHANGED:
        return None
    if watched.units < 0:
        words = "sold there; the order has come"
        return None if known.unseen else Verdict(Step.GONE, Drift.UNSEEN_ORDER, by="order", words=words)
    if known.predicted == watched.expected + watched.units and not known.pending and known.maybe is None:
        words = "the channel put units of an order back, and the order says so"
        return Verdict(Step.GONE, Drift.CHANNEL_RESTOCK, by="order", words=words)
    if known.confirmed_at is not None and known.confirmed_at >= watched.looked_at:
        restocked = evidence.restocked or evidence.given_back >= watched.units
        kind = Drift.CHANNEL_RESTOCK if restocked else watched.kind
        return Verdict(Step.GONE, kind, by="hub", words="it was told another count since")
    return None


def again(watched: Watched, known: Known, evidence: Evidence, found: Found) -> Verdict | None:
    """What a further look, which *found* this, makes of a difference; None where it is as it was."""
    left = known.unseen - found.adopted
    if found.units < 0:
        return Verdict(Step.AGAIN, found.kind, -left, found.adopted, words=found.words)
    if watched.units < 0:
        if found.units:
            return Verdict(Step.AGAIN, found.kind, found.units, found.adopted, words=found.words)
        if not found.back:
            return None
        if left:
            return Verdict(Step.AGAIN, watched.kind, -left, found.adopted, words=found.words)
        return Verdict(Step.GONE, watched.kind, adopted=found.adopted, by="itself", words=found.words)
    if not found.units:
        kind = Drift.CHANNEL_RESTOCK if watched.units and evidence.restocked else watched.kind
        return Verdict(
            Step.GONE, kind, adopted=found.adopted, by="itself", words="it is as it should be again"
        )
    # Sales make a look inexact: an order that was on its way then is counted by now.
    if found.units == watched.units and known.predicted == watched.expected and not found.back:
        return None
    return Verdict(Step.AGAIN, found.kind, found.units, found.adopted, words=found.words)


def settle(watched: Watched, known: Known, evidence: Evidence, look: Look | None) -> Verdict:
    """What a watched difference is, now that it is `due` and was looked at again. *look* None: the channel cannot be
    asked; then units that are missing count as they are known.
    """
    found = compare(known, look) if look is not None else Found(Drift.NONE)
    if found.kind in (Drift.IN_FLIGHT, Drift.OWN_ECHO):
        return Verdict(Step.WAIT, watched.kind, watched.units, words=found.words)
    if found.kind is Drift.MAPPING_CHANGED:
        return Verdict(Step.SETTLED, Drift.MAPPING_CHANGED, words=found.words)
    changed = again(watched, known, evidence, found)
    busy = watched.looks >= MOST_LOOKS and watched.units > 0 and found.units > 0
    if changed is not None and not busy:
        return changed
    if watched.units < 0:
        return _missing(watched, known, -known.unseen, evidence)
    # On a listing too busy for an exact look, what is certain.
    return _surplus(watched, known, min(found.units, watched.units), evidence, found.adopted)


def _lost(watched: Watched, known: Known, units: int) -> bool:
    """Whether the *units* that are left of a difference are what our last write before it had changed."""
    if watched.undoes_write and units == watched.units:
        return True
    return known.last is not None and known.last.started_at < watched.looked_at and undoes(known.last, units)


def _missing(watched: Watched, known: Known, units: int, evidence: Evidence) -> Verdict:
    if evidence.parked:
        words = "units are missing, and something the channel sent about then could not be read: see `fairway parked`"
        return Verdict(Step.SETTLED, Drift.UNSEEN_ORDER, units, words=words)
    if _lost(watched, known, units):
        words = "it shows what it showed before our last write, and no order explains it"
        return Verdict(Step.SETTLED, Drift.LOST_PUSH, units, words=words)
    return Verdict(
        Step.SETTLED, Drift.CHANNEL_EDIT, units, words="units are missing, and no order explains it"
    )


def _surplus(watched: Watched, known: Known, units: int, evidence: Evidence, adopted: int) -> Verdict:
    if evidence.released >= units:
        words = "the channel put units of a cancelled order back on sale, as the ledger had done"
        return Verdict(Step.SETTLED, Drift.CHANNEL_RESTOCK, units, adopted, words=words, ours=True)
    if evidence.restocked >= units:
        words = "the channel put units of a cancelled or returned order back on sale"
        return Verdict(Step.SETTLED, Drift.CHANNEL_RESTOCK, units, adopted, words=words)
    if _lost(watched, known, units):
        words = "it shows what it showed before our last write"
        return Verdict(Step.SETTLED, Drift.LOST_PUSH, units, adopted, words=words)
    return Verdict(
        Step.SETTLED, Drift.CHANNEL_EDIT, units, adopted, words="somebody raised the count at the channel"
    )


class Wins(StrEnum):
    """Whose count is right."""

    HUB = "hub"  # the channel is told again
    CHANNEL = "channel"  # the difference is booked
    ASK = "ask"  # a person says


# What a cautious merchant expects: the ledger is right, but whoever put a unit back at the channel may have it in hand.
DEFAULTS: Mapping[Drift, Wins] = {Drift.CHANNEL_EDIT: Wins.HUB, Drift.CHANNEL_RESTOCK: Wins.ASK}


def who_wins(
    kind: Drift,
    policies: Mapping[tuple[int, Drift], Wins],
    connection_id: int,
    *,
    bookable: bool,
    ours: bool = False,
) -> Wins:
    """Whose count is right where a settled difference is of *kind*. *policies* are by connection (0: all) and kind.

    *bookable*: a difference can be booked where it is. A lost write is our own to make good, and so is what the ledger has
    already (*ours*); what no count can heal asks a person.
    """
    if kind is Drift.LOST_PUSH or ours:
        return Wins.HUB
    if kind not in DEFAULTS:
        return Wins.ASK
    said = policies.get((connection_id, kind)) or policies.get((0, kind)) or DEFAULTS[kind]
    return Wins.ASK if said is Wins.CHANNEL and not bookable else said
