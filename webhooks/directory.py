"""Who is behind a path token: connection, secrets, data key. Reads the database, keeps it for a minute."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from core.connector import Challenges, Connector
from core.errors import Missing
from core.log import get_log
from core.sealing import BodyBox, Keyring
from core.store import connections
from core.store.database import Connection, Database
from webhooks.problems import Refusal

KEPT_S = 60.0  # a known token
MISSED_S = 5.0  # an unknown token; also the least age of what is read again after a refusal
MAX_KEPT = 1_000  # of each; a data key with its compressor takes 100 kB
LOOKUPS = 2  # at once, so that a flood of made-up tokens leaves sessions for storing
PATIENCE_S = 1.5

log = get_log("web")

T = TypeVar("T")

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Hook:
    """What is needed to take a delivery. *secrets* are accepted; *retired* ones are not, but recognised."""

    merchant_id: int
    connection_id: int
    channel: str
    connector: Connector
    challenges: Challenges | None
    secrets: tuple[str, ...]
    retired: tuple[str, ...]
    box: BodyBox


class Directory:
    """Looks tokens up; unknown ones are remembered, too, so that asking again costs the same."""

    def __init__(self, database: Database, registry: Mapping[str, Connector], ring: Keyring) -> None:
        self._database = database
        self._registry = registry
        self._ring = ring
        self._found: dict[str, tuple[datetime, Hook]] = {}
        self._missed: dict[str, datetime] = {}
        self._looking: dict[str, asyncio.Task[Hook | None]] = {}
        self._lookups = asyncio.Semaphore(LOOKUPS)

    async def find(self, token: str, now: datetime) -> Hook | None:
        """The hook of *token* or None; raises `Refusal` when the database does not say."""
        kept = self._found.get(token)
        if kept and _age(kept[0], now) < KEPT_S:
            return kept[1]
        missed = self._missed.get(token)
        if missed and _age(missed, now) < MISSED_S:
            return None
        return await self._look(token, now)

    async def find_again(self, token: str, now: datetime) -> Hook | None:
        """As `find` after a refusal: a secret changed a moment ago must work before the minute is over."""
        kept = self._found.get(token)
        if kept and _age(kept[0], now) < MISSED_S:
            return kept[1]
        return await self._look(token, now)

    async def _look(self, token: str, now: datetime) -> Hook | None:
        """One look-up for all who ask for *token*. It is never cut off: they stop waiting for it."""
        lookup = self._looking.get(token)
        if lookup is None:
            if len(self._looking) >= MAX_KEPT:
                raise Refusal("overloaded")
            lookup = asyncio.create_task(self._read(token, now))
            self._looking[token] = lookup
            lookup.add_done_callback(lambda ended: self._ended(token, ended))
        await asyncio.wait([lookup], timeout=PATIENCE_S)
        if not lookup.done():
            raise Refusal("overloaded")
        return lookup.result()

    def _ended(self, token: str, lookup: asyncio.Task[Hook | None]) -> None:
        del self._looking[token]
        if not lookup.cancelled():
            lookup.exception()  # perhaps nobody waits for it any more

    async def _read(self, token: str, now: datetime) -> Hook | None:
        async with self._lookups:
            try:
                hook = await self._ask(token, now)
            except Exception:  # noqa: BLE001 - a session that the server ended: the next one works
                try:
                    hook = await self._ask(token, now)
                except Exception as error:
                    log.warning("a token was not looked up", exc_info=error)
                    raise Refusal("dependency-down") from None
        self._found.pop(token, None)
        self._missed.pop(token, None)
        if hook:
            _keep(self._found, token, (now, hook))
        else:
            _keep(self._missed, token, now)
        return hook

    async def _ask(self, token: str, now: datetime) -> Hook | None:
        async with self._database.transaction([]) as tx:
            found = await connections.find_hook(tx, token)
        if found is None:
            return None
        async with self._database.transaction([found[0]]) as tx:
            return await self._hook(tx, *found, now)

    async def _hook(self, tx: Connection, merchant_id: int, connection_id: int, now: datetime) -> Hook:
        linked = await connections.linked(tx, merchant_id, connection_id)
        connector = self._registry.get(linked.channel)
        if connector is None:
            raise Missing(f"The channel {linked.channel!r} is not installed.")
        fields = connector.manifest.webhook_secrets
        accepted = await self._secrets(tx, merchant_id, connection_id, fields, now)
        ever = await self._secrets(tx, merchant_id, connection_id, fields, _EVER)
        return Hook(
            merchant_id=merchant_id,
            connection_id=connection_id,
            channel=linked.channel,
            connector=connector,
            challenges=connector if isinstance(connector, Challenges) else None,
            secrets=accepted,
            retired=tuple(secret for secret in ever if secret not in accepted),
            box=await connections.data_key(tx, merchant_id, self._ring),
        )

    async def _secrets(
        self, tx: Connection, merchant_id: int, connection_id: int, fields: tuple[str, ...], since: datetime
    ) -> tuple[str, ...]:
        held = await connections.open_credentials(
            tx, merchant_id, connection_id, "inbound", self._ring, since
        )
        return tuple(secret for field in fields for secret in held.get(field, ()))


def _age(then: datetime, now: datetime) -> float:
    # A clock that was set back must not make what is kept look young for an hour.
    return abs((now - then).total_seconds())


def _keep(kept: dict[str, T], token: str, value: T) -> None:
    while len(kept) >= MAX_KEPT:
        del kept[next(iter(kept))]
    kept[token] = value
