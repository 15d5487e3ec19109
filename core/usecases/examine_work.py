"""Examine what is left lying, which connections rest, and, when asked to, each channel. Changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta

from core.errors import ChannelError, FairwayError
from core.hub import Hub
from core.net import drive
from core.store import connections, doctor, follow, lent_tokens, status
from core.store.connections import Linked
from core.store.database import Connection
from core.usecases.examine import Finding, examined, problem, warning, well

LATE = timedelta(minutes=1)  # an unread delivery that is older needs somebody
OVERDUE = timedelta(minutes=5)  # the same for what calls channels, or waits for a pause to end
CUT_OFF = timedelta(minutes=10)  # a trigger takes seconds
SUNSET = timedelta(days=90)  # time to move to a newer version of an API


async def examine_work(hub: Hub) -> AsyncIterator[Finding]:
    """Processes, queues, connections, tokens and API versions; needs a schema that is complete."""
    async with hub.database.transaction([]) as tx:
        merchants = await connections.merchant_ids(tx)

    def ask(
        judge: Callable[[Hub, Connection, Sequence[int]], Awaitable[Finding | list[Finding]]],
    ) -> Callable[[], Awaitable[Finding | list[Finding]]]:
        async def question() -> Finding | list[Finding]:
            async with hub.database.transaction([0, *merchants]) as tx:
                return await judge(hub, tx, merchants)

        return question

    for check, judge in (
        ("processes", _processes), ("deliveries", _deliveries), ("queues", _queues), ("recurring work", _recurring),
        ("connections", _resting), ("temporary addresses", _lent), ("api versions", _versions),
    ):  # fmt: skip
        for finding in await examined(check, ask(judge)):
            yield finding


async def _processes(_hub: Hub, tx: Connection, _merchants: Sequence[int]) -> list[Finding]:
    running = await follow.sessions(tx)
    web, worker = (
        well(name, "running") if running.get(f"fairway-{name}") else None for name in ("web", "worker")
    )
    return [
        web
        or warning(
            "web", "no web process is at this database", "Start `fairway web`; until then orders are pulled."
        ),
        worker
        or problem(
            "worker", "no worker is at this database: nothing is read or told", "Start `fairway worker`."
        ),
    ]


async def _deliveries(hub: Hub, tx: Connection, _merchants: Sequence[int]) -> Finding:
    late = await status.late_todo(tx, hub.clock() - LATE)
    if late["count"]:
        since = f"{late['received_at']:%Y-%m-%d %H:%M:%S}"
        return problem(
            "deliveries",
            f"{late['count']} wait to be read, the oldest since {since}",
            "Is a worker running? See its log.",
        )
    return well("deliveries", "all are read within a minute")


_QUEUES = (  # column of `doctor.work_left`, name, what it means, what to do
    ("dirty", "levels to compute", "variants wait to be levelled", "Is a worker running? See its log."),
    ("fetches", "orders to look at", "orders wait to be fetched", "See `fairway connections` and the worker's log."),
    ("levels", "levels to tell", "listings show another stock than they should", "See the worker's log for the refusal."),
    ("kept", "zero", "listings stay on sale with nothing there: their channel refuses zero",
     "`fairway catalog` shows what to switch on at the channel."),
    ("refused_levels", "refused levels", "listings are not told: their channel refused", "See `fairway stock why SKU`."),
    ("waves", "waves", "changes of many listings wait for an answer", "See `fairway waves`."),
    ("frozen", "frozen", "listings show another stock than they should: they are frozen", "See `fairway unfreeze --help`."),
    ("effects", "outbox", "shipments and trackings wait to be told", "See `fairway outbox`."),
    ("rejected", "refused", "were refused by their channel", "See `fairway outbox`."),
    ("parked", "parked", "deliveries wait for a person", "See `fairway parked`."),
    ("incidents", "incidents", "of sold units that are not there wait for a person", "See `fairway incidents`."),
    ("drifts", "drifts", "counts that differ at a channel wait for a person", "See `fairway drifts`."),
)  # fmt: skip


async def _queues(hub: Hub, tx: Connection, merchants: Sequence[int]) -> list[Finding]:
    left = await doctor.work_left(tx, merchants, hub.clock() - OVERDUE)
    return [
        warning(name, f"{left[key]} {meaning}", fix) if left[key] else well(name, "nothing is left lying")
        for key, name, meaning, fix in _QUEUES
    ]


async def _recurring(_hub: Hub, tx: Connection, _merchants: Sequence[int]) -> Finding:
    failing = await status.failing_work(tx)
    if not failing:
        return well("recurring work", "the last run of each went well")
    names = await status.names(tx)
    worst = failing[0]
    text = (
        f"{len(failing)} fail; {worst['kind']} of {names.get(worst['connection_id'])} "
        f"{worst['failures']} times in a row: {worst['last_error']}"
    )
    return warning("recurring work", text, "It is tried again by itself; see the status page.")


async def _resting(hub: Hub, tx: Connection, _merchants: Sequence[int]) -> list[Finding]:
    paused, circuits = await doctor.paused(tx), await doctor.open_circuits(tx, hub.clock())
    found = [
        problem("connections", f"{row['name']} is paused: {row['status_message']}", "Link the account again.")
        for row in paused
    ]
    found += [
        warning(
            "connections",
            f"{row['connection']} is left alone until {row['open_until']:%H:%M:%S}, after {row['failures']} "
            f"failures: {row['last_error']}",
            "It is tried again by itself.",
        )
        for row in circuits
    ]
    return found or [well("connections", "none is paused")]


async def _lent(hub: Hub, tx: Connection, _merchants: Sequence[int]) -> Finding:
    if left := await lent_tokens.left_behind(tx, hub.clock() - CUT_OFF):
        name = left[0]["connection"]
        return warning(
            "temporary addresses",
            f"{len(left)} of `fairway trigger` were left behind; nobody knows their tokens",
            f"The next `fairway trigger {name} TOPIC` deletes those of its merchant.",
        )
    return well("temporary addresses", "none is left behind")


async def _versions(hub: Hub, tx: Connection, _merchants: Sequence[int]) -> list[Finding]:
    today = hub.clock().date()
    used = {item.channel for item in await connections.linked_all(tx) if item.status != "disconnected"}
    found = []
    for manifest in (hub.registry[slug].manifest for slug in sorted(used & set(hub.registry))):
        end = manifest.api_sunset
        if end is None or end - today > SUNSET:
            continue
        text, fix = f"{manifest.name} {manifest.api_version} ends on {end}", "Update Fairway before that day."
        found.append(
            problem("api versions", text, fix) if end <= today else warning("api versions", text, fix)
        )
    found += [
        problem("api versions", f"the channel {slug} is not installed here", "Update Fairway.")
        for slug in sorted(used - set(hub.registry))
    ]
    return found or [well("api versions", "none that is used ends within 90 days")]


async def examine_channels(hub: Hub) -> AsyncIterator[Finding]:
    """Call each active connection's channel and ask whose account it is."""
    async with hub.database.transaction([]) as tx:
        merchants = await connections.merchant_ids(tx)
    async with hub.database.transaction(merchants) as tx:
        linked = await connections.linked_all(tx)
    for item in linked:
        if item.status == "active":
            yield await _asked(hub, item)


async def _asked(hub: Hub, item: Linked) -> Finding:
    check = f"channel {item.name}"
    try:
        async with hub.database.transaction([item.merchant_id]) as tx:
            line = await hub.line(tx, item)
        account = await drive(line.connector.check_account(), line)
    except ChannelError as error:
        return problem(
            check, f"{item.channel} answers: {error}", "Check the keys and the address; link it again."
        )
    except FairwayError as error:
        return problem(check, error.message, error.fix)
    if account.account != item.account:
        return problem(
            check, f"the keys open {account.account}, not {item.account}", "Link the account again."
        )
    return well(check, f"answers as {account.account}")
