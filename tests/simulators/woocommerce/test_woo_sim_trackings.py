"""The Shipment Tracking extension, and a shop without it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from woo_sim_rig import HTTPS, Clock, Hub, Rest

from simulators.books import Shipped
from simulators.courier import Courier
from simulators.woocommerce import SimOrder, WooCommerceSimulator

EXTENSION = "../../wc-shipment-tracking/v3"
NAMESPACES = pytest.mark.parametrize("namespace", [EXTENSION, "../../wc/v3"])


@pytest.fixture
def with_extension(shop: WooCommerceSimulator) -> WooCommerceSimulator:
    shop.shipment_tracking = True
    return shop


@pytest.fixture
async def stranger(address: str) -> AsyncIterator[Any]:
    async with aiohttp.ClientSession() as session:

        async def get(path: str) -> tuple[int, Any]:
            async with session.get(f"{address}/wp-json/{path}", headers=HTTPS) as answer:
                return answer.status, await answer.json()

        yield get


def bought(shop: WooCommerceSimulator) -> SimOrder:
    order = shop.checkout([("MUG", 2)])
    assert order is not None
    return order


@NAMESPACES
async def test_a_tracking_is_added_read_and_deleted(
    with_extension: WooCommerceSimulator, clock: Clock, rest: Rest, namespace: str
) -> None:
    order = bought(with_extension)
    path = f"{namespace}/orders/{order.order_id}/shipment-trackings"
    body = {"tracking_provider": "DPD.de", "tracking_number": "0153", "date_shipped": "2026-11-22"}

    status, made, headers = await rest("POST", path, body)
    _, listed, _ = await rest("GET", path)
    _, read, _ = await rest("GET", f"{path}/{made['tracking_id']}")
    gone, _, _ = await rest("DELETE", f"{path}/{made['tracking_id']}")
    again, refusal, _ = await rest("DELETE", f"{path}/{made['tracking_id']}")

    assert status == 201
    assert made == made | {
        "tracking_provider": "DPD.de",
        "tracking_link": "https://tracking.dpd.de/parcelstatus?query=0153&locale=en_DE",
        "tracking_number": "0153",
        "date_shipped": "2026-11-22",
    }
    assert listed == [read] == [made]
    assert headers["Location"].endswith(
        f"{namespace[5:]}/orders/{order.order_id}/shipment-trackings/{made['tracking_id']}"
    )
    assert (gone, again) == (200, 404)
    assert refusal["code"] == "woocommerce_rest_order_shipment_tracking_invalid_id"
    assert with_extension.books.shipped == [Shipped(str(order.order_id), "0153", "DPD.de", 0, clock())]


async def test_a_custom_provider_brings_its_own_link_and_the_date_is_today(
    with_extension: WooCommerceSimulator, rest: Rest
) -> None:
    path = f"{EXTENSION}/orders/{bought(with_extension).order_id}/shipment-trackings"
    body = {
        "custom_tracking_provider": "Bike",
        "custom_tracking_link": "https://bike.example/%1$s",
        "tracking_number": "7",
        "date_shipped": "soon",
    }

    _, made, _ = await rest("POST", path, body)

    shown = [made[key] for key in ("tracking_provider", "tracking_link", "date_shipped")]
    assert shown == ["Bike", "https://bike.example/7", "2026-11-23"]


async def test_an_unknown_provider_is_taken_and_shown_as_nothing(
    with_extension: WooCommerceSimulator, rest: Rest
) -> None:
    path = f"{EXTENSION}/orders/{bought(with_extension).order_id}/shipment-trackings"

    status, made, _ = await rest("POST", path, {"tracking_provider": "Pigeon", "tracking_number": "7"})

    assert (status, made["tracking_provider"], made["tracking_link"]) == (201, "", "")


async def test_the_same_post_twice_makes_two_trackings(
    with_extension: WooCommerceSimulator, rest: Rest
) -> None:
    path = f"{EXTENSION}/orders/{bought(with_extension).order_id}/shipment-trackings"

    made = [
        (await rest("POST", path, {"tracking_provider": "hermes", "tracking_number": "7"}))[1] for _ in "12"
    ]

    assert made[0]["tracking_id"] != made[1]["tracking_id"]
    assert [tracking["tracking_provider"] for tracking in made] == ["Hermes", "Hermes"]
    assert len(with_extension.books.shipped) == 2


async def test_a_tracking_changes_the_order_and_is_announced(
    with_extension: WooCommerceSimulator, clock: Clock, courier: Courier, hub: Hub, rest: Rest
) -> None:
    order = bought(with_extension)
    with_extension.subscribe("order.updated", hub.url)
    clock.tick(10)

    await rest("POST", f"{EXTENSION}/orders/{order.order_id}/shipment-trackings", {"tracking_number": "7"})
    await courier.settled()
    _, shown, _ = await rest("GET", f"orders/{order.order_id}")

    assert hub.topics() == ["order.updated"]
    assert shown["date_modified_gmt"] == "2026-11-23T17:00:10"
    (row,) = [row for row in shown["meta_data"] if row["key"] == "_wc_shipment_tracking_items"]
    assert [item["tracking_number"] for item in row["value"]] == ["7"]


async def test_wrong_calls_are_refused_and_ship_nothing(
    with_extension: WooCommerceSimulator, rest: Rest
) -> None:
    path = f"{EXTENSION}/orders/{bought(with_extension).order_id}/shipment-trackings"

    no_number = await rest("POST", path, {"tracking_provider": "UPS"})
    no_order = await rest("POST", f"{EXTENSION}/orders/999/shipment-trackings", {"tracking_number": "7"})

    assert (no_number[0], no_number[1]["data"]["params"]) == (400, ["tracking_number"])
    assert (no_order[0], no_order[1]["code"]) == (404, "woocommerce_rest_order_invalid_id")
    assert with_extension.books.shipped == []


async def test_anybody_reads_the_providers_and_nobody_else_the_trackings(
    with_extension: WooCommerceSimulator, stranger: Any
) -> None:
    order = bought(with_extension)

    status, providers = await stranger("wc-shipment-tracking/v3/shipment-trackings/providers")
    refused, refusal = await stranger(f"wc-shipment-tracking/v3/orders/{order.order_id}/shipment-trackings")

    assert (status, "DPD.de" in providers["Germany"]) == (200, True)
    assert (refused, refusal["code"]) == (401, "woocommerce_rest_cannot_view")


@NAMESPACES
async def test_without_the_extension_there_is_no_route(
    shop: WooCommerceSimulator, rest: Rest, namespace: str
) -> None:
    path = f"{namespace}/orders/{bought(shop).order_id}/shipment-trackings"

    answers = [await rest("GET", path), await rest("POST", path, {"tracking_number": "7"})]

    assert [(status, body["code"]) for status, body, _ in answers] == [(404, "rest_no_route")] * 2


async def test_the_index_says_whether_the_extension_is_installed(
    shop: WooCommerceSimulator, stranger: Any
) -> None:
    _, before = await stranger("")
    shop.shipment_tracking = True
    _, after = await stranger("")

    assert "wc-shipment-tracking/v3" not in before["namespaces"]
    assert {"wc/v3", "wc-shipment-tracking/v3"} <= set(after["namespaces"])
