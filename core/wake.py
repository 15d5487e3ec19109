"""The bell: "there is work of this kind". Carries no facts, may be lost, doubled or late without harm.

Kinds are "drain", "relevel", "pull", "fetch", "catalog", "push". What is due is always asked of the database.
"""

from __future__ import annotations

from typing import Protocol


class Wake(Protocol):
    """Rings for workers. `jobs.wake` rings through Redis; `Silent` leaves it to their own polling."""

    async def ring(self, kind: str) -> None: ...


class Silent:
    """No bell: workers find the work by polling PostgreSQL."""

    async def ring(self, kind: str) -> None:
        """Nothing to do: polling finds it."""
