"""Signed webhooks of a shop, written before they are sent: each another order, of the size that real ones have."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.flow import decode, encode
from simulators.courier import Courier, Webhook
from simulators.woocommerce import WooCommerceSimulator
from simulators.woocommerce.webhooks import signature

SECRET = "bench-webhook-secret"  # noqa: S105 - of shops that are made up
TOPIC = "order.created"
LINES = 3
SAMPLES = 100  # different baskets that all orders are written after
_ID = 8_765_432_109  # stands where an order's number comes
HOT = "SKU-0"

# What a shop with a few extensions keeps beside an order: where the buyer came from, what the checkout noted.
_META = {
    "_wc_order_attribution_source_type": "organic",
    "_wc_order_attribution_referrer": "https://www.example-search.com/search?q=things+for+the+garden",
    "_wc_order_attribution_utm_source": "example-search",
    "_wc_order_attribution_utm_medium": "organic",
    "_wc_order_attribution_session_entry": "https://shop.example/product/thing/?from=autumn-catalogue",
    "_wc_order_attribution_session_start_time": "2026-11-27 18:02:11",
    "_wc_order_attribution_session_pages": "7",
    "_wc_order_attribution_session_count": "2",
    "_wc_order_attribution_user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "_wc_order_attribution_device_type": "Desktop",
    "is_vat_exempt": "no",
    "_shipping_note_wanted": "yes",
    "_invoice_language": "en",
}


@dataclass(frozen=True, slots=True)
class Baskets:
    """Bodies with a gap where the order's number comes, and the SKUs each of them sells with their quantities."""

    bodies: Sequence[bytes]
    sells: Sequence[Sequence[tuple[str, int]]]

    def body(self, number: int) -> bytes:
        return self.bodies[number % len(self.bodies)].replace(str(_ID).encode(), b"%d" % number)

    @property
    def size(self) -> int:
        """Bytes of a usual body."""
        return len(self.bodies[0])


def baskets(seed: int, skus: int, now: Callable[[], datetime], *, hot: bool = False) -> Baskets:
    """Baskets of three of the *skus* SKUs (`SKU-0`, ...), as a simulated shop writes them at *now*; one of them is
    always the same where *hot*. The same seed, the same baskets.
    """
    kept: list[bytes] = []

    class Keeps(Courier):
        def post(self, webhook: Webhook) -> None:
            kept.append(webhook.body)

    rng = random.Random(seed)
    shop = WooCommerceSimulator(
        consumer_key="ck", consumer_secret="cs", webhook_secret="s", seed=seed, courier=Keeps(rng), now=now
    )
    for number in range(skus):
        shop.add_product(sku=f"SKU-{number}", name=f"Thing {number}", price="19.90", quantity=10 * SAMPLES)
    shop.subscribe(TOPIC, "http://127.0.0.1:1/")
    sells = []
    for _ in range(SAMPLES):
        picked = [*rng.sample(range(1, skus), LINES - 1), 0 if hot else rng.randrange(skus)]
        units: dict[str, int] = {}
        for number in picked:
            units[f"SKU-{number}"] = units.get(f"SKU-{number}", 0) + rng.choice((1, 1, 1, 2))
        sells.append(sorted(units.items()))
        shop.checkout(sells[-1], meta=_META, note="Please leave it with the neighbours at number 12.")
    bodies = [_with_gaps(decode(body)) for body in kept]
    return Baskets(bodies, sells)


def _with_gaps(order: dict[str, Any]) -> bytes:
    return encode({**order, "id": _ID, "number": str(_ID)})


def requests(made: Baskets, numbers: range, tokens: Sequence[str]) -> Iterator[bytes]:
    """For each of *numbers* the HTTP request that brings its order, to one of *tokens* after the other."""
    for number in numbers:
        body = made.body(number)
        yield (
            f"POST /hooks/{tokens[number % len(tokens)]}/{TOPIC} HTTP/1.1\r\nHost: hub\r\n"
            "Content-Type: application/json\r\nUser-Agent: WooCommerce/11.0.1 Hookshot (WordPress/7.1)\r\n"
            f"X-WC-Webhook-Topic: {TOPIC}\r\nX-WC-Webhook-ID: 1\r\nX-WC-Webhook-Delivery-ID: {number:032x}\r\n"
            f"X-WC-Webhook-Signature: {signature(body, SECRET)}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body
