"""Tell one channel or carrier what waits in the outbox. The attempt is written before the call; no answer means that
the channel is read before it is told again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from core import metrics
from core.connector import Connector, Page, PushesFulfillments, PushesTracking, TracksParcels
from core.errors import ChannelError, ErrorCode, Recovery
from core.failpoints import reach
from core.flow import Flow
from core.hub import Account, Hub
from core.log import get_log
from core.model.fulfillment import (
    FulfillmentPush,
    FulfillmentPushed,
    LineQuantity,
    Parcel,
    TrackerWanted,
    TrackingPush,
)
from core.model.tracking import TrackingStatus
from core.net import Line, drive
from core.rules.effects import DONE, MAX_VANISHED, Settled, settle
from core.store import connections, fulfillments, outbox, schedule
from core.store.connections import Linked
from core.store.database import Connection, Row
from core.store.outbox import Claimed
from core.store.schedule import Lease, held
from core.usecases.lease import NEVER, LostLease, ours_until
from core.usecases.store_page import store_page

AT_ONCE = 16  # wishes told side by side, each of another entity

# Refusals that are about the whole line: the next wish would be refused alike.
_LINE_DOWN = (Recovery.WAIT, Recovery.REAUTHORIZE)

log = get_log("effects")


@dataclass(slots=True)
class Told:
    """*told* wishes had their effect, *repeated* of them by an earlier attempt whose answer was lost."""

    told: int = 0
    repeated: int = 0
    refused: int = 0
    unknown: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class _Answer:
    """How one attempt ended, and what the target said."""

    claimed: Claimed
    settled: Settled
    result: FulfillmentPushed | Page | None = None
    error: ChannelError | None = None


async def push_effects(hub: Hub, lease: Lease) -> Told:
    """Tell everything that is due; raises `ChannelError` when the line itself is down, `LostLease` when another
    worker has taken over.
    """
    done = Told()
    account = await hub.account(lease.merchant_id, lease.connection_id)
    while True:
        until = ours_until(hub)
        async with hub.database.transaction([lease.merchant_id]) as tx:
            if not await held(tx, lease) or not await schedule.renew(tx, lease, hub.settings.lease_s):
                raise LostLease
            linked = await connections.linked(tx, lease.merchant_id, lease.connection_id)
            kinds = told_kinds(linked, account.connector)
            if not kinds:
                return done
            line = replace(await hub.line(tx, linked), until=until)
            claimed = await outbox.claim(
                tx, lease.merchant_id, lease.connection_id, lease.epoch, kinds, AT_ONCE, hub.clock()
            )
            flows = await _flows(tx, lease.merchant_id, account.connector, claimed)
            if claimed:
                await reach("effect.claiming")
        if not claimed:
            return done
        answers = await asyncio.gather(*(_tell(hub, line, one, flows[one.effect_id]) for one in claimed))
        await _write_back(hub, lease, account, answers)
        _count(done, answers)
        for answer in answers:
            if answer.error is not None and answer.error.recovery in _LINE_DOWN:
                raise answer.error


def told_kinds(linked: Linked, connector: Connector) -> list[str]:
    """What may be told to this connection now: what it takes, and what a person has allowed."""
    if linked.status != "active":
        return []
    kinds = ["tracker"] if isinstance(connector, TracksParcels) else []
    if linked.push_fulfillments:
        kinds += ["fulfillment"] if isinstance(connector, PushesFulfillments) else []
        kinds += ["tracking"] if isinstance(connector, PushesTracking) else []
    return kinds


async def _tell(hub: Hub, line: Line, claimed: Claimed, flow: Flow[Any] | None) -> _Answer:
    if claimed.vanished >= MAX_VANISHED:
        message = f"its worker ended {MAX_VANISHED} times over it"
        return _Answer(claimed, Settled("rejected", "rejected", None, message=message))
    if flow is None:
        return _Answer(
            claimed, Settled("rejected", "rejected", None, message="the channel has no such parcel")
        )
    try:
        # The whole conversation ends before the lease does.
        async with asyncio.timeout(line.until - time.monotonic()):
            await reach(f"effect.{claimed.kind}.claimed")
            answer = _Answer(claimed, DONE, await drive(flow, line))
            await reach(f"effect.{claimed.kind}.called")
            return answer
    except TimeoutError:
        error = ChannelError(ErrorCode.TIMEOUT, "the conversation took too long")
    except ChannelError as refused:
        error = refused
    lands = timedelta(seconds=2 * hub.settings.call_deadline_s)
    return _Answer(claimed, settle(error, claimed.attempts, hub.clock(), lands), error=error)


async def _write_back(hub: Hub, lease: Lease, account: Account, answers: Sequence[_Answer]) -> None:
    now = hub.clock()
    async with hub.database.transaction([lease.merchant_id]) as tx:
        if not await held(tx, lease):
            raise LostLease
        await outbox.settle(tx, lease.merchant_id, [_row(answer) for answer in answers], now)
        for answer in answers:
            if isinstance(answer.result, FulfillmentPushed):
                ids = answer.result.channel_fulfillment_ids
                await fulfillments.told(tx, lease.merchant_id, answer.claimed.subject_id, ids)
            elif isinstance(answer.result, Page):
                await store_page(tx, account, answer.result, "fetch", now)
        await reach("effect.storing")
    await reach("effect.stored")
    if any(isinstance(answer.result, Page) for answer in answers):
        await hub.wake.ring("drain", [lease.merchant_id])
    for answer in answers:
        if answer.error is not None:
            log.warning(
                "an effect was not confirmed",
                extra={
                    "fields": {
                        "connection": lease.connection_id,
                        "effect": answer.claimed.effect_id,
                        "attempt": answer.claimed.attempt,
                        "kind": answer.claimed.kind,
                        "outcome": answer.settled.outcome,
                        "error": answer.settled.message,
                    }
                },
            )


def _row(answer: _Answer) -> dict[str, Any]:
    settled = answer.settled
    return {
        "effect_id": answer.claimed.effect_id,
        "attempt": answer.claimed.attempt,
        "outcome": settled.outcome,
        "repeated": isinstance(answer.result, FulfillmentPushed) and answer.result.repeated,
        "message": settled.message,
        "status": settled.status,
        "next_at": settled.next_at,
        "counts": settled.counts,
    }


def _count(done: Told, answers: Sequence[_Answer]) -> None:
    for answer in answers:
        metrics.TOLD.labels(answer.claimed.kind, answer.settled.outcome).inc()
        done.told += answer.settled.status == "done"
        done.repeated += isinstance(answer.result, FulfillmentPushed) and answer.result.repeated
        done.refused += answer.settled.status == "rejected"
        done.unknown += answer.settled.outcome == "unknown"
        done.waiting += answer.settled.outcome == "throttled"


async def _flows(
    tx: Connection, merchant_id: int, connector: Connector, claimed: Sequence[Claimed]
) -> dict[int, Flow[Any] | None]:
    """The conversation for each claimed wish; None for a parcel's way where the channel never took the parcel."""
    shipped = [one.subject_id for one in claimed if one.kind != "tracker"]
    subjects = await outbox.fulfillment_subjects(tx, merchant_id, shipped) if shipped else {}
    followed = [_parcel_of(one) for one in claimed if one.kind != "fulfillment"]
    parcels = await outbox.parcel_subjects(tx, merchant_id, followed) if followed else {}
    flows: dict[int, Flow[Any] | None] = {}
    for one in claimed:
        flow: Flow[Any] | None = None
        if one.kind == "fulfillment" and isinstance(connector, PushesFulfillments):
            flow = connector.push_fulfillment(_fulfillment(one, subjects[one.subject_id]))
        elif one.kind == "tracking" and isinstance(connector, PushesTracking):
            subject = subjects[one.subject_id]
            if subject["channel_fulfillment_ids"]:
                flow = connector.push_tracking(_tracking(one, subject, parcels[_parcel_of(one)]))
        elif one.kind == "tracker" and isinstance(connector, TracksParcels):
            flow = connector.create_tracker(_tracker(one, parcels[one.subject_id]))
        flows[one.effect_id] = flow
    return flows


