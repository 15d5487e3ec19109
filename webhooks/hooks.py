"""`POST /hooks/TOKEN/TOPIC`: find the connection, read the raw body, prove it, have it stored, answer 200.

The body is never parsed here. Not authentic: 401 or 404, nothing stored. Authentic: 200 whatever it says,
after the commit. No commit seen: 503.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from datetime import datetime

from aiohttp import web

from core import metrics
from core.connector import Delivery, Refused
from core.failpoints import reach
from core.log import get_log
from core.store.deliveries import Incoming, body_owner, dedupe_key
from core.usecases.accept_delivery import NotStored
from webhooks.directory import Hook
from webhooks.edge import EDGE, Edge
from webhooks.problems import PROBLEMS, SERVER, Refusal, problem

# What is kept of the headers: what a delivery says about itself. Never signatures, cookies, credentials.
KEPT_HEADERS = frozenset(
    {
        "content-type",
        "user-agent",
        "x-shopify-topic",
        "x-shopify-shop-domain",
        "x-shopify-api-version",
        "x-shopify-webhook-id",
        "x-shopify-event-id",
        "x-shopify-triggered-at",
        "x-wc-webhook-source",
        "x-wc-webhook-topic",
        "x-wc-webhook-resource",
        "x-wc-webhook-event",
        "x-wc-webhook-id",
        "x-wc-webhook-delivery-id",
        "webhook-id",
        "webhook-timestamp",
    }
)
MAX_HEADER = 256  # characters kept of one value
ALARM_EVERY_S = 60.0

log = get_log("web")


async def receive(request: web.Request) -> web.Response:
    """Take one delivery that the router found."""
    where = request.match_info
    return await take(request.app[EDGE], request, where["token"], where["topic"])


async def take(edge: Edge, request: web.BaseRequest, token: str, topic: str) -> web.Response:
    """Take one delivery."""
    begun = time.perf_counter()
    try:
        return await _take(edge, request, token, topic)
    except Refusal as refusal:
        metrics.refused(refusal.slug, PROBLEMS[refusal.slug][0])
        raise
    except Exception:
        metrics.refused("internal", 500)
        raise
    finally:
        metrics.REQUEST_SECONDS.observe(time.perf_counter() - begun)


async def _take(edge: Edge, request: web.BaseRequest, token: str, topic: str) -> web.Response:
    now = edge.clock()
    hook = await edge.directory.find(token, now)
    try:
        if (request.content_length or 0) > edge.bodies.max_body:
            raise Refusal("payload-too-large")
        body = await edge.bodies.read(request)
    except Refusal as refusal:
        if hook and refusal.slug == "payload-too-large":
            _alarm(edge, hook, now, "a delivery is larger than we take; pulls must bring it")
        raise
    if hook is None:
        # As much work as for a known one, so that the time taken tells nothing.
        hmac.new(b"nobody", body, hashlib.sha256).digest()
        raise Refusal("not-found")
    delivery = Delivery(topic, _headers(request), body)
    if hook.challenges and (answer := hook.challenges.challenge(delivery)):
        return web.Response(
            status=answer.status, body=answer.body, content_type=answer.content_type, headers=SERVER
        )
    hook = await _proven(edge, token, hook, delivery, now)
    key = dedupe_key(hook.connection_id, topic, body)
    incoming = Incoming(
        merchant_id=hook.merchant_id,
        connection_id=hook.connection_id,
        topic=topic,
        via="webhook",
        dedupe_key=key,
        sealed=hook.box.seal(body, body_owner(hook.connection_id, key)),
        headers=_kept(delivery),
        received_at=now,
    )
    await reach("intake.proven")
    try:
        await edge.intake.accept(incoming)
    except NotStored:
        raise Refusal("overloaded") from None
    return web.Response(headers=SERVER)


async def expect(request: web.Request) -> web.StreamResponse | None:
    """Answer `Expect: 100-continue` before the body: go on, or why not."""
    if request.headers["Expect"].lower() != "100-continue":
        return problem("expectation-failed")
    if (request.content_length or 0) > request.app[EDGE].bodies.max_body:
        return problem("payload-too-large")
    if request.version >= (1, 1):
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun
    return None


async def _proven(edge: Edge, token: str, hook: Hook, delivery: Delivery, now: datetime) -> Hook:
    """The hook whose secrets fit; raises `Refusal` when none does."""
    refused = hook.connector.verify(delivery, hook.secrets, now)
    if refused is None:
        return hook
    newest = await edge.directory.find_again(token, now)
    if newest is None:
        raise Refusal("not-found")
    if newest is not hook:
        refused = newest.connector.verify(delivery, newest.secrets, now)
        if refused is None:
            return newest
    edge.intake.counts.add(newest.merchant_id, now, rejected=1)
    if newest.retired and newest.connector.verify(delivery, newest.retired, now) is None:
        refused = Refused("signed with a secret that is no longer accepted", alarm=True)
    if refused.alarm:
        _alarm(edge, newest, now, refused.reason)
    raise Refusal("bad-signature")


def _headers(request: web.BaseRequest) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        lower = name.lower()
        found[lower] = f"{found[lower]}\n{value}" if lower in found else value
    return found


def _kept(delivery: Delivery) -> dict[str, str]:
    kept = {}
    for name, value in delivery.headers.items():
        if name in KEPT_HEADERS:
            text = value[:MAX_HEADER]
            # PostgreSQL's JSON takes no lone surrogates and no NUL: one such header would fail a whole batch.
            kept[name] = text if text.isascii() and text.isprintable() else ascii(text)
    return kept


def _alarm(edge: Edge, hook: Hook, now: datetime, what: str) -> None:
    """Tell the operator, once a minute for each connection and kind."""
    key = (hook.connection_id, what)
    last = edge.alarms.get(key)
    if last and abs((now - last).total_seconds()) < ALARM_EVERY_S:
        return
    if len(edge.alarms) > 1_000:
        edge.alarms.clear()
    edge.alarms[key] = now
    log.warning(
        what,
        extra={"fields": {"alarm": True, "connection_id": hook.connection_id, "channel": hook.channel}},
    )
