"""Pulling orders from a shop that goes on changing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.woocommerce import CONNECTOR
from core.connector import Window
from core.errors import ChannelError, ErrorCode
from core.flow import Flow, Request, Response, decode, encode, rehearse

T = TypeVar("T")
START = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


@dataclass
class Shop:
    """Lists orders as WooCommerce does: strict bounds in whole seconds, ties in no useful order."""

    now: datetime = START
    changed: dict[int, datetime] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)

    def change(self, order_id: int) -> None:
        self.changed[order_id] = self.now

    def answer(self, request: Request) -> Response:
        self.asked.append(request)
        query = dict(request.query)
        assert query["dates_are_gmt"] == "true"
        after, before = (
            datetime.fromisoformat(query[k] + "+00:00") for k in ("modified_after", "modified_before")
        )
        without = {int(order_id) for order_id in query.get("exclude", "").split(",") if order_id}
        found = [(at, i) for i, at in self.changed.items() if after < at < before and i not in without]
        if query["orderby"] == "modified":
            found.sort(key=lambda row: (row[0], row[1] * 7919 % 1009))
        else:
            found.sort(key=lambda row: row[1])
        size, page = int(query["per_page"]), int(query.get("page", "1"))
        rows = [
            {"id": order_id, "date_modified_gmt": at.strftime("%Y-%m-%dT%H:%M:%S")}
            for at, order_id in found[(page - 1) * size : page * size]
        ]
        return Response(200, {"x-wp-totalpages": str(-(-len(found) // size))}, encode(rows))


def run(flow: Flow[T], shop: Shop, between: Callable[[], None]) -> T:
    try:
        request = next(flow)
        while True:
            response = shop.answer(request)
            between()
            request = flow.send(response)
    except StopIteration as stop:
        value: T = stop.value
        return value


def crawl(shop: Shop, window: Window, between: Callable[[], None] = lambda: None) -> list[tuple[int, str]]:
    """Every (id, change) of a whole pull; insists that it ends and repeats no cursor."""
    seen: list[tuple[int, str]] = []
    cursors: set[str | None] = set()
    cursor: str | None = None
    while True:
        assert cursor not in cursors
        cursors.add(cursor)
        page = run(CONNECTOR.pull_orders(window, cursor), shop, between)
        assert page.topic == "pull/order"
        assert page.items or page.next_cursor is None
        seen += [(row["id"], row["date_modified_gmt"]) for row in map(decode, page.items)]
        if page.next_cursor is None:
            return seen
        cursor = page.next_cursor


def missing(shop: Shop, window: Window, seen: list[tuple[int, str]]) -> set[int]:
    ids = {order_id for order_id, at in shop.changed.items() if window.since <= at < window.until}
    return ids - {order_id for order_id, _ in seen}


_COUNTS = st.lists(st.sampled_from([0, 1, 30, 99, 100, 101, 199, 250]), min_size=1, max_size=5)
_CHANGES = st.lists(st.lists(st.integers(0, 10_000), max_size=120), max_size=8)


def busy_shop(counts: list[int], dice: Any) -> Shop:
    """A shop with *counts* orders changed in one second after the other, in any order of their ids."""
    shop = Shop()
    ids = list(range(1, sum(counts) + 1))
    dice.shuffle(ids)
    for at, count in enumerate(counts):
        for order_id in [ids.pop() for _ in range(count)]:
            shop.changed[order_id] = START + timedelta(seconds=at)
    shop.now = START + timedelta(seconds=len(counts))
    return shop


@settings(max_examples=60, deadline=None)
@given(counts=_COUNTS, changes=_CHANGES, trashed=_CHANGES, order=st.randoms(use_true_random=False))
def test_no_order_is_missed_while_the_shop_keeps_changing(
    counts: list[int], changes: list[list[int]], trashed: list[list[int]], order: Any
) -> None:
    shop = busy_shop(counts, order)
    first = Window(START, shop.now)
    steps = iter(zip(changes, trashed, strict=False))

    def between() -> None:
        changing, trashing = next(steps, ([], []))
        known = sorted(shop.changed)
        for pick in changing:
            shop.change(known[pick % len(known)] if known and pick % 5 else max(known, default=0) + 1 + pick)
        for pick in trashing[:5]:
            shop.changed.pop(sorted(shop.changed)[pick % len(shop.changed)], None) if shop.changed else None

    seen = crawl(shop, first, between)
    second = Window(first.until, shop.now + timedelta(seconds=1))
    seen_later = crawl(shop, second)

    assert missing(shop, first, seen) == set()
    assert missing(shop, second, seen_later) == set()


@settings(max_examples=30, deadline=None)
@given(changes=st.lists(st.lists(st.integers(0, 10_000), max_size=90), max_size=10))
def test_orders_that_move_to_the_end_are_found_there_in_their_last_state(changes: list[list[int]]) -> None:
    shop = Shop(changed=dict.fromkeys(range(1, 331), START))
    steps = iter(changes)

    def between() -> None:
        shop.now += timedelta(seconds=1)
        for pick in next(steps, []):
            shop.change(pick % 330 + 1)

    seen = crawl(shop, Window(START, START + timedelta(days=1)), between)

    last_look = shop.now - timedelta(seconds=1)
    settled = {i: at.strftime("%Y-%m-%dT%H:%M:%S") for i, at in shop.changed.items() if at <= last_look}
    assert settled.items() <= set(seen)


def test_a_second_with_hundreds_of_orders_is_read_to_its_end() -> None:
    shop = Shop(changed=dict.fromkeys(range(1, 1235), START))

    seen = crawl(shop, Window(START, START + timedelta(seconds=5)))

    assert {order_id for order_id, _ in seen} == set(range(1, 1235))


def test_the_window_is_asked_for_in_plain_gmt_with_the_second_of_since_included() -> None:
    berlin = datetime.fromisoformat("2026-11-20T13:00:00.700+01:00")
    window = Window(berlin, berlin + timedelta(hours=1))

    _, asked = rehearse(CONNECTOR.pull_orders(window, None), [Response(200, body=b"[]")], CONNECTOR.classify)

    query = dict(asked[0].query)
    assert (query["modified_after"], query["modified_before"]) == (
        "2026-11-20T11:59:59",
        "2026-11-20T13:00:01",
    )
    assert (query["per_page"], query["status"], query["order"]) == ("100", "any", "asc")


def test_a_page_says_up_to_when_it_reaches_and_keeps_every_digit() -> None:
    row = b'{"id":18446744073709551617,"price":1.1000000000000001,"date_modified_gmt":"2026-11-20T12:00:00"}'

    page, _ = rehearse(
        CONNECTOR.pull_orders(Window(START, START + timedelta(hours=1)), None),
        [Response(200, body=b"[" + row + b"]")],
        CONNECTOR.classify,
    )

    assert page.items == (row,)
    assert (page.changed_until, page.next_cursor) == (START, None)


@pytest.mark.parametrize("body", [b'{"a":1}', b"[1]"])
def test_a_list_that_is_none_is_unexpected(body: bytes) -> None:
    with pytest.raises(ChannelError) as refused:
        rehearse(
            CONNECTOR.pull_orders(Window(START, START), None), [Response(200, body=body)], CONNECTOR.classify
        )

    assert refused.value.code is ErrorCode.UNEXPECTED


def test_one_order_is_fetched() -> None:
    page, asked = rehearse(
        CONNECTOR.fetch_order("7"), [Response(200, body=b'{"id":7,"status":"trash"}')], CONNECTOR.classify
    )

    assert (page.topic, page.items) == ("pull/order", (b'{"id":7,"status":"trash"}',))
    assert asked[0].path == "/wp-json/wc/v3/orders/7"


def test_an_order_that_is_not_there_is_told_as_missing() -> None:
    body = b'{"code":"woocommerce_rest_shop_order_invalid_id","message":"Invalid ID.","data":{"status":404}}'

    page, _ = rehearse(CONNECTOR.fetch_order("7"), [Response(404, body=body)], CONNECTOR.classify)

    assert (page.topic, page.items) == ("pull/missing", (b'{"id":"7"}',))


@pytest.mark.parametrize(
    "body", [b'{"code":"rest_no_route","message":"No route","data":{"status":404}}', b"<html>"]
)
def test_a_missing_api_is_not_a_missing_order(body: bytes) -> None:
    with pytest.raises(ChannelError) as refused:
        rehearse(CONNECTOR.fetch_order("7"), [Response(404, body=body)], CONNECTOR.classify)

    assert refused.value.code is ErrorCode.NOT_FOUND


def test_another_order_than_the_one_asked_for_is_unexpected() -> None:
    with pytest.raises(ChannelError) as refused:
        rehearse(CONNECTOR.fetch_order("7"), [Response(200, body=b'{"id":8}')], CONNECTOR.classify)

    assert refused.value.code is ErrorCode.UNEXPECTED


@settings(max_examples=40, deadline=None)
@given(counts=_COUNTS, changes=_CHANGES, order=st.randoms(use_true_random=False))
def test_a_list_of_ids_misses_no_order_that_stays_as_it_is(
    counts: list[int], changes: list[list[int]], order: Any
) -> None:
    shop = busy_shop(counts, order)
    window = Window(START, shop.now)
    steps = iter(changes)

    def between() -> None:
        for pick in next(steps, []):
            if shop.changed:
                shop.change(sorted(shop.changed)[pick % len(shop.changed)])

    seen: dict[str, datetime | None] = {}
    cursor: str | None = None
    while True:
        page = run(CONNECTOR.list_orders(window, cursor), shop, between)
        seen |= {stamp.channel_order_id: stamp.changed_at for stamp in page.stamps}
        cursor = page.next_cursor
        if cursor is None:
            break

    stayed = {str(i): at for i, at in shop.changed.items() if at < window.until}
    assert stayed.items() <= seen.items()
    assert all(dict(request.query)["_fields"] == "id,date_modified_gmt" for request in shop.asked)