def _parcel_of(one: Claimed) -> int:
    return one.subject_id if one.kind == "tracker" else int(one.detail["parcel_id"])


def _tracker(one: Claimed, parcel: Row) -> TrackerWanted:
    return TrackerWanted(
        key=one.key,
        tracking_number=parcel["tracking_number"],
        carrier=parcel["carrier"],
        look_first=one.look_first,
    )


def _fulfillment(one: Claimed, subject: Row) -> FulfillmentPush:
    return FulfillmentPush(
        key=one.key,
        channel_order_id=subject["channel_order_id"],
        lines=tuple(LineQuantity.model_validate(line) for line in subject["lines"]),
        parcels=tuple(Parcel.model_validate(parcel) for parcel in subject["parcels"]),
        shipped_at=subject["shipped_at"],
        completes=subject["completes"],
        look_first=one.look_first,
        others=tuple(subject["others"]),
    )


def _tracking(one: Claimed, subject: Row, parcel: Row) -> TrackingPush:
    return TrackingPush(
        key=one.key,
        channel_order_id=subject["channel_order_id"],
        channel_fulfillment_ids=tuple(subject["channel_fulfillment_ids"]),
        tracking_number=parcel["tracking_number"],
        status=TrackingStatus(one.detail["status"]),
        happened_at=datetime.fromisoformat(one.detail["happened_at"]),
        look_first=one.look_first,
    )


async def next_effect(hub: Hub, lease: Lease, _result: object) -> datetime:
    """Due when the next wish may be told; nothing waits on a connection that may not be written to."""
    account = await hub.account(lease.merchant_id, lease.connection_id)
    async with hub.database.transaction([lease.merchant_id]) as tx:
        linked = await connections.linked(tx, lease.merchant_id, lease.connection_id)
        kinds = told_kinds(linked, account.connector)
        return await outbox.next_due(tx, lease.merchant_id, lease.connection_id, kinds) or NEVER
