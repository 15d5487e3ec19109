"""How times are read: one instant, whatever the shop's clock on the wall says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from conformance.behaviour import bronze_channel
from conformance.behaviours.orders import held, reads, reserves
from conformance.kit import BERLIN, ChannelKit
from core.flow import encode


def read_at(kit: ChannelKit, at: datetime, zone: ZoneInfo) -> datetime | None:
    return reads(kit, encode(kit.order(changed_at=at, zone=zone))).changed_at


@bronze_channel("time-dst", "On the days the clocks change, every half hour is read as the instant it was.")
def dst(kit: ChannelKit) -> None:
    for midnight in (datetime(2026, 3, 28, 22, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC)):
        for half_hours in range(14):
            at = midnight + timedelta(minutes=30 * half_hours)
            assert read_at(kit, at, BERLIN) == at


@bronze_channel("time-zones", "A shop's time zone, also one of quarter hours, does not move an instant.")
def zones(kit: ChannelKit) -> None:
    at = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    for name in ("Asia/Kathmandu", "Pacific/Kiritimati", "America/St_Johns", "Pacific/Chatham", "UTC"):
        found = read_at(kit, at, ZoneInfo(name))
        assert found == at, name
        assert found.utcoffset() == timedelta(0), "times are kept in UTC"


@bronze_channel(
    "time-missing", "An order that does not say when it changed is read without a time, and none is invented."
)
def missing(kit: ChannelKit) -> None:
    for body in (kit.without("changed_at"), kit.with_raw("changed_at", "null")):
        order = reads(kit, body)
        assert order.changed_at is None
        reserves(order)


@bronze_channel(
    "time-otherwise-written", "A time that does not exist or is written otherwise is held and never guessed."
)
def otherwise_written(kit: ChannelKit) -> None:
    for written in (
        "2026-02-30T10:00:00Z",
        "2026-11-20",
        "20.11.2026 10:00",
        "0000-00-00T00:00:00",
        "now",
        "1e18",
    ):
        order = reads(kit, kit.with_raw("changed_at", f'"{written}"'))
        assert order.changed_at is None, written
        held(order, kit, "changed_at")
        reserves(order)
