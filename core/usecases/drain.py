"""Drain: turn stored deliveries into orders, a slice at a time. Makes no network call.

One transaction claims a slice, a second one applies it and strikes it off; where some merchants have much more of it than
others, these have a transaction of their own before (`core.rules.turns`). What cannot be applied is halved until the bad
delivery is alone; alone, it is parked after five tries, some time apart, and nothing else waits for it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from core import metrics
from core.connector import Delivery, NoticesFields, Problem, Reading, Unreadable
from core.errors import FairwayError
from core.failpoints import reach
from core.hub import Account, Hub
from core.log import get_log, keep_lines
from core.rules.turns import turns
from core.store import deliveries
from core.store.database import RETRYABLE, Row
from core.store.deliveries import Claimed
from core.store.orders import Outrun
from core.usecases.apply_slice import Applied, apply_slice
from core.usecases.fold_slice import Item
from core.usecases.run_log import counts_of, recorded

MAX_TRIES = 5  # claims of one delivery before it is parked
AGAIN_S = 0.2  # before what failed alone is tried again: the first time, then twice as long each time
SLICE_LEASE_S = (
    10.0  # a slice takes less, even on a machine that is overloaded; whoever outlives a worker need not wait
)
ALONE_S = 0.25  # of one drain are for deliveries that have to go alone; the next slice waits meanwhile
SLICE = 300  # deliveries claimed in one transaction
SAME_AGAIN = 5  # repeats of a slice after a deadlock or a lost connection
SAMPLE = 50  # one delivery in so many is searched for fields that no mapping knows
LARGE = 256 * 1024  # bytes from which reading leaves the event loop

log = get_log("drain")


@dataclass(slots=True)
class Drained:
    """What one drain did; *applied* counts by outcome. Of the *claimed* deliveries the *fresh* were never tried before."""

    claimed: int = 0
    fresh: int = 0
    applied: Applied = field(default_factory=Applied)
    failed: int = 0


async def drain(hub: Hub, *, limit: int = SLICE, suspects: bool = True) -> Drained:
    """Claim and apply one slice. `claimed` is 0 when there is nothing to do.

    What is written in one transaction is one run: a turn that went well, a delivery that failed alone. Without
    *suspects* those are left to a drain beside which this process drains nothing else: one may end it.
    """
    started = hub.clock()
    async with hub.database.transaction([]) as tx:
        owed = tuple(hub.owed)
        if owed:
            await deliveries.give_back(tx, owed)
        lease_s = min(SLICE_LEASE_S, hub.settings.lease_s)
        claimed = await deliveries.claim(tx, limit, lease_s, hub.holder, hub.share)
        fresh = [item for item in claimed if item.attempts == 1]
        # A delivery that was claimed before may be what killed its worker: it goes alone, after all that is not suspect.
        others = sorted((item for item in claimed if item.attempts > 1), key=lambda item: item.attempts)
        if others:
            await deliveries.give_back(tx, others)
        if claimed:
            await reach("drain.claiming")
    hub.owed.difference_update(owed)
    done = Drained(claimed=len(claimed), fresh=len(fresh))
    if not claimed:
        return done
    await reach("drain.claimed")
    with keep_lines():
        for turn in turns(Counter(item.merchant_id for item in fresh)):
            batch = [item for item in fresh if item.merchant_id in turn]
            await _drain_batch(hub, batch, started, done)
        if suspects:
            await _drain_alone(hub, others, started, done)
    for outcome in ("applied", "stale", "same", "parked", "notices", "trackings"):
        if count := getattr(done.applied, outcome):
            metrics.DRAINED.labels(outcome).inc(count)
    metrics.DRAINED.labels("failed").inc(done.failed)
    return done


async def _drain_alone(hub: Hub, suspects: Sequence[Claimed], started: datetime, done: Drained) -> None:
    """One after the other, none held while another is tried: the one that ends this process holds up no other one.

    Their lease is the long one, and nobody gives it back early. It is the pause after which the same delivery may end the
    next worker.
    """
    until = time.monotonic() + ALONE_S
    for suspect in suspects:
        async with hub.database.transaction([]) as tx:
            held = await deliveries.claim_one(
                tx, suspect.merchant_id, suspect.delivery_id, hub.settings.lease_s
            )
        if held:
            await _drain_batch(hub, [held], started, done)
        if time.monotonic() > until:
            return


async def _drain_batch(hub: Hub, claimed: Sequence[Claimed], started: datetime, done: Drained) -> None:
    """Read and apply *claimed*; whatever fails for its own sake is set back, the rest is applied."""
    try:
        items, broken = await _read(hub, claimed)
        await reach("drain.read")
        for item, error in broken:
            await _set_back(hub, item, started, error, done)
        await _apply_all(hub, items, started, done)
    except RETRYABLE as error:
        hub.owed.update(claimed)  # for while the database is away it cannot be told
        merchants = {item.merchant_id for item in claimed}
        async with recorded(hub, "drain", merchants, started) as (tx, about):
            await deliveries.give_back(tx, claimed)
            about.counts, about.error = {"given_back": len(claimed)}, type(error).__name__
        hub.owed.difference_update(claimed)
        raise


async def _apply_all(hub: Hub, items: Sequence[Item], started: datetime, done: Drained) -> None:
    try:
        if items:
            done.applied.add(await _apply(hub, items, started))
    except RETRYABLE:
        raise
    except Exception as error:  # noqa: BLE001 - what it was, is found out by halves
        if len(items) == 1:
            await _set_back(hub, items[0].claimed, started, error, done)
            return
        middle = len(items) // 2
        await _apply_all(hub, items[:middle], started, done)
        await _apply_all(hub, items[middle:], started, done)


async def _read(hub: Hub, claimed: Sequence[Claimed]) -> tuple[list[Item], list[tuple[Claimed, Exception]]]:
    """Open and understand the claimed deliveries; also returns those over which the reader broke, each with the error."""
    by_id = {item.delivery_id: item for item in claimed}
    items: list[Item] = []
    broken: list[tuple[Claimed, Exception]] = []
    try:
        async with hub.database.transaction({item.merchant_id for item in claimed}) as tx:
            rows = await deliveries.load(tx, claimed)
            accounts = await hub.accounts(tx, {(item.merchant_id, item.connection_id) for item in claimed})
    except RETRYABLE:
        raise
    except Exception as error:  # noqa: BLE001 - each of them is tried again alone
        return [], [(item, error) for item in claimed]
    for row in rows:
        try:
            where = (row["merchant_id"], row["connection_id"])
            account = accounts.get(where) or await hub.account(*where)  # which says what is wrong with it
            items.append(await _read_one(hub, account, row, by_id[row["delivery_id"]]))
        except RETRYABLE:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a body does to its reader is this delivery's affair
            broken.append((by_id[row["delivery_id"]], error))
    return items, broken


async def _read_one(hub: Hub, account: Account, row: Row, claimed: Claimed) -> Item:
    body = account.box.open(row["body"], deliveries.body_owner(row["connection_id"], row["dedupe_key"]))
    delivery = Delivery(topic=row["topic"], headers=row["headers"], body=body)
    if claimed.attempts > MAX_TRIES:
        reading: Reading = Unreadable(
            (Problem(code="poison", pointer="", message=f"its worker ended {MAX_TRIES} times over it"),)
        )
    elif len(body) > LARGE:
        reading = await asyncio.to_thread(account.connector.read, delivery, account.overrides)
    else:
        reading = account.connector.read(delivery, account.overrides)
    if foreign := _foreign(account, delivery):
        log.error("a delivery is of another account", extra={"fields": _about(claimed)})
        reading = foreign
    if row["delivery_id"] % SAMPLE == 0 and isinstance(account.connector, NoticesFields):
        if len(body) > LARGE:
            unread = await asyncio.to_thread(account.connector.unread, delivery)
        else:
            unread = account.connector.unread(delivery)
        await _notice(hub, row, unread)
    return Item(
        claimed=claimed,
        account=account,
        topic=row["topic"],
        looked=row["via"] != "webhook",
        received_at=row["received_at"],
        reading=reading,
    )


def _foreign(account: Account, delivery: Delivery) -> Unreadable | None:
    """Why a rightly signed body may not be applied here: it names another account than this connection's."""
    if account.naming is None:
        return None
    named = account.naming.account_named(delivery)
    if named is None or account.linked.settings.get(named[0]) in (None, named[1]):
        return None
    message = (
        f"the body is of the account {named[1]}, this connection's is {account.linked.settings[named[0]]}"
    )
    return Unreadable((Problem(code="tenant_mismatch", pointer="", message=message),))


