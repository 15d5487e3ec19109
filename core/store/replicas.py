"""What a primary knows of its replicas. Reads only, and only as its administrator."""

from __future__ import annotations

from core.store.database import Connection


async def standing(tx: Connection, name: str) -> str:
    """How the replica *name* follows: "sync", "async" ..., or "" while it does not stream."""
    found: str | None = await tx.fetchval(
        "SELECT sync_state FROM pg_stat_replication WHERE application_name = $1 AND state = 'streaming'", name
    )
    return found or ""
