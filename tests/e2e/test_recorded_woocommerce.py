"""Webhooks of a WooCommerce shop, shuffled and doubled: every order ends as the shop itself shows it last."""

from __future__ import annotations

import random
import re
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from replay_rig import API, Recording, Sent, is_whole_order, replay, run_hub

from core.flow import DecodeError, decode, encode
from simulators.courier import Courier, Webhook
from simulators.woocommerce import WooCommerceSimulator

RECORDED = Path(__file__).resolve().parents[2] / ".." / "shared" / "fixtures" / "recorded" / "woocommerce"
SECRET = "a-secret-of-the-simulator"
SEEDS = (1, 2, 3)
TOPICS = ("order.created", "order.updated", "order.deleted", "order.restored", "product.updated")


@pytest.mark.skipif(not RECORDED.exists(), reason="no recorded traffic beside this checkout")
@pytest.mark.parametrize("seed", SEEDS)
async def test_recorded_webhooks_in_any_order_end_as_the_shop_last_showed_its_orders(
    seed: int, *, fresh: str, make_hub: Callable[..., Any]
) -> None:
    recordings = [found for path in sorted(RECORDED.glob("*.json")) if (found := _recorded(path)).sent]

    async with run_hub(await make_hub(), fresh) as running:
        wrong = await replay(running, recordings, random.Random(seed))

        assert wrong == []
        assert await running.violations() == {}
    assert sum(len(recording.final) for recording in recordings) >= 15


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_simulated_shops_webhooks_in_any_order_end_as_it_shows_its_orders(
    seed: int, *, fresh: str, make_hub: Callable[..., Any]
) -> None:
    recording = await _played()

    async with run_hub(await make_hub(), fresh) as running:
        wrong = await replay(running, [recording], random.Random(seed))

        assert wrong == []
        assert await running.violations() == {}
    assert len(recording.final) == 6
    assert len(recording.sent) > 20


async def test_an_order_that_ends_otherwise_than_the_shop_shows_it_is_found(
    fresh: str, make_hub: Callable[..., Any]
) -> None:
    recording = await _played()
    order_id, body = next((key, body) for key, body in recording.bodies.items() if body is not None)
    recording.bodies[order_id] = encode({**decode(body), "customer_note": "written behind everybody's back"})

    async with run_hub(await make_hub(), fresh) as running:
        wrong = await replay(running, [recording], random.Random(1))

    assert wrong == [f"{recording.name}: order {order_id} differs in ['buyer_note']"]


async def test_a_webhook_signed_by_another_shop_is_turned_away(
    fresh: str, make_hub: Callable[..., Any]
) -> None:
    recording = await _played()

    async with run_hub(await make_hub(), fresh) as running:
        _, token = await running.link("another-shop", "http://127.0.0.1:9", "another secret")
        answers = {await running.post(token, sent) for sent in recording.sent}

        assert answers == {401}
        assert await running.admin.fetchval("SELECT count(*) FROM deliveries") == 0


def _recorded(path: Path) -> Recording:
    """What one file of recorded traffic says about the webhooks and the orders of its shop."""
    file = decode(path.read_bytes())
    found = Recording(path.stem, file["webhook_secret"])
    for exchange in file["exchanges"]:
        asked = exchange["request"]
        headers = dict(asked["headers"])
        if exchange["direction"] == "store_to_hub":
            if "X-WC-Webhook-Signature" in headers:
                kept = {name: value for name, value in headers.items() if name.startswith("X-WC-")}
                found.sent.append(Sent(headers["X-WC-Webhook-Topic"], kept, _body(asked)))
        else:
            _note(found, asked["method"], asked["target"], exchange.get("response") or {})
    return found


def _note(found: Recording, method: str, target: str, answer: dict[str, Any]) -> None:
    """What a call to the shop tells about an order: its last state, and whether a whole GET shows it."""
    match = re.match(rf"{API}/orders(?:/(\d+))?(/refunds|/batch)?(/\d+)?(\?.*)?$", target)
    status = answer.get("status", 0)
    if match is None or (method != "GET" and status >= 400):
        return
    order_id, below = match[1], match[2]
    if order_id is None and method == "GET":
        return
    body = _body(answer)
    try:
        whole = status in (200, 201) and not below and is_whole_order(body)
    except DecodeError:
        return
    if method == "GET" and not below:
        if whole:
            found.bodies[order_id] = body
            found.final.add(order_id)
        elif status == 404 and order_id in found.bodies:
            found.bodies[order_id] = None
            found.final.add(order_id)
        return
    if method == "GET":
        return
    # A write: what was seen before it is not the last word any more.
    if order_id is None and whole:
        order_id = str(decode(body)["id"])
    found.final.discard(order_id or "")
    if whole and order_id:
        found.bodies[order_id] = None if method == "DELETE" and "force=true" in target else body


def _body(side: dict[str, Any]) -> bytes:
    text: str = side.get("body") or ""
    return b64decode(text) if side.get("body_encoding") == "base64" else text.encode()


class _Desk(Courier):
    """Keeps webhooks instead of carrying them."""

    def post(self, webhook: Webhook) -> None:
        headers = webhook.headers(webhook.body, webhook.secret)
        self.kept.append(Sent(headers["X-WC-Webhook-Topic"], headers, webhook.body))

    kept: list[Sent]


async def _played() -> Recording:
    """Our own recording: six orders of a simulated shop, sold, changed, refunded, trashed, brought back, deleted."""
    now = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)

    def clock() -> datetime:
        return now

    desk = _Desk(random.Random(5))
    desk.kept = []
    shop = WooCommerceSimulator(
        consumer_key="ck", consumer_secret="cs", webhook_secret=SECRET, seed=5, courier=desk, now=clock
    )
    for topic in TOPICS:
        shop.subscribe(topic, "http://nowhere.invalid")
    for sku in ("MUG", "TEA"):
        shop.add_product(sku=sku, name=sku, price="12.90", quantity=50)
    orders = []
    for quantity in range(1, 7):
        orders.append(shop.checkout([("MUG", quantity), ("TEA", 1)]))
        now += timedelta(seconds=40)
    plain, moved, refunded, trashed, back, deleted = [order.order_id for order in orders if order]
    for status in ("on-hold", "processing", "completed", "processing", "cancelled"):
        shop.set_status(moved, status)  # all within one second: only a look at the shop can tell the last one
    now += timedelta(seconds=5)
    shop.set_status(plain, "completed")
    shop.refund(refunded, amount="3.00")
    now += timedelta(seconds=5)
    shop.refund(refunded)
    shop.trash(trashed)
    shop.trash(back)
    now += timedelta(seconds=5)
    shop.restore(back)
    shop.trash(deleted)
    now += timedelta(seconds=5)
    shop.delete(deleted)
    recording = Recording("simulated-shop", SECRET, list(desk.kept))
    for order_id in (plain, moved, refunded, trashed, back):
        recording.bodies[str(order_id)] = encode(shop.order_payload(shop.orders[order_id]))
    recording.bodies[str(deleted)] = None
    recording.final = set(recording.bodies)
    return recording
