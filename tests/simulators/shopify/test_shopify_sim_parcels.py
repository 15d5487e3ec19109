"""Where a parcel is, and how the shop tells: events, and the webhooks that follow everything about a parcel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from shopify_sim_rig import Clock, Hub, cancel, fulfillment_orders, group, note, read, ship, shipped

from simulators.books import Noted
from simulators.courier import Courier
from simulators.shopify import ShopifySimulator, SimOrder

FIXTURES = Path(__file__).resolve().parents[3].parent / "shared" / "fixtures" / "shopify"


def test_events_move_the_parcel_and_are_booked_each(
    shop: ShopifySimulator, order: SimOrder, clock: Clock
) -> None:
    made = ship(shop, group(fulfillment_orders(shop, order)[0]), number="1")["fulfillment"]

    later, earlier = "2026-11-24T09:00:00Z", "2026-11-23T20:00:00Z"
    note(shop, made["id"], "IN_TRANSIT", happenedAt=earlier, estimatedDeliveryAt=later, message="Köln")
    note(shop, made["id"], "DELIVERED", happenedAt=later)
    note(shop, made["id"], "DELIVERED", happenedAt=later)

    [parcel] = shipped(shop, order)["fulfillments"]
    assert parcel["displayStatus"] == "DELIVERED"
    assert (parcel["inTransitAt"], parcel["deliveredAt"]) == (earlier, later)
    assert parcel["estimatedDeliveryAt"] == later
    assert [(event["status"], event["message"]) for event in parcel["events"]["nodes"]] == [
        ("IN_TRANSIT", "Köln"),
        ("DELIVERED", None),
        ("DELIVERED", None),
    ]
    assert shop.books.noted == [
        Noted(order.key, f"IN_TRANSIT {earlier}", clock()),
        Noted(order.key, f"DELIVERED {later}", clock()),
        Noted(order.key, f"DELIVERED {later}", clock()),
    ]


def test_events_are_listed_as_they_happened_and_the_last_word_counts(
    shop: ShopifySimulator, order: SimOrder
) -> None:
    made = ship(shop, group(fulfillment_orders(shop, order)[0]), number="1")["fulfillment"]

    note(shop, made["id"], "DELIVERED", happenedAt="2026-11-24T09:00:00Z")
    note(shop, made["id"], "IN_TRANSIT", happenedAt="2026-11-23T20:00:00Z")

    [parcel] = shipped(shop, order)["fulfillments"]
    assert [event["status"] for event in parcel["events"]["nodes"]] == ["IN_TRANSIT", "DELIVERED"]
    assert parcel["displayStatus"] == "IN_TRANSIT"


def test_an_event_happens_now_unless_it_says_when(shop: ShopifySimulator, order: SimOrder) -> None:
    made = ship(shop, group(fulfillment_orders(shop, order)[0]), number="1")["fulfillment"]

    outcome = note(shop, made["id"], "CONFIRMED")
    unknown = note(shop, "gid://shopify/Fulfillment/9", "CONFIRMED")

    assert outcome["fulfillmentEvent"]["happenedAt"] == "2026-11-23T17:00:00Z"
    assert unknown["userErrors"] == [
        {"field": ["fulfillmentEvent", "fulfillmentId"], "message": "Fulfillment does not exist."}
    ]
    assert len(shop.books.noted) == 1


async def test_every_step_is_announced(
    shop: ShopifySimulator, order: SimOrder, hub: Hub, courier: Courier
) -> None:
    for topic in (
        "fulfillments/create", "fulfillments/update", "fulfillment_events/create", "orders/fulfilled",
        "orders/partially_fulfilled", "orders/updated",
    ):  # fmt: skip
        shop.subscribe(topic, f"{hub.url}/{topic}")

    async def told() -> dict[str, Any]:
        await courier.settled()
        arrived = {headers["X-Shopify-Topic"]: read(body) for headers, body in hub.received}
        hub.received.clear()
        return arrived

    [one] = fulfillment_orders(shop, order)
    ship(shop, group(one, 1), company="DPD", number="01", url="https://dpd.example/01")
    first = await told()
    made = ship(shop, group(one), company="DPD", numbers=["02", "03"])["fulfillment"]
    second = await told()
    note(shop, made["id"], "OUT_FOR_DELIVERY", happenedAt="2026-11-24T09:00:00Z")
    third = await told()
    cancel(shop, made["id"])
    fourth = await told()

    assert set(first) == {"fulfillments/create", "orders/partially_fulfilled", "orders/updated"}
    assert first["fulfillments/create"]["tracking_url"] == "https://dpd.example/01"
    assert [line["quantity"] for line in first["fulfillments/create"]["line_items"]] == [1]
    assert first["orders/updated"]["fulfillments"][0]["tracking_number"] == "01"
    assert set(second) == {"fulfillments/create", "orders/fulfilled", "orders/updated"}
    assert second["fulfillments/create"]["tracking_numbers"] == ["02", "03"]
    assert set(third) == {"fulfillment_events/create", "fulfillments/update", "orders/updated"}
    assert third["fulfillment_events/create"]["happened_at"] == "2026-11-24T10:00:00+01:00"
    assert third["orders/updated"]["fulfillments"][1]["shipment_status"] == "out_for_delivery"
    assert set(fourth) == {"fulfillments/update", "orders/updated"}
    assert fourth["fulfillments/update"]["status"] == "cancelled"
    assert fourth["orders/updated"]["fulfillment_status"] == "partial"


async def test_their_payloads_have_the_fields_of_real_ones(
    shop: ShopifySimulator, order: SimOrder, hub: Hub, courier: Courier
) -> None:
    samples = {
        topic: FIXTURES / f"webhook-{topic.replace('/', '-')}-2026-04.json"
        for topic in ("fulfillments/create", "fulfillment_events/create")
    }
    if not all(sample.exists() for sample in samples.values()):
        pytest.skip(f"no samples in {FIXTURES}")
    for topic in samples:
        shop.subscribe(topic, f"{hub.url}/{topic}")

    made = ship(shop, group(fulfillment_orders(shop, order)[0]), number="1")["fulfillment"]
    note(shop, made["id"], "DELIVERED")
    await courier.settled()

    arrived = {headers["X-Shopify-Topic"]: read(body) for headers, body in hub.received}
    for topic, sample in samples.items():
        assert set(arrived[topic]) == set(read(sample.read_bytes())), topic
