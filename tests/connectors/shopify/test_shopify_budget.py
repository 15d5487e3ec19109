"""What a Shopify answer says about the points that are left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.shopify import CONNECTOR
from core.connector import BudgetTold, TellsBudget
from core.errors import ErrorCode
from core.flow import Response, encode

STATUS = {"maximumAvailable": 2000, "currentlyAvailable": 1954, "restoreRate": 100}
TOLD = BudgetTold(family="graphql", available=1954.0, points_per_s=100.0, burst=2000.0)


def answer(status: object, **top: object) -> Response:
    cost = {"requestedQueryCost": 101, "actualQueryCost": 46, "throttleStatus": status}
    return Response(200, body=encode({**top, "extensions": {"cost": cost}}))


def test_an_answer_tells_the_bucket() -> None:
    assert isinstance(CONNECTOR, TellsBudget)
    assert CONNECTOR.budget(answer(STATUS, data={"shop": {"id": "1"}})) == TOLD


def test_a_throttled_answer_tells_it_too() -> None:
    error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
    throttled = answer({**STATUS, "currentlyAvailable": 3}, errors=[error])

    refused, told = CONNECTOR.classify(throttled), CONNECTOR.budget(throttled)

    assert refused is not None
    assert refused.code is ErrorCode.RATE_LIMITED
    assert told is not None
    assert told.available == 3.0


def test_fractions_and_any_order_of_the_keys_are_read() -> None:
    body = (
        b'{"extensions": {"cost": {"throttleStatus" :\n {"restoreRate": 50.0, "currentlyAvailable": 954.5,'
        b' "maximumAvailable": 1000.0}}}, "data": {}}'
    )

    told = BudgetTold(family="graphql", available=954.5, points_per_s=50.0, burst=1000.0)
    assert CONNECTOR.budget(Response(200, body=body)) == told


def test_what_is_not_told_stays_unknown() -> None:
    told = BudgetTold(family="graphql", available=7.0)

    assert (
        CONNECTOR.budget(answer({"currentlyAvailable": 7, "restoreRate": "50", "maximumAvailable": None}))
        == told
    )


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>", b'{"data":{}}', b'{"extensions":{"cost":{"throttleStatus":null}}}',
        b'{"extensions":{"cost":{"throttleStatus":{}}}}', b'{"extensions":{"cost":{"throttleStatus":{"a"}}}}',
        b'{"extensions":{"cost":{"throttleStatus":{"currentlyAvailable":"9"}}}}',
        b'{"extensions":{"cost":{"throttleStatus":{"currentlyAvailable":true}}}}',
        b'{"extensions":{"cost":{"throttleStatus":{"currentlyAvailable":NaN}}}}',
        b'{"extensions":{"cost":{"throttleStatus":{"currentlyAvailable":9', b'"throttleStatus":{"a":1,"a":2}',
    ],
)  # fmt: skip
def test_an_answer_that_does_not_say_it_tells_nothing(body: bytes) -> None:
    assert CONNECTOR.budget(Response(200, body=body)) is None


@given(st.text())
def test_nothing_that_a_buyer_wrote_is_taken_for_the_bucket(note: str) -> None:
    forged = note + '"throttleStatus":{"currentlyAvailable":1}'
    body = encode(
        {"extensions": {"cost": {"throttleStatus": STATUS}}, "data": {"note": forged, forged: note}}
    )

    assert CONNECTOR.budget(Response(200, body=body)) == TOLD
