"""Who is behind a path token: connection, secrets, data key. Reads the database, keeps it for a minute."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from core.connector import Challenges, Connector
from core.errors import Missing
from core.log import get_log
from core.sealing import BodyBox, Keyring
from core.store import connections
from core.store.connections import Linked, SealedCredential
from core.store.database import Database
from core.together import Together
from webhooks.problems import Refusal

KEPT_S = 60.0  # a known token
MISSED_S = 5.0  # an unknown token; also the least age of what is read again after a refusal
MAX_KEPT = 10_000  # of each; what is known of a shop takes some kB
MAX_ASKED = 1_000  # tokens that are looked up or wait for it
LOOKUPS = 2  # at once, so that a flood of made-up tokens leaves sessions for storing
AT_ONCE = 100  # tokens that one of them looks up
PATIENCE_S = 1.5

log = get_log("web")

T = TypeVar("T")


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
    """Looks tokens up; unknown ones are remembered, too, so that asking again costs the same.

    What is asked for while a look-up is on its way is looked up together by the next: after a start, or a quiet minute, as
    many tokens are new as there are shops.
    """

    def __init__(self, database: Database, registry: Mapping[str, Connector], ring: Keyring) -> None:
        self._database = database
        self._registry = registry
        self._ring = ring
        self._found: dict[str, tuple[datetime, Hook]] = {}
        self._missed: dict[str, datetime] = {}
        self._asked: dict[str, asyncio.Task[Hook | None]] = {}
        self._lookups = Together(self._read, at_once=AT_ONCE, side_by_side=LOOKUPS)

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
        answer = self._asked.get(token)
        if answer is None:
            if len(self._asked) >= MAX_ASKED:
                raise Refusal("overloaded")
            answer = self._asked[token] = asyncio.create_task(self._look_up(token, now))
            answer.add_done_callback(_hear)
        await asyncio.wait([answer], timeout=PATIENCE_S)
        if not answer.done():
            raise Refusal("overloaded")
        return answer.result()

    async def _look_up(self, token: str, now: datetime) -> Hook | None:
        try:
            found = await self._lookups.ask((token, now))
        except Exception as error:
            log.warning("a token was not looked up", exc_info=error)
            raise Refusal("dependency-down") from error
        finally:
            del self._asked[token]
        self._found.pop(token, None)
        self._missed.pop(token, None)
        if found:
            _keep(self._found, token, (now, found))
        else:
            _keep(self._missed, token, now)
        return found

    async def _read(self, asked: Sequence[tuple[str, datetime]]) -> list[Hook | Exception | None]:
        """What there is behind the tokens, None for unknown ones; an error where that could not be told."""
        try:
            found = await self._ask(asked)
        except Exception:  # noqa: BLE001 - a session that the server ended: the next one works
            try:
                found = await self._ask(asked)
            except Exception as error:  # noqa: BLE001 - whatever it was, everybody gets an answer
                return [error] * len(asked)
        return [found.get(token) for token, _ in asked]

    async def _ask(self, asked: Sequence[tuple[str, datetime]]) -> dict[str, Hook | Exception]:
        async with self._database.transaction([]) as tx:
            places = {token: place for token, _ in asked if (place := await connections.find_hook(tx, token))}
        if not places:
            return {}
        pairs = sorted(set(places.values()))
        merchants = {merchant_id for merchant_id, _ in pairs}
        async with self._database.transaction(merchants) as tx:
            linked = {
                (one.merchant_id, one.connection_id): one for one in await connections.linked_of(tx, pairs)
            }
            sealed = await connections.sealed_credentials(tx, pairs, "inbound")
            keys = await connections.sealed_keys(tx, merchants)
        found: dict[str, Hook | Exception] = {}
        for token, now in asked:
            place = places.get(token)
            if place in linked:
                try:
                    found[token] = self._hook(linked[place], sealed[place], keys[place[0]], now)
                except Exception as error:  # noqa: BLE001 - whatever cannot be opened, or is not installed, is this one's affair
                    found[token] = error
        return found

    def _hook(self, linked: Linked, sealed: Sequence[SealedCredential], key: bytes, now: datetime) -> Hook:
        connector = self._registry.get(linked.channel)
        if connector is None:
            raise Missing(f"The channel {linked.channel!r} is not installed.")
        pair = (linked.merchant_id, linked.connection_id)
        fields = connector.manifest.webhook_secrets
        secrets = [
            (one.accepted(now), connections.open_credential(pair, one, self._ring))
            for field in fields
            for one in sealed
            if one.field == field
        ]
        accepted = tuple(secret for good, secret in secrets if good)
        return Hook(
            merchant_id=linked.merchant_id,
            connection_id=linked.connection_id,
            channel=linked.channel,
            connector=connector,
            challenges=connector if isinstance(connector, Challenges) else None,
            secrets=accepted,
            retired=tuple(secret for _, secret in secrets if secret not in accepted),
            box=connections.open_key(linked.merchant_id, key, self._ring),
        )


def _hear(answer: asyncio.Task[Hook | None]) -> None:
    if not answer.cancelled():
        answer.exception()  # perhaps nobody waits for it any more


def _age(then: datetime, now: datetime) -> float:
    # A clock that was set back must not make what is kept look young for an hour.
    return abs((now - then).total_seconds())


def _keep(kept: dict[str, T], token: str, value: T) -> None:
    while len(kept) >= MAX_KEPT:
        del kept[next(iter(kept))]
    kept[token] = value
