"""Written beforehand, sent once: every request another order, signed, in the shape shops send."""

from __future__ import annotations

from bench.bodies import HOT, LINES, SECRET, TOPIC, baskets, requests
from connectors import discover
from core.clock import wall_clock
from core.connector import Delivery
from core.flow import decode


def _parts(request: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return first, headers, body


def test_every_request_is_another_order_that_the_connector_takes_for_authentic() -> None:
    connector = discover()["woocommerce"]
    made = baskets(1, 50, wall_clock)
    found = [_parts(request) for request in requests(made, range(1_000, 1_300), ["a", "b"])]
    assert len({body for _, _, body in found}) == 300
    for number, (first, headers, body) in enumerate(found, 1_000):
        assert first == f"POST /hooks/{'ab'[number % 2]}/{TOPIC} HTTP/1.1"
        assert int(headers["content-length"]) == len(body)
        assert decode(body)["id"] == number
        delivery = Delivery(TOPIC, headers, body)
        assert connector.verify(delivery, (SECRET,), wall_clock()) is None
        assert connector.verify(delivery, ("another",), wall_clock()) is not None


def test_a_body_sells_what_its_basket_says() -> None:
    made = baskets(2, 50, wall_clock)
    for number, sells in enumerate(made.sells):
        lines = decode(made.body(number))["line_items"]
        assert sorted((line["sku"], line["quantity"]) for line in lines) == list(sells)
        assert 1 <= len(lines) <= LINES


def test_bodies_are_as_large_as_real_ones() -> None:
    assert 4_000 < baskets(1, 50, wall_clock).size < 8_000


def test_a_hot_sku_is_in_every_order_and_in_few_otherwise() -> None:
    def with_it(hot: bool) -> int:
        return sum(HOT in dict(sells) for sells in baskets(3, 50, wall_clock, hot=hot).sells)

    assert with_it(True) == 100
    assert with_it(False) < 20
