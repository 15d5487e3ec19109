"""What a carrier says of a parcel: in our words, by the time of its scans, and followed once."""

from __future__ import annotations

import itertools
from datetime import timedelta
from functools import partial

from conformance.behaviour import bronze_carrier, silver_carrier
from conformance.kit import NOW, CarrierKit
from core.connector import Delivery, Page, TracksParcels, Unreadable
from core.flow import Flow, encode
from core.model.fulfillment import TrackerWanted
from core.model.tracking import TrackingStatus

MOST_REQUESTS = 8  # of asking a carrier to follow one parcel


follow_behaviour = partial(silver_carrier, needs=(TracksParcels,))


@bronze_carrier(
    "track-read",
    "A callback is read whole: number, carrier, where the parcel is and since when, and every scan.",
)
def whole(kit: CarrierKit) -> None:
    found = kit.tracked(kit.read(kit.sample()))
    assert (found.tracking_number, found.carrier) == ("1Z999", "UPS")
    assert (found.status, found.status_at) == (TrackingStatus.IN_TRANSIT, NOW - timedelta(hours=1))
    assert [scan.scanned_at for scan in found.scans] == [at for _, at in kit.way()]
    assert (found.incident, found.flags) == (None, ())


@bronze_carrier("track-words", "Every word the carrier has is read as the status it means.")
def words(kit: CarrierKit) -> None:
    assert TrackingStatus.DELIVERED in kit.words
    for status, word in kit.words.items():
        found = kit.tracked(kit.read(encode(kit.callback("1Z999", word, [(word, NOW)]))))
        assert found.status is status, word
        assert found.scans[0].status is status, word


@bronze_carrier(
    "track-unknown-word", "An unknown word is flagged and kept, and what was known before it still holds."
)
def unknown_word(kit: CarrierKit) -> None:
    way = [*kit.way(), ("teleported", NOW)]
    found = kit.tracked(kit.read(encode(kit.callback("1Z999", "teleported", way))))
    assert found.status is TrackingStatus.IN_TRANSIT
    assert "unknown_status" in found.flags
    assert (found.scans[-1].status, found.scans[-1].code) == (TrackingStatus.UNKNOWN, "teleported")


@bronze_carrier("track-any-order", "Scans listed in any order, or twice, say the same.")
def any_order(kit: CarrierKit) -> None:
    word = kit.words[TrackingStatus.IN_TRANSIT]
    usual = kit.tracked(kit.read(kit.sample()))
    for way in itertools.permutations(kit.way()):
        assert kit.tracked(kit.read(encode(kit.callback("1Z999", word, way)))) == usual
    twice = kit.tracked(kit.read(encode(kit.callback("1Z999", word, kit.way() * 2))))
    assert (twice.status, twice.status_at) == (usual.status, usual.status_at)


@bronze_carrier(
    "track-delivered-stays",
    "A parcel that was delivered is not on its way again because an older scan is listed last.",
)
def delivered_stays(kit: CarrierKit) -> None:
    delivered = kit.words[TrackingStatus.DELIVERED]
    found = kit.tracked(kit.read(encode(kit.callback("1Z999", delivered, [(delivered, NOW), *kit.way()]))))
    assert (found.status, found.status_at) == (TrackingStatus.DELIVERED, NOW)


@bronze_carrier("track-no-scans", "A parcel of which nothing was seen yet is one that is announced.")
def no_scans(kit: CarrierKit) -> None:
    found = kit.tracked(kit.read(encode(kit.callback("1Z999", kit.words[TrackingStatus.PENDING], []))))
    assert (found.status, found.scans) == (TrackingStatus.PENDING, ())


@bronze_carrier("track-no-number", "A callback without a tracking number is parked.")
def no_number(kit: CarrierKit) -> None:
    body = kit.sample()
    for raw in (b'""', b"null", b"[]"):
        assert isinstance(kit.read(body.replace(b'"1Z999"', raw)), Unreadable), raw


@bronze_carrier("track-twice", "The same callback read twice says the same.")
def read_twice(kit: CarrierKit) -> None:
    assert kit.read(kit.sample()) == kit.read(kit.sample())


@bronze_carrier("track-text", "Text that cannot be stored does not come through.")
def text(kit: CarrierKit) -> None:
    for raw in (rb'"1Z\u0000999"', rb'"1Z999\ud800"'):
        found = kit.read(kit.sample().replace(b'"1Z999"', raw))
        if not isinstance(found, Unreadable):
            written = kit.tracked(found).model_dump_json()
            assert "\\u0000" not in written
            written.encode("utf-8")


def flow(kit: CarrierKit, number: str, *, look_first: bool = False) -> Flow[Page]:
    assert isinstance(kit.connector, TracksParcels)
    return kit.connector.create_tracker(
        TrackerWanted(key=f"key {number}", tracking_number=number, carrier="UPS", look_first=look_first)
    )


@follow_behaviour(
    "follow-begins",
    "A parcel to follow is followed, and what is known of it at once is read like a callback.",
)
async def begins(kit: CarrierKit) -> None:
    async with kit.open() as account:
        page = await account.wire.run(flow(kit, "1Z999AA1"))
        assert account.trackers() == ["1Z999AA1"]
        (item,) = page.items
        assert (
            kit.tracked(kit.connector.read(Delivery(page.topic, {}, item), {})).tracking_number == "1Z999AA1"
        )


@follow_behaviour("follow-once", "A parcel that is followed is not followed, or paid for, twice.")
async def once(kit: CarrierKit) -> None:
    async with kit.open() as account:
        for look_first in (False, True, True):
            await account.wire.run(flow(kit, "1Z999AA1", look_first=look_first))
        await account.wire.run(flow(kit, "1Z999AA2"))
        assert account.trackers() == ["1Z999AA1", "1Z999AA2"]


@follow_behaviour("follow-lost-answer", "Whichever answer is lost, asking again follows the parcel once.")
async def lost_answer(kit: CarrierKit) -> None:
    for place in range(MOST_REQUESTS):
        async with kit.open() as account:
            await account.wire.run_losing(place, flow(kit, "1Z999AA1"))
            ended = len(account.wire.sent) <= place
            await account.wire.run(flow(kit, "1Z999AA1", look_first=True))
            assert account.trackers() == ["1Z999AA1"], f"answer {place} lost"
            if ended:
                return
    raise AssertionError("asking for one parcel does not end")
