"""The bell: "there is work of this kind for these merchants". Carries no facts, may be lost, doubled or late without harm.

Kinds are those of `jobs.work`. What is due is always asked of the database.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeAlias

Ring: TypeAlias = Callable[[str, Iterable[int]], Awaitable[None]]


class Wake(Protocol):
    """Rings for workers. `jobs.wake` rings through Redis; `Silent` leaves it to their own polling."""

    async def ring(self, kind: str, merchants: Iterable[int]) -> None: ...


class Silent:
    """No bell: workers find the work by polling PostgreSQL."""

    async def ring(self, kind: str, merchants: Iterable[int]) -> None:
        """Nothing to do: polling finds it."""
