"""Writing the stock of a Shopify shop."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.shopify import CONNECTOR
from core.errors import ChannelError, ErrorCode
from core.flow import Request, Response, decode, encode, rehearse
from core.model.inventory import StockWrite, StockWritten

STALE = "CHANGE_FROM_QUANTITY_STALE"


class Shop:
    """A shop's shelf as the documentation describes it: all or nothing, with compare-and-set.

    *bad* names items that can never be written, *vague* leaves out which item an error is about, and
    *meanwhile* is what is sold just before each mutation arrives.
    """

    def __init__(
        self, shelf: dict[str, int], bad: dict[str, str] | None = None, *, vague: bool = False
    ) -> None:
        self.shelf, self.bad, self.vague = shelf, bad or {}, vague
        self.meanwhile: list[dict[str, int]] = []
        self.asked: list[Request] = []
        self.keys: dict[str, Any] = {}

    def answer(self, request: Request) -> Response:
        self.asked.append(request)
        assert request.body is not None
        variables = decode(request.body)["variables"]
        if "items" in variables:
            return said(nodes=[self._item(item.rsplit("/", 1)[-1]) for item in variables["items"]])
        for sold, quantity in (self.meanwhile.pop(0) if self.meanwhile else {}).items():
            self.shelf[sold] -= quantity
        assert self.keys.setdefault(variables["key"], variables["input"]) == variables["input"]
        errors = self._errors(variables["input"]["quantities"])
        if not errors:
            for entry in variables["input"]["quantities"]:
                self.shelf[entry["inventoryItemId"].rsplit("/", 1)[-1]] = entry["quantity"]
        return said(inventorySetQuantities={"userErrors": errors})

    def _item(self, item: str) -> dict[str, Any] | None:
        if item not in self.shelf:
            return None
        return {
            "inventoryLevel": {"quantities": [{"name": "available", "quantity": self.shelf[item]}]},
            "id": item,
        }

    def _errors(self, quantities: list[dict[str, Any]]) -> list[dict[str, Any]]:
        found = []
        for index, entry in enumerate(quantities):
            item = entry["inventoryItemId"].rsplit("/", 1)[-1]
            code = self.bad.get(item) or ("INVALID_INVENTORY_ITEM" if item not in self.shelf else None)
            if code is None and entry["changeFromQuantity"] != self.shelf[item]:
                code = STALE
            if code:
                field = None if self.vague else ["input", "quantities", str(index), "changeFromQuantity"]
                found.append({"code": code, "field": field, "message": f"{code} it is"})
        return found


def said(**data: Any) -> Response:
    return Response(200, body=encode({"data": data}))


def want(item: str, desired: int, predicted: int | None, **more: Any) -> StockWrite:
    return StockWrite(
        channel_stock_id=item,
        channel_location_id="70",
        desired=desired,
        predicted=predicted,
        key=f"key of {item}",
        **more,
    )


def push(shop: Shop, *writes: StockWrite) -> tuple[StockWritten, ...]:
    flow = CONNECTOR.push_stock(writes)
    request = next(flow)
    while True:
        response = shop.answer(request)
        error = CONNECTOR.classify(response)
        try:
            request = flow.throw(error) if error else flow.send(response)
        except StopIteration as stop:
            outcome: tuple[StockWritten, ...] = stop.value
            return outcome


def test_what_shows_as_predicted_is_written_at_once() -> None:
    shop = Shop({"1": 10, "2": -3})

    outcome = push(shop, want("1", 8, 10), want("2", 4, -3))

    assert shop.shelf == {"1": 8, "2": 4}
    assert [(one.written, one.unseen, one.error) for one in outcome] == [(8, 0, None), (4, 0, None)]
    assert len(shop.asked) == 1
    assert shop.asked[0].reads is False


def test_a_sale_not_heard_of_stays_sold() -> None:
    shop = Shop({"1": 9, "2": 5})

    outcome = push(shop, want("1", 8, 10), want("2", 6, 5))

    assert shop.shelf == {"1": 7, "2": 6}
    assert [(one.written, one.unseen) for one in outcome] == [(7, 1), (6, 0)]


def test_a_sale_between_looking_and_writing_stays_sold_too() -> None:
    shop = Shop({"1": 9})
    shop.meanwhile = [{}, {"1": 2}]

    (outcome,) = push(shop, want("1", 8, 10))

    assert (shop.shelf["1"], outcome.written, outcome.unseen) == (5, 5, 3)


def test_more_than_predicted_is_no_reason_to_write_less() -> None:
    shop = Shop({"1": 14})

    (outcome,) = push(shop, want("1", 8, 10))

    assert (shop.shelf["1"], outcome.unseen) == (8, 0)


def test_an_earlier_try_whose_answer_was_lost_is_no_sale() -> None:
    shop = Shop({"1": 8})

    (outcome,) = push(shop, want("1", 8, 10, maybe=8))

    assert (shop.shelf["1"], outcome.written, outcome.unseen) == (8, 8, 0)


def test_what_nothing_is_known_of_is_looked_at_first() -> None:
    shop = Shop({"1": 3, "2": 8})

    outcome = push(shop, want("1", 8, None), want("2", 8, None))

    assert shop.shelf == {"1": 8, "2": 8}
    assert [one.written for one in outcome] == [8, 8]
    assert len(decode(shop.asked[1].body or b"")["variables"]["input"]["quantities"]) == 1


@pytest.mark.parametrize("vague", [False, True])
@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("NON_MUTABLE_INVENTORY_ITEM", "rejected"),
        ("ITEM_NOT_STOCKED_AT_LOCATION", "rejected"),
        ("INVALID_QUANTITY_TOO_HIGH", "rejected"),
        ("INVALID_LOCATION", "not_found"),
        ("INVALID_INVENTORY_ITEM", "not_found"),
    ],
)
def test_one_bad_item_does_not_stop_the_others(code: str, word: str, *, vague: bool) -> None:
    shop = Shop({"1": 10, "2": 10, "3": 10, "4": 10}, bad={"3": code}, vague=vague)

    outcome = push(shop, *(want(item, 8, 10) for item in "1234"))

    assert shop.shelf == {"1": 8, "2": 8, "3": 10, "4": 8}
    assert [one.error for one in outcome] == [None, None, word, None]
    assert code in outcome[2].message


def test_bad_and_stale_items_are_told_apart() -> None:
    shop = Shop({"1": 10, "2": 9, "3": 10}, bad={"3": "NON_MUTABLE_INVENTORY_ITEM"})

    outcome = push(shop, want("1", 8, 10), want("2", 8, 10), want("3", 8, 10), want("4", 8, 10))

    assert [(one.written, one.error) for one in outcome] == [
        (8, None),
        (7, None),
        (None, "rejected"),
        (None, "not_found"),
    ]


def test_an_item_that_sells_faster_than_we_write_is_left_for_later() -> None:
    shop = Shop({"1": 1000, "2": 10})
    shop.meanwhile = [{"1": 1} for _ in range(20)]

    outcome = push(shop, want("1", 800, 1000), want("2", 8, 10))

    assert [(one.written, one.error) for one in outcome] == [(None, "stale"), (8, None)]
    assert shop.shelf["2"] == 8


def test_an_item_gone_while_we_look_is_told_so() -> None:
    shop = Shop({"1": 1})

    (outcome,) = push(shop, want("9", 8, None))

    assert (outcome.error, len(shop.asked)) == ("not_found", 1)


def test_the_same_item_twice_is_never_in_one_mutation() -> None:
    shop = Shop({"1": 10})

    outcome = push(shop, want("1", 8, 10), want("1", 7, 8))

    assert (shop.shelf["1"], [one.written for one in outcome]) == (7, [8, 7])


@pytest.mark.parametrize("item", ["", "abc", "1/2", "-1", "gid://shopify/InventoryItem/1"])
def test_what_is_no_inventory_item_is_never_sent(item: str) -> None:
    outcome = push_nothing(want(item, 8, 10))

    assert outcome.error == "rejected"


def push_nothing(write: StockWrite) -> StockWritten:
    (outcome,), asked = rehearse(CONNECTOR.push_stock([write]), [])
    assert asked == []
    return outcome


def test_a_repeated_push_repeats_its_keys_and_another_value_has_another() -> None:
    first, again, other = Shop({"1": 10}), Shop({"1": 10}), Shop({"1": 10})

    push(first, want("1", 8, 10))
    push(again, want("1", 8, 10))
    push(other, want("1", 7, 10))

    assert first.asked == again.asked
    assert set(first.keys) != set(other.keys)


def test_a_value_computed_anew_has_a_key_of_its_own() -> None:
    shop = Shop({"1": 9})

    push(shop, want("1", 8, 10))

    assert len(shop.keys) == 2


@pytest.mark.parametrize(
    "code", ["IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"]
)
def test_a_key_that_is_used_up_is_replaced(code: str) -> None:
    used_up = [{"code": code, "field": None, "message": "used"}]
    level = {"inventoryLevel": {"quantities": [{"name": "available", "quantity": 10}]}}

    (outcome,), asked = rehearse(
        CONNECTOR.push_stock([want("1", 8, 10)]),
        [
            said(inventorySetQuantities={"userErrors": used_up}),
            said(nodes=[level]),
            said(inventorySetQuantities={"userErrors": []}),
        ],
        CONNECTOR.classify,
    )

    keys = [decode(request.body or b"")["variables"].get("key") for request in asked]
    assert (outcome.written, keys[0] != keys[2]) == (8, True)


def test_a_write_still_in_progress_is_left_unknown() -> None:
    busy = [{"code": "IDEMPOTENCY_CONCURRENT_REQUEST", "field": None, "message": "in progress"}]

    outcome, _ = rehearse(
        CONNECTOR.push_stock([want("1", 8, 10), want("2", 8, 10)]),
        [said(inventorySetQuantities={"userErrors": busy})],
        CONNECTOR.classify,
    )

    assert [one.error for one in outcome] == ["unavailable", "unavailable"]


def test_a_refusal_of_the_whole_call_is_raised_while_nothing_is_decided() -> None:
    with pytest.raises(ChannelError) as caught:
        rehearse(CONNECTOR.push_stock([want("1", 8, 10)]), [Response(401)], CONNECTOR.classify)

    assert caught.value.code is ErrorCode.UNAUTHORIZED


def test_what_was_decided_before_a_refusal_is_not_forgotten() -> None:
    outcome, _ = rehearse(
        CONNECTOR.push_stock([want("1", 8, 10), want("1", 7, 8)]),
        [said(inventorySetQuantities={"userErrors": []}), ChannelError(ErrorCode.TIMEOUT, "no answer")],
        CONNECTOR.classify,
    )

    assert [(one.written, one.error) for one in outcome] == [(8, None), (None, "timeout")]


@pytest.mark.parametrize("answer", [{}, {"inventorySetQuantities": None}, {"inventorySetQuantities": {}}])
def test_an_answer_that_does_not_say_what_happened_is_unexpected(answer: dict[str, Any]) -> None:
    with pytest.raises(ChannelError) as caught:
        rehearse(CONNECTOR.push_stock([want("1", 8, 10)]), [said(**answer)], CONNECTOR.classify)

    assert caught.value.code is ErrorCode.UNEXPECTED


def test_the_hub_names_itself_and_its_reason() -> None:
    shop = Shop({"1": 10})

    push(shop, want("1", 8, 10))

    asked = decode(shop.asked[0].body or b"")["variables"]["input"]
    assert (asked["name"], asked["reason"]) == ("available", "correction")
    assert asked["referenceDocumentUri"].startswith("gid://fairway/StockWrite/")
    assert asked["quantities"] == [
        {
            "inventoryItemId": "gid://shopify/InventoryItem/1",
            "locationId": "gid://shopify/Location/70",
            "quantity": 8,
            "changeFromQuantity": 10,
        }
    ]
