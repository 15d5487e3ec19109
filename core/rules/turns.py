"""Whose deliveries of a slice go first: those who have little never wait for those who have much."""

from __future__ import annotations

from collections.abc import Mapping

ALIKE = 4  # whoever has at most so many times as much as the least of a turn goes with it


def turns(counts: Mapping[int, int]) -> list[set[int]]:
    """Merchants by turn, of how many deliveries each has (at least one): the smallest first, the alike together.

    Each turn costs a transaction, so there are few: one where all have about the same, four for any slice there is.
    """
    made: list[set[int]] = []
    least = 0
    for merchant, count in sorted(counts.items(), key=lambda item: (item[1], item[0])):
        if not made or count > ALIKE * least:
            made.append(set())
            least = count
        made[-1].add(merchant)
    return made
