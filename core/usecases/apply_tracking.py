"""Applies what carriers say about parcels, in the caller's transaction: every scan kept once, the newest scan decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.connector import Connector, PushesTracking
from core.hub import Account
from core.model.tracking import Incident, Tracking, TrackingStatus
from core.rules.shipping import tidy_tracking_number
from core.rules.tracking import Standing, after
from core.sealing import associated
from core.store import fulfillments, outbox, schedule
from core.store.database import Connection, Row
from core.store.fulfillments import StoredParcel
from core.store.outbox import Wish

# Goods may be recorded late, but carriers do not give out a number again so soon.
REUSED_AFTER = timedelta(days=30)

# No channel wants to hear these: a parcel is announced with its fulfillment, and not knowing is no news.
_NO_NEWS = (TrackingStatus.PENDING, TrackingStatus.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Said:
    """One carrier's word about one parcel, and the delivery it came in."""

    account: Account
    delivery_id: int
    tracking: Tracking

    @property
    def number(self) -> tuple[int, str]:
        return (self.account.linked.merchant_id, tidy_tracking_number(self.tracking.tracking_number))


async def apply_tracking(
    tx: Connection, words: Sequence[Said], registry: Mapping[str, Connector], now: datetime
) -> bool:
    """Apply *words*, whatever order they come in; says whether a channel has to be told something.

    A number that no parcel has is left alone: the delivery stays, and a tracker made later tells it again.
    """
    parcels = await fulfillments.lock_parcels(tx, {said.number for said in words})
    standing: dict[StoredParcel, Standing] = {}
    scans: list[dict[str, Any]] = []
    for said in words:
        for parcel in _of_carrier(parcels.get(said.number, []), said.tracking.carrier):
            if _of_another_parcel(said.tracking.status_at, parcel.shipped_at):
                continue
            news = Standing(said.tracking.status, said.tracking.incident, said.tracking.status_at)
            standing[parcel] = after(standing.get(parcel, _standing(parcel)), news)
            scans += _scans(said, parcel)
    if scans:
        await fulfillments.add_scans(tx, scans)
    if not standing:
        return False
    await fulfillments.put_standing(
        tx,
        [
            {
                "merchant_id": parcel.merchant_id,
                "parcel_id": parcel.parcel_id,
                "status": now_at.status,
                "incident": now_at.incident,
                "status_at": now_at.at,
                "doubted_at": now_at.doubted_at,
            }
            for parcel, now_at in standing.items()
        ],
    )
    changed = [(parcel, now_at) for parcel, now_at in standing.items() if now_at != _standing(parcel)]
    return await _tell(tx, changed, registry, now) if changed else False


def _of_another_parcel(status_at: datetime | None, shipped_at: datetime | None) -> bool:
    """Whether a word is so much older than the shipment that it is about one that had this number before."""
    return status_at is not None and shipped_at is not None and status_at < shipped_at - REUSED_AFTER


def _of_carrier(parcels: Sequence[StoredParcel], carrier: str | None) -> Sequence[StoredParcel]:
    """The parcels a word is about: a number that only one parcel has is meant, however its carrier is spelt."""
    if len(parcels) < 2 or carrier is None:
        return parcels
    return [parcel for parcel in parcels if _alike(parcel.carrier, carrier)] or parcels


def _alike(one: str, other: str) -> bool:
    """Whether two spellings may be one carrier, as DHL and DHLPaket."""
    short, long = sorted(("".join(filter(str.isalnum, name.lower())) for name in (one, other)), key=len)
    return long.startswith(short)


def _standing(parcel: StoredParcel) -> Standing:
    incident = Incident(parcel.incident) if parcel.incident else None
    return Standing(TrackingStatus(parcel.status), incident, parcel.status_at, parcel.doubted_at)


def _scans(said: Said, parcel: StoredParcel) -> list[dict[str, Any]]:
    rows = []
    for scan in said.tracking.scans:
        words = scan.model_dump_json()
        owner = associated("parcel", parcel.parcel_id)
        rows.append(
            {
                "merchant_id": parcel.merchant_id,
                "parcel_id": parcel.parcel_id,
                "scan_hash": fulfillments.scan_hash(words),
                "scanned_at": scan.scanned_at,
                "status": scan.status,
                "incident": scan.incident,
                "delivery_id": said.delivery_id,
                "detail": said.account.box.seal(words.encode(), owner),
            }
        )
    return rows


async def _tell(
    tx: Connection,
    changed: Sequence[tuple[StoredParcel, Standing]],
    registry: Mapping[str, Connector],
    now: datetime,
) -> bool:
    """Put into the outbox what the channels of these parcels' orders want to know."""
    ring: set[tuple[int, int]] = set()
    for merchant_id in sorted({parcel.merchant_id for parcel, _ in changed}):
        news = {parcel.parcel_id: now_at for parcel, now_at in changed if parcel.merchant_id == merchant_id}
        rows = await fulfillments.fulfillments_of(tx, merchant_id, sorted(news))
        wishes = [wish for row in rows for wish in _wishes(row, news[row["parcel_id"]], registry, now)]
        if wishes:
            await outbox.add(tx, merchant_id, wishes, now)
            ring |= {(merchant_id, wish.connection_id) for wish in wishes}
    if ring:
        await schedule.ring(tx, "effect", ring, now)
    return bool(ring)


async def where_it_is(
    tx: Connection,
    merchant_id: int,
    parcel_id: int,
    fulfillment_id: int,
    registry: Mapping[str, Connector],
    now: datetime,
) -> list[Wish]:
    """What the channel of a fulfillment wants to know that goes into a parcel which has been seen before."""
    parcel = await fulfillments.lock_parcel(tx, merchant_id, parcel_id)
    standing = _standing(parcel)
    rows = await fulfillments.fulfillments_of(tx, merchant_id, [parcel_id])
    ours = [row for row in rows if row["fulfillment_id"] == fulfillment_id]
    return [wish for row in ours for wish in _wishes(row, standing, registry, now)]


def _wishes(row: Row, standing: Standing, registry: Mapping[str, Connector], now: datetime) -> list[Wish]:
    if not isinstance(registry.get(row["channel"]), PushesTracking) or standing.status in _NO_NEWS:
        return []
    happened_at = (standing.at or now).isoformat()
    return [
        Wish(
            connection_id=row["connection_id"],
            kind="tracking",
            entity=f"order:{row['order_id']}",
            subject_id=row["fulfillment_id"],
            op_key=f"tracking:{row['fulfillment_id']}:{row['parcel_id']}:{standing.status}:{happened_at}",
            detail={
                "parcel_id": str(row["parcel_id"]),
                "status": standing.status,
                "happened_at": happened_at,
            },
        )
    ]
