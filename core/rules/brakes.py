"""Brakes: a change of so many listings at once that a person is asked before a channel is told."""

from __future__ import annotations

from collections.abc import Mapping

# Per cent of a connection's listings. A wrong file or a wrong rule takes nearly all of them.
MOST = {"zero": 5, "raise": 20}
FEW = 10  # listings: so many may change without a question, however small the shop is


def waves(counts: Mapping[str, int], listings: int) -> set[str]:
    """Which kinds of change (zero, raise) touch too many of a connection's *listings* to go on unasked.

    *counts* says how many listings would be taken to zero and how many would be raised, for another reason than sales
    and what a person has just said about single listings.

    >>> waves({"zero": 60, "raise": 60}, 1000)
    {'zero'}
    """
    return {kind for kind, count in counts.items() if count > max(FEW, listings * MOST[kind] / 100)}


def wave_of(*, before: int | None, shows: int | None, desired: int, stopped: bool) -> str | None:
    """What kind of change it is to tell a channel that *shows* so many (None: not known) to sell *desired*.

    A listing that was never levelled (*before* is None) is part of no wave: whoever allows writing to a new connection
    wants just that. Nor is one that a person stopped.
    """
    if before is None or shows is None or stopped:
        return None
    if desired == 0 and shows > 0:
        return "zero"
    return "raise" if desired > shows else None
