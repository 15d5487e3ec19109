"""The only reader of the wall clock. Everything else takes `now` as an argument, so days can be simulated."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]

TOLERATED = timedelta(
    seconds=0.5
)  # apart from the database's clock, beside what the answer's way may explain


def wall_clock() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - the one place


class AnchoredClock:
    """The database's clock, as it was last told, carried on by a counter that nobody can set. In UTC.

    All processes write moments into one database and compare them with each other's. So a machine whose own clock is an
    hour wrong, or is set while it works, may not put work off by that hour. Until the database has told its time, it is
    this machine's. *counter* gives seconds that only go on.
    """

    def __init__(self, *, counter: Callable[[], float] = time.monotonic, wall: Clock = wall_clock) -> None:
        self._counter = counter
        self._wall = wall
        self._anchor: tuple[float, datetime] | None = None

    def __call__(self) -> datetime:
        return self._wall() if self._anchor is None else self._at(self._anchor, self._counter())

    def counted(self) -> float:
        """The counter now: to be given to `tell` with the answer to what is asked next."""
        return self._counter()

    def tell(self, asked: float, told: datetime) -> None:
        """The database said *told* at some moment between *asked* and now.

        What we have stays as long as it can be explained by that, and by half a second more: small corrections would
        let short spans run backwards.
        """
        answered = self._counter()
        if self._anchor is not None:
            early, late = self._at(self._anchor, asked), self._at(self._anchor, answered)
            if early - TOLERATED <= told <= late + TOLERATED:
                return
        self._anchor = ((asked + answered) / 2, told)

    @staticmethod
    def _at(anchor: tuple[float, datetime], counted: float) -> datetime:
        return anchor[1] + timedelta(seconds=counted - anchor[0])
