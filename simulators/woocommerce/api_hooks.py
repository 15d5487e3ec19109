"""The routes of webhooks. No route shows secrets, failures or pending pings, as in the real store."""

from __future__ import annotations

import string
from typing import Any

from simulators.woocommerce.face import Face, gmt, links
from simulators.woocommerce.rest import Answer, Call, RestError, missing, not_one_of, page, select
from simulators.woocommerce.topics import ACTIONS, TOPICS
from simulators.woocommerce.webhooks import Hook

_STATUSES = ("active", "paused", "disabled")


def payload(hook: Hook, face: Face) -> dict[str, Any]:
    """One webhook: https://woocommerce.github.io/woocommerce-rest-api-docs/#webhook-properties"""
    resource, _, event = hook.topic.partition(".")
    return {
        "id": hook.hook_id,
        "name": hook.name,
        "status": hook.status,
        "topic": hook.topic,
        "resource": resource,
        "event": event,
        "hooks": ACTIONS[hook.topic],
        "delivery_url": hook.url,
        "date_created": face.local(hook.created),
        "date_created_gmt": gmt(hook.created),
        "date_modified": face.local(hook.modified),
        "date_modified_gmt": gmt(hook.modified),
        "_links": links(f"{face.api}/webhooks/{hook.hook_id}"),
    }


async def index(call: Call) -> Answer:
    status = call.choice("status", ("all", *_STATUSES), "all")
    hooks = [hook for hook in call.shop.hooks.hooks.values() if status in ("all", hook.status)]
    return page(call, hooks[::-1], lambda hook: payload(hook, call.face))


async def create(call: Call) -> Answer:
    topic, url = call.body.get("topic"), call.body.get("delivery_url")
    for name, value in (("topic", topic), ("delivery_url", url)):
        if not value:
            raise missing(name)
    if topic not in TOPICS:
        raise RestError(
            400, "woocommerce_rest_shop_webhook_invalid_topic", "Webhook topic is required and must be valid."
        )
    status = call.body.get("status", "active")
    if status not in _STATUSES:
        raise not_one_of("status", _STATUSES)
    secret = call.body.get("secret") or "".join(
        call.shop.rng.choices(string.ascii_letters + string.digits, k=50)
    )
    hook = call.shop.hooks.add(
        str(topic), str(url), str(secret), name=str(call.body.get("name", "")), status=status
    )
    # The ping is sent, and its answer awaited, before this call is answered.
    hook.pending_ping = True
    if hook.status == "active":
        await call.shop.hooks.ping(hook)
    location = {"Location": f"{call.face.api}/webhooks/{hook.hook_id}"}
    return Answer(select(payload(hook, call.face), call), 201, location)


async def show(call: Call) -> Answer:
    return Answer(select(payload(_hook(call, 404), call.face), call))


async def update(call: Call) -> Answer:
    """Switching on again keeps the failures counted: one more switches it off."""
    hook = _hook(call, 400)
    status = call.body.get("status", hook.status)
    if status not in _STATUSES:
        raise not_one_of("status", _STATUSES)
    hook.status = status
    hook.url = str(call.body.get("delivery_url", hook.url))
    hook.secret = str(call.body.get("secret", hook.secret))
    hook.name = str(call.body.get("name", hook.name))
    hook.modified = call.shop.clock()
    if hook.status == "active" and hook.pending_ping:
        await call.shop.hooks.ping(hook)
    return Answer(select(payload(hook, call.face), call))


async def remove(call: Call) -> Answer:
    hook = _hook(call, 404)
    if not call.flag("force"):
        raise RestError(501, "woocommerce_rest_trash_not_supported", "Webhooks do not support trashing.")
    del call.shop.hooks.hooks[hook.hook_id]
    return Answer(select(payload(hook, call.face), call))


def _hook(call: Call, status: int) -> Hook:
    hook = call.shop.hooks.hooks.get(call.args[0])
    if hook is None:
        raise RestError(status, "woocommerce_rest_shop_webhook_invalid_id", "Invalid ID.")
    return hook
