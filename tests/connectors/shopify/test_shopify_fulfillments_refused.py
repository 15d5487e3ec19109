"""Shipments that a Shopify shop does not take, or whose answer proves nothing: said in words, nothing sent twice."""

from __future__ import annotations

from typing import Any

import pytest
from fulfilling_shop import Shop, Work
from shopify_parcels import LAMP, MUG, NUMBER, push_of, refused, sent, ship

from connectors.shopify import CONNECTOR
from core.errors import ChannelError, ErrorCode
from core.flow import Response, encode, rehearse


def test_more_than_is_left_is_refused_with_the_numbers_and_nothing_is_sent() -> None:
    shop = Shop([Work("Berlin", {MUG: 1, LAMP: 1})])

    error = refused(shop, {LAMP: 1, MUG: 2})

    assert error.code is ErrorCode.REJECTED
    assert error.message == f"Line {MUG}: 2 shipped, but Shopify has 1 left to fulfill."
    assert sent(shop) == []


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (
            Work("Berlin", {MUG: 2}, "ON_HOLD", ("RELEASE_HOLD",), ("High risk of fraud",)),
            "2 on hold at Berlin (High risk of fraud): release the hold in Shopify.",
        ),
        (Work("Berlin", {MUG: 2}, "ON_HOLD", ()), "2 on hold at Berlin: release the hold in Shopify."),
        (
            Work("Berlin", {MUG: 2}, "SCHEDULED", ("MARK_AS_OPEN",), day="2026-12-24T00:00:00Z"),
            "2 scheduled for 2026-12-24 at Berlin: mark the items as ready in Shopify.",
        ),
        (
            Work("Berlin", {MUG: 2}, "SCHEDULED", ("MARK_AS_OPEN",)),
            "2 scheduled for a later day at Berlin: mark the items as ready in Shopify.",
        ),
        (
            Work("Amazon", {MUG: 2}, "IN_PROGRESS", ("REQUEST_CANCELLATION",)),
            "2 left to Amazon, which tells Shopify by itself.",
        ),
        (Work("Berlin", {MUG: 2}, "INCOMPLETE", ()), "2 incomplete at Berlin."),
    ],
)
def test_what_a_person_has_to_release_is_refused_saying_so(work: Work, words: str) -> None:
    shop = Shop([work])

    error = refused(shop, {MUG: 2})

    assert (error.code, sent(shop)) == (ErrorCode.REJECTED, [])
    assert error.message == f"Line {MUG}: 2 shipped, but Shopify has 0 left to fulfill, and {words}"


def test_an_order_whose_work_cannot_be_seen_names_the_scopes() -> None:
    assert "scopes for fulfillment orders" in refused(Shop([]), {MUG: 1}).message


def test_an_order_that_is_not_there_is_told_so() -> None:
    error = refused(Shop([]), {MUG: 1}, channel_order_id="12")

    assert (error.code, error.message) == (ErrorCode.NOT_FOUND, "The shop has no order 12.")


def test_an_order_with_too_many_fulfillments_to_be_seen_is_left_to_a_person() -> None:
    shop = Shop([Work("Berlin", {MUG: 1})])
    for _ in range(100):
        shop.add({LAMP: 1}, "other")

    assert "100 fulfillments" in refused(shop, {MUG: 1}).message


def test_everything_is_seen_however_it_is_paged() -> None:
    work = [Work(f"place {i}", {str(100 + 3 * i + j): 1 for j in range(3)}) for i in range(12)]
    shop = Shop(work, page=1)
    for i in range(11):
        shop.add({"90": 1, "91": 1}, f"other {i}")
    there = shop.add({"133": 1, "134": 1}, NUMBER)

    done = ship(shop, {"133": 1, "134": 1, "135": 1})

    assert (done.repeated, done.channel_fulfillment_ids[0]) == (False, there)
    assert shop.shipped(NUMBER) == {"133": 1, "134": 1, "135": 1}


def test_a_long_list_of_lines_goes_in_several_mutations() -> None:
    shop = Shop([Work("Berlin", {str(i): 1 for i in range(1, 301)})], page=400)

    ship(shop, {str(i): 1 for i in range(1, 301)})

    assert [len(one["lines"]) for one in shop.fulfillments] == [250, 50]
    assert shop.shipped(NUMBER).total() == 300


