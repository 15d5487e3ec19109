"""Change what a merchant's own words mean, after a dry run over what the channels really sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.connector import Delivery, OrderRead, Reading
from core.errors import UsageProblem
from core.hub import Account, Hub
from core.model.order import PaymentStatus
from core.store import connections, deliveries, schedule
from core.store.database import again
from core.store.deliveries import body_owner
from core.store.words import newest_bodies, orders_held_for, put_words

LOOKUPS = ("payment_status", "never_stock")


@dataclass(frozen=True, slots=True)
class Word:
    """*word* of *lookup* means *meaning* at *connection_id* (0: at all of the merchant's connections)."""

    connection_id: int
    lookup: str
    word: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Trial:
    """What new words would do to the newest deliveries: read, read differently, holds that go and that come."""

    read: int
    changed: int
    holds_lifted: int
    holds_added: int


def check_words(words: Sequence[Word]) -> None:
    """Raises `UsageProblem` for a word that could never be used."""
    for row in words:
        if row.lookup not in LOOKUPS or not row.word:
            raise UsageProblem(f"{row.lookup!r} is no lookup.", fix=f"There are {', '.join(LOOKUPS)}.")
        if row.lookup == "payment_status" and row.meaning not in list(PaymentStatus):
            raise UsageProblem(
                f"{row.meaning!r} is no payment status.", fix=f"There are {', '.join(PaymentStatus)}."
            )


async def try_words(hub: Hub, merchant_id: int, words: Sequence[Word], *, sample: int = 200) -> Trial:
    """Read the newest *sample* deliveries with and without *words*; changes nothing."""
    check_words(words)
    async with hub.database.transaction([merchant_id]) as tx:
        rows = await newest_bodies(tx, merchant_id, sample)
    read = changed = lifted = added = 0
    for row in rows:
        account = await hub.account(merchant_id, row["connection_id"])
        body = account.box.open(row["body"], body_owner(row["connection_id"], row["dedupe_key"]))
        delivery = Delivery(topic=row["topic"], headers={}, body=body)
        before = account.connector.read(delivery, account.overrides)
        after = account.connector.read(delivery, _with(account, words))
        read += 1
        changed += before != after
        lifted += len(_holds(before) - _holds(after))
        added += len(_holds(after) - _holds(before))
    return Trial(read, changed, lifted, added)


def _with(account: Account, words: Sequence[Word]) -> Mapping[str, Mapping[str, str]]:
    merged = {lookup: dict(rows) for lookup, rows in account.overrides.items()}
    for row in words:
        if row.connection_id in (0, account.linked.connection_id):
            merged.setdefault(row.lookup, {})[row.word] = row.meaning
    return merged


def _holds(reading: Reading) -> set[tuple[str, str]]:
    if not isinstance(reading, OrderRead):
        return set()
    return {(hold.code, hold.pointer) for hold in reading.order.holds}


@again
async def change_words(hub: Hub, merchant_id: int, words: Sequence[Word]) -> int:
    """Keep *words* and look again at the orders that were held for a word; returns how many those are."""
    check_words(words)
    now = hub.clock()
    async with hub.database.transaction([merchant_id]) as tx:
        await put_words(tx, merchant_id, [(w.connection_id, w.lookup, w.word, w.meaning) for w in words])
        held = await orders_held_for(tx, merchant_id, "unmapped_value")
        if held:
            await schedule.ring(tx, "fetch", {(merchant_id, connection_id) for connection_id, _ in held}, now)
            wants = [(merchant_id, where, order, "a word has got a meaning") for where, order in held]
            await deliveries.fetch_wanted(tx, wants, now)
        linked = await connections.linked_all(tx)
    for item in linked:
        hub.forget(merchant_id, item.connection_id)
    await hub.wake.ring("fetch", [merchant_id])
    return len(held)
