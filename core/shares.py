"""Which queue a merchant's work waits in, and which of the queues a worker serves first."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """Of so many *queues*, those a worker *serves*: numbers from 0."""

    queues: int = 1
    serves: tuple[int, ...] = (0,)

    @property
    def whole(self) -> bool:
        """Whether no merchant is left to other workers."""
        return len(self.serves) == self.queues


EVERYBODY = Share()


def queue_of(merchant_id: int, queues: int) -> int:
    """The queue of a merchant. The database knows it by the function of this name.

    Fibonacci hashing: neighbours are spread evenly, and so are ids that a cluster hands out in strides.
    """
    return ((merchant_id & 0x7FFFFFFF) * 2_654_435_761 & 0xFFFFFFFF) * queues >> 32
