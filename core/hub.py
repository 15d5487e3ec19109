"""What is open while we run: the database, the client, the registry, the clock, the bell."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, TypeVar

from core.clock import Clock, wall_clock
from core.connector import Connector, NamesAccount
from core.errors import FairwayError, Missing
from core.meter import Meter
from core.net import Line, Send, open_client, sender
from core.rules.intake import IntakeRule
from core.rules.own_count import CountRule, count_rule
from core.sealing import BodyBox
from core.settings import Settings
from core.shares import EVERYBODY, Share
from core.store import connections, words
from core.store.connections import Linked
from core.store.database import LOST, Connection, Database
from core.store.deliveries import Claimed
from core.together import Together
from core.wake import Silent, Wake

A = TypeVar("A")
T = TypeVar("T")

KEPT_S = 5.0  # how long a worker believes what it read about a connection
AT_ONCE = 64  # connections that one transaction is about


@dataclass(frozen=True)
class Account:
    """A connection with all that is needed to understand its deliveries. *naming* is its connector, where that can tell of
    a body whose account it is of: asked here, since it is asked for each delivery.
    """

    linked: Linked
    connector: Connector
    naming: NamesAccount | None
    overrides: Mapping[str, Mapping[str, str]]
    rules: tuple[IntakeRule, ...]
    box: BodyBox

    @cached_property
    def count_rule(self) -> CountRule:
        """How the channel keeps its own count for this connection."""
        return count_rule(self.connector.manifest, self.linked.settings)

    @cached_property
    def never_stock(self) -> tuple[str, ...]:
        """SKU patterns the merchant declared never to be stock."""
        return tuple(self.overrides.get("never_stock", ()))


@dataclass(slots=True)
class Hub:
    """One process's open things. Make it with `open_hub`. *holder* is its name in what it claims, 0 for none;
    *share* are the merchants whose work it claims.

    *under_way* are runs by kind. *owed* are claims to give back, as soon as the database is there again: it went away while
    they were worked at.
    """

    settings: Settings
    database: Database
    registry: Mapping[str, Connector]
    clock: Clock
    wake: Wake
    send: Send
    meter: Meter
    holder: int = 0
    share: Share = EVERYBODY
    owed: set[Claimed] = field(default_factory=set)
    under_way: defaultdict[str, set[asyncio.Task[None]]] = field(default_factory=lambda: defaultdict(set))
    wall: Clock = wall_clock  # this machine's own clock: for saying that it is wrong, and nothing else
    _accounts: dict[tuple[int, int], tuple[float, Account]] = field(default_factory=dict)
    _together: dict[tuple[Callable[..., Any], str], Together[Any, Any]] = field(default_factory=dict)

    async def account(self, merchant_id: int, connection_id: int) -> Account:
        """What is known of a connection, at most five seconds old."""
        kept = self._accounts.get((merchant_id, connection_id))
        if kept and time.monotonic() - kept[0] < KEPT_S:
            return kept[1]
        async with self.database.transaction([merchant_id]) as tx:
            read = await self._read_accounts(tx, [(merchant_id, connection_id)])
        match read.get((merchant_id, connection_id)):
            case Account() as account:
                return account
            case FairwayError() as error:
                raise error
        raise Missing(f"There is no connection {connection_id}.", fix="See `fairway connections`.")

    async def accounts(
        self, tx: Connection, pairs: Collection[tuple[int, int]]
    ) -> dict[tuple[int, int], Account]:
        """As `account`, for many (merchant, connection) pairs of declared merchants at once.

        Those that there are not, or that cannot be opened, are left out: `account` says why.
        """
        now = time.monotonic()
        kept = {pair: self._accounts[pair] for pair in pairs if pair in self._accounts}
        found = {pair: account for pair, (at, account) in kept.items() if now - at < KEPT_S}
        if missing := [pair for pair in set(pairs) if pair not in found]:
            read = await self._read_accounts(tx, missing)
            found |= {pair: account for pair, account in read.items() if isinstance(account, Account)}
        return found

    async def _read_accounts(
        self, tx: Connection, pairs: Sequence[tuple[int, int]]
    ) -> dict[tuple[int, int], Account | FairwayError]:
        """Read and keep what there is of *pairs*; an error stands for what cannot be opened."""
        overrides = await words.overrides(tx, pairs)
        rules = await words.intake_rules(tx, pairs)
        keys = await connections.sealed_keys(tx, {merchant for merchant, _ in pairs})
        read: dict[tuple[int, int], Account | FairwayError] = {}
        for linked in await connections.linked_of(tx, pairs):
            pair = (linked.merchant_id, linked.connection_id)
            try:
                connector = self.connector(linked.channel)
                read[pair] = account = Account(
                    linked=linked,
                    connector=connector,
                    naming=connector if isinstance(connector, NamesAccount) else None,
                    overrides=overrides[pair],
                    rules=tuple(IntakeRule.model_validate(rule) for rule in rules[pair]),
                    box=connections.open_key(pair[0], keys[pair[0]], self.settings.inbound),
                )
            except FairwayError as error:
                read[pair] = error
            else:
                self._accounts[pair] = (time.monotonic(), account)
        return read

    async def settled(self) -> None:
        """Wait until no run is under way."""
        while runs := self._runs():
            await asyncio.wait(runs)

    async def break_off(self) -> None:
        """End what is under way where it is: it is done again when its lease has ended."""
        for run in self._runs():
            run.cancel()
        await self.settled()

    def _runs(self) -> list[asyncio.Task[None]]:
        return [run for runs in self.under_way.values() for run in runs]

    def forget(self, merchant_id: int, connection_id: int) -> None:
        """Read the connection anew next time."""
        self._accounts.pop((merchant_id, connection_id), None)

    def connector(self, slug: str) -> Connector:
        connector = self.registry.get(slug)
        if connector is None:
            raise FairwayError(f"There is no channel {slug!r} here.", fix="See `fairway channels`.")
        return connector

    @property
    def blind_channels(self) -> frozenset[str]:
        """Channels whose count is written without comparing, so that a write may wipe a sale out."""
        return frozenset(
            slug
            for slug, connector in self.registry.items()
            if "stock" in connector.manifest.capabilities and not connector.manifest.compare_and_set
        )

    async def line(self, tx: Connection, linked: Linked) -> Line:
        """An open line to the account, with its tokens."""
        [line] = (await self.lines(tx, [linked])).values()
        return line

    async def lines(self, tx: Connection, them: Collection[Linked]) -> dict[tuple[int, int], Line]:
        """As `line`, for many accounts: by (merchant, connection)."""
        ring = self.settings.outbound
        if ring is None:
            raise FairwayError("This process has no outbound keys.", fix="Only workers call channels.")
        places = {(linked.merchant_id, linked.connection_id): linked for linked in them}
        secrets = await connections.open_credentials(tx, places, "outbound", ring, self.clock())
        found = {}
        for pair, linked in places.items():
            connector = self.connector(linked.channel)
            found[pair] = Line(
                connector=connector,
                settings=linked.settings,
                credentials={name: values[0] for name, values in secrets[pair].items()},
                send=self.send,
                clock=self.clock,
                gate=self.meter.gate(*pair, connector, linked.settings),
            )
        return found

    def together(
        self, work: Callable[[Hub, Sequence[A]], Awaitable[Sequence[T | Exception]]], *, of: str = ""
    ) -> Together[A, T]:
        """*work* of this process, done by one call for all who ask for it at the same time; one kind *of* it apart from
        others.
        """
        if (work, of) not in self._together:
            self._together[work, of] = Together(partial(work, self), at_once=AT_ONCE, vain=LOST)
        return self._together[work, of]


@asynccontextmanager
async def open_hub(
    settings: Settings,
    registry: Mapping[str, Connector],
    *,
    wake: Wake | None = None,
    clock: Clock | None = None,
    send: Send | None = None,
    application: str = "fairway-worker",
    pool: int = 6,
    holder: int = 0,
) -> AsyncIterator[Hub]:
    """Open what a process needs and close it at the end. *send* replaces the HTTP client (tests), *clock* the
    database's clock.
    """
    database = await Database.connect(
        settings.database_url, size=pool, application=application, statement_cache=settings.statement_cache
    )
    client = open_client(allow_private_hosts=settings.allow_private_hosts)
    hub = Hub(
        settings=settings,
        database=database,
        registry=registry,
        clock=clock or database.clock,
        wake=wake or Silent(),
        send=send
        or sender(
            client, allow_private_hosts=settings.allow_private_hosts, deadline_s=settings.call_deadline_s
        ),
        meter=Meter(database, clock or database.clock),
        holder=holder,
        share=settings.share,
    )
    try:
        yield hub
    finally:
        await hub.break_off()
        await client.close()
        await database.close()