async def _notice(hub: Hub, row: Row, paths: Sequence[str]) -> None:
    """Count new fields of a sampled body: something to look at, never a reason to hold an order."""
    if not paths:
        return
    key = (row["merchant_id"], row["connection_id"], row["topic"])
    async with hub.database.transaction([row["merchant_id"]]) as tx:
        await deliveries.note_unread(tx, {(*key, path[:200]): row["delivery_id"] for path in paths[:50]})


async def _apply(hub: Hub, items: Sequence[Item], started: datetime) -> Applied:
    """Apply a slice; the same again after a deadlock, or when another worker stored one of its orders first."""
    merchants = {item.claimed.merchant_id for item in items}
    for attempt in range(SAME_AGAIN):
        try:
            async with recorded(hub, "drain", merchants, started) as (tx, about):
                applied = await apply_slice(tx, items, hub.registry, hub.clock())
                about.counts = {"claimed": len(items), **counts_of(applied)}
                _say_parked(items)
                await reach("drain.storing")
            await reach("drain.stored")
        except (Outrun, *RETRYABLE) as error:
            if attempt == SAME_AGAIN - 1:
                raise
            log.info("a slice is applied again", extra={"fields": {"because": type(error).__name__}})
            await asyncio.sleep(0.02 * 2**attempt)
        else:
            if applied.levels_dirty:
                await hub.wake.ring("relevel", merchants)
            if applied.fetches:
                await hub.wake.ring("fetch", merchants)
            if applied.effects:
                await hub.wake.ring("effect", merchants)
            return applied
    raise AssertionError  # the loop returns or raises


