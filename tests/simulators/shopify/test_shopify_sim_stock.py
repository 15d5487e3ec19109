"""Stock is written by compare-and-set, all or nothing, once per idempotency key."""

from __future__ import annotations

from typing import Any

import pytest
from shopify_sim_rig import SET_QUANTITIES, Hub

from simulators.courier import Courier
from simulators.shopify import ShopifySimulator, SimVariant


@pytest.fixture
def mug(shop: ShopifySimulator) -> SimVariant:
    return shop.add_variant(sku="MUG-2", title="Mug", price="1.00", quantity=5)


@pytest.fixture
def lamp(shop: ShopifySimulator) -> SimVariant:
    return shop.add_variant(sku="LAMP-2", title="Lamp", price="1.00", quantity=50)


def entry(shop: ShopifySimulator, variant: SimVariant, quantity: int, expected: int | None) -> dict[str, Any]:
    return {
        "inventoryItemId": f"gid://shopify/InventoryItem/{variant.inventory_item_id}",
        "locationId": f"gid://shopify/Location/{shop.location_id}",
        "quantity": quantity,
        "changeFromQuantity": expected,
    }


def write(shop: ShopifySimulator, *entries: dict[str, Any], key: str = "k1", **more: Any) -> dict[str, Any]:
    asked = {"name": "available", "reason": "correction", "quantities": list(entries), **more}
    answer = shop.answer(SET_QUANTITIES, {"input": asked, "key": key})
    assert "errors" not in answer, answer
    return dict(answer["data"]["inventorySetQuantities"])


def test_a_write_sets_what_is_available(shop: ShopifySimulator, mug: SimVariant) -> None:
    outcome = write(shop, entry(shop, mug, 3, 5))

    assert outcome["userErrors"] == []
    assert mug.available == 3
    assert outcome["inventoryAdjustmentGroup"]["changes"][0] == {
        "name": "available",
        "delta": -2,
        "item": {"sku": "MUG-2"},
    }
    [written] = shop.books.stock_writes
    assert (written.sku, written.before, written.after, written.accepted) == ("MUG-2", 5, 3, True)


def test_a_stale_comparison_stops_the_whole_batch(
    shop: ShopifySimulator, mug: SimVariant, lamp: SimVariant
) -> None:
    shop.checkout([("LAMP-2", 1)])

    outcome = write(shop, entry(shop, mug, 3, 5), entry(shop, lamp, 20, 50))

    [error] = outcome["userErrors"]
    assert error["code"] == "CHANGE_FROM_QUANTITY_STALE"
    assert error["field"] == ["input", "quantities", "1", "changeFromQuantity"]
    assert outcome["inventoryAdjustmentGroup"] is None
    assert (mug.available, lamp.available) == (5, 49)
    assert [written.accepted for written in shop.books.stock_writes] == [False, False]


def test_null_compares_with_nothing(shop: ShopifySimulator, mug: SimVariant) -> None:
    shop.checkout([("MUG-2", 1)])

    write(shop, entry(shop, mug, 9, None))

    assert mug.available == 9


def test_on_hand_contains_what_open_orders_hold(shop: ShopifySimulator, mug: SimVariant) -> None:
    shop.checkout([("MUG-2", 2)])

    write(shop, entry(shop, mug, 8, 5), name="on_hand")

    assert (mug.available, mug.on_hand) == (6, 8)


def test_the_same_key_writes_once(shop: ShopifySimulator, mug: SimVariant) -> None:
    first = write(shop, entry(shop, mug, 3, 5))
    shop.checkout([("MUG-2", 1)])
    again = write(shop, entry(shop, mug, 3, 5))
    other = write(shop, entry(shop, mug, 4, 2))

    assert again == first
    assert other["userErrors"][0]["code"] == "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"
    assert mug.available == 2
    assert len(shop.books.stock_writes) == 1


def test_what_is_wrong_with_an_entry_is_named(shop: ShopifySimulator, mug: SimVariant) -> None:
    bundle = shop.add_variant(sku="SET", title="Set", price="1.00", quantity=1, bundle=True)
    untracked = shop.add_variant(sku="SERVICE", title="Service", price="1.00", quantity=0, tracked=False)
    good = entry(shop, mug, 1, 5)

    outcome = write(
        shop,
        good,
        good | {"inventoryItemId": "gid://shopify/InventoryItem/1"},
        good | {"locationId": "gid://shopify/Location/1"},
        good,
        entry(shop, bundle, 1, 1),
        entry(shop, untracked, 1, 0),
    )

    assert [(error["code"], error["field"][2:]) for error in outcome["userErrors"]] == [
        ("INVALID_INVENTORY_ITEM", ["1", "inventoryItemId"]),
        ("INVALID_LOCATION", ["2", "locationId"]),
        ("NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR", ["3", "locationId"]),
        ("NON_MUTABLE_INVENTORY_ITEM", ["4", "inventoryItemId"]),
        ("NON_MUTABLE_INVENTORY_ITEM", ["5", "inventoryItemId"]),
    ]
    assert mug.available == 5


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"name": "incoming"}, "INVALID_NAME"),
        ({"reason": "because"}, "INVALID_REASON"),
        ({"referenceDocumentUri": "order 7"}, "INVALID_REFERENCE_DOCUMENT"),
    ],
)
def test_a_write_needs_a_known_name_reason_and_document(
    shop: ShopifySimulator, mug: SimVariant, changed: dict[str, str], code: str
) -> None:
    outcome = write(shop, entry(shop, mug, 1, 5), **changed)

    assert outcome["userErrors"][0]["code"] == code
    assert mug.available == 5


@pytest.mark.parametrize(
    ("quantity", "code"), [(-1, "INVALID_QUANTITY_NEGATIVE"), (2 * 10**9, "INVALID_QUANTITY_TOO_HIGH")]
)
def test_a_quantity_has_bounds(shop: ShopifySimulator, mug: SimVariant, quantity: int, code: str) -> None:
    outcome = write(shop, entry(shop, mug, quantity, 5))

    assert outcome["userErrors"][0]["code"] == code


def test_the_key_and_the_comparison_must_be_given(shop: ShopifySimulator, mug: SimVariant) -> None:
    quantity = entry(shop, mug, 1, 5)
    asked = {"name": "available", "reason": "correction", "quantities": [quantity]}
    without_key = shop.answer(
        SET_QUANTITIES.replace("@idempotent(key: $key)", "").replace(", $key: String!", ""), {"input": asked}
    )
    del quantity["changeFromQuantity"]
    without_comparison = shop.answer(SET_QUANTITIES, {"input": asked, "key": "k"})

    assert without_key["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert without_comparison["errors"][0]["extensions"]["code"] == "INVALID_FIELD_ARGUMENTS"
    assert mug.available == 5


async def test_a_write_is_told_by_webhook(
    shop: ShopifySimulator, mug: SimVariant, hub: Hub, courier: Courier
) -> None:
    shop.subscribe("inventory_levels/update", f"{hub.url}/inventory_levels/update")

    write(shop, entry(shop, mug, 3, 5))
    shop.set_available("MUG-2", 8)
    await courier.settled()

    assert sorted(body.count(b'"available":8') for _, body in hub.received) == [0, 1]
    assert mug.available == 8