def test_a_refusal_is_told_in_shopifys_words() -> None:
    shop = Shop([Work("Berlin", {MUG: 1})])
    told = [{"field": ["fulfillment", "trackingInfo", "url"], "message": "Tracking url is invalid"}]
    look = shop.answer(next(CONNECTOR.push_fulfillment(push_of({MUG: 1}))))
    answer = Response(
        200, body=encode({"data": {"fulfillmentCreate": {"fulfillment": None, "userErrors": told}}})
    )

    with pytest.raises(ChannelError) as raised:
        rehearse(CONNECTOR.push_fulfillment(push_of({MUG: 1})), [look, answer, look], CONNECTOR.classify)

    assert (raised.value.code, raised.value.message) == (ErrorCode.REJECTED, "Tracking url is invalid")


def test_an_earlier_attempt_that_arrives_while_we_look_is_found_after_the_refusal() -> None:
    shop = Shop([Work("Berlin", {MUG: 1})])
    flow = CONNECTOR.push_fulfillment(push_of({MUG: 1}))
    seen = shop.answer(next(flow))
    ship(shop, {MUG: 1})  # the other attempt
    mutation = flow.send(seen)

    look = flow.send(shop.answer(mutation))
    with pytest.raises(StopIteration) as stop:
        flow.send(shop.answer(look))

    assert stop.value.value.repeated
    assert shop.shipped(NUMBER) == {MUG: 1}


@pytest.mark.parametrize(
    "told", [{}, {"fulfillment": None}, {"fulfillment": {"id": "x"}, "userErrors": None}]
)
def test_an_answer_that_does_not_say_what_was_made_is_unexpected(told: dict[str, Any]) -> None:
    shop = Shop([Work("Berlin", {MUG: 1})])
    look = shop.answer(next(CONNECTOR.push_fulfillment(push_of({MUG: 1}))))
    empty = {"userErrors": []} if "userErrors" not in told else {}

    for answer in (told, told | empty):
        answers = [look, Response(200, body=encode({"data": {"fulfillmentCreate": answer}}))]
        with pytest.raises(ChannelError) as raised:
            rehearse(CONNECTOR.push_fulfillment(push_of({MUG: 1})), answers, CONNECTOR.classify)
        assert raised.value.code is ErrorCode.UNEXPECTED


@pytest.mark.parametrize(
    "spoil",
    [
        lambda order: order.pop("fulfillments"),
        lambda order: order.pop("fulfillmentOrders"),
        lambda order: order.update(id="gid://shopify/Order/1"),
        lambda order: order["fulfillmentOrders"]["nodes"][0].pop("assignedLocation"),
        lambda order: order["fulfillmentOrders"]["nodes"][0]["lineItems"]["nodes"][0].update(
            remainingQuantity="1"
        ),
        lambda order: order["fulfillmentOrders"]["nodes"][0]["lineItems"]["nodes"][0].update(
            remainingQuantity=-1
        ),
        lambda order: order["fulfillments"][0]["fulfillmentLineItems"]["nodes"][0].pop("lineItem"),
    ],
)
def test_an_answer_of_another_shape_sends_nothing(spoil: Any) -> None:
    shop = Shop([Work("Berlin", {MUG: 1})])
    shop.add({LAMP: 1}, NUMBER)
    look = shop.answer(next(CONNECTOR.push_fulfillment(push_of({MUG: 1})))).json()
    spoil(look["data"]["order"])

    with pytest.raises(ChannelError) as raised:
        rehearse(
            CONNECTOR.push_fulfillment(push_of({MUG: 1})),
            [Response(200, body=encode(look))],
            CONNECTOR.classify,
        )

    assert raised.value.code is ErrorCode.UNEXPECTED


def test_a_throttled_mutation_is_raised_and_what_was_done_is_found_next_time() -> None:
    shop = Shop([Work("Berlin", {MUG: 1}), Work("Lyon", {LAMP: 1})])
    flow = CONNECTOR.push_fulfillment(push_of({MUG: 1, LAMP: 1}))
    flow.send(shop.answer(flow.send(shop.answer(next(flow)))))
    with pytest.raises(ChannelError):
        flow.throw(ChannelError(ErrorCode.RATE_LIMITED, "Throttled"))

    done = ship(shop, {MUG: 1, LAMP: 1})

    assert (len(done.channel_fulfillment_ids), shop.shipped(NUMBER)) == (2, {MUG: 1, LAMP: 1})
