"""The connectors that ship, behind the edge: signed deliveries get in, forged ones do not."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable

import aiohttp
import pytest
from edge_rig import Clock, Tenants, run_edge

from core.connector import Connector

BODY = b'{"id":727,"status":"processing","line_items":[]}'


def _signature(body: bytes) -> str:
    return base64.b64encode(hmac.new(b"s3cret", body, hashlib.sha256).digest()).decode()


@pytest.mark.parametrize(
    ("channel", "topic", "header"),
    [
        ("shopify", "orders/create", "X-Shopify-Hmac-Sha256"),
        ("woocommerce", "order.created", "X-WC-Webhook-Signature"),
    ],
)
async def test_a_signed_delivery_gets_in_and_a_forged_one_does_not(
    channel: str,
    topic: str,
    header: str,
    *,
    tenants: Tenants,
    role_url: Callable[[str], str],
    clock: Clock,
    registry: dict[str, Connector],
) -> None:
    [field] = registry[channel].manifest.webhook_secrets
    hook = await tenants.link(channel, field=field)
    async with (
        aiohttp.ClientSession() as session,
        run_edge(tenants, role_url("fairway_web"), clock, hook, session=session, registry=registry) as edge,
    ):
        signed = await edge.post(BODY, topic=topic, headers={header: _signature(BODY)})
        forged = await edge.post(BODY, topic=topic, headers={header: _signature(b"another body")})
        unsigned = await edge.post(BODY, topic=topic)

    assert [reply.status for reply in (signed, forged, unsigned)] == [200, 401, 401]
    assert [row["topic"] for row in await tenants.stored(hook)] == [topic]


async def test_36_woocommerces_unsigned_ping_gets_exactly_200_and_leaves_nothing(
    tenants: Tenants, role_url: Callable[[str], str], clock: Clock, registry: dict[str, Connector]
) -> None:
    hook = await tenants.link("woocommerce")
    async with (
        aiohttp.ClientSession() as session,
        run_edge(tenants, role_url("fairway_web"), clock, hook, session=session, registry=registry) as edge,
    ):
        body = b"webhook_id=12"
        form = ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
        answer = await edge.raw(edge.head(*form, topic="order.created", version="1.0") + body)

    assert answer.split(b" ", 2)[1] == b"200"
    assert await tenants.stored(hook) == []
    assert await tenants.counted(hook) == (0, 0, 0)