def _say_parked(items: Sequence[Item]) -> None:
    for item in items:
        if isinstance(item.reading, Unreadable):
            why = [{"code": reason.code, "reason": reason.message} for reason in item.reading.reasons[:1]]
            log.warning("a delivery was parked", extra={"fields": {**_about(item.claimed), **dict(*why)}})


def _about(item: Claimed) -> dict[str, int]:
    return {
        "merchant": item.merchant_id,
        "connection": item.connection_id,
        "delivery": item.delivery_id,
        "attempt": item.attempts,
    }


async def _set_back(hub: Hub, item: Claimed, started: datetime, error: Exception, done: Drained) -> None:
    """One delivery failed by itself: try it again later, or park it when it had its tries."""
    done.failed += 1
    log.warning(
        "a delivery could not be applied",
        extra={"fields": _about(item)},
        exc_info=error,
    )
    said = error.message if isinstance(error, FairwayError) else type(error).__name__
    async with recorded(hub, "drain", [item.merchant_id], started) as (tx, about):
        about.counts, about.error = {"claimed": 1}, said
        if item.attempts >= MAX_TRIES:
            reason = {"code": "poison", "pointer": "", "message": f"it failed {MAX_TRIES} times: {said}"}
            rows = await deliveries.load(tx, [item])
            await deliveries.park(tx, [(item, rows[0]["topic"], [reason])], hub.clock())
            await deliveries.finish(tx, [item])
            log.error("a delivery was parked", extra={"fields": {**_about(item), "code": "poison"}})
        else:
            await deliveries.set_back(tx, item, AGAIN_S * 2 ** (item.attempts - 1))
