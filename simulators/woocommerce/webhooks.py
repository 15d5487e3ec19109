"""The shop's webhooks: subscriptions, signed deliveries, the ping, and the switch-off after failures."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import aiohttp

from simulators.courier import Courier, Webhook
from simulators.woocommerce.topics import TOPICS

_AGENT = "WooCommerce/11.0.1 Hookshot (WordPress/7.1)"


@dataclass(slots=True)
class Hook:
    """One webhook. *failures* in a row; *pending_ping* until a ping got exactly 200."""

    hook_id: int
    name: str
    topic: str
    url: str
    secret: str
    status: str
    created: datetime
    modified: datetime | None = None
    failures: int = 0
    pending_ping: bool = False


@dataclass(slots=True)
class Hooks:
    courier: Courier
    clock: Callable[[], datetime]
    source: Callable[[], str]
    hooks: dict[int, Hook] = field(default_factory=dict)
    _last_id: int = 0
    _pings: set[asyncio.Task[None]] = field(default_factory=set)

    def add(self, topic: str, url: str, secret: str, *, name: str = "", status: str = "active") -> Hook:
        if topic not in TOPICS:
            raise ValueError(
                f"WooCommerce has no webhook topic {topic!r}. It has: {', '.join(sorted(TOPICS))}."
            )
        self._last_id += 1
        hook = Hook(self._last_id, name or topic, topic, url, secret, status, self.clock())
        self.hooks[hook.hook_id] = hook
        return hook

    def emit(self, topics: Sequence[str], render: Callable[[], bytes]) -> None:
        """Sends what *render* gives to the active webhooks of *topics*, in that order; renders once."""
        body: bytes | None = None
        for topic in topics:
            for hook in self.hooks.values():
                if hook.topic == topic and hook.status == "active":
                    body = body or render()
                    self._post(hook, body)

    def _post(self, hook: Hook, body: bytes) -> None:
        resource, _, event = hook.topic.partition(".")
        # A hash of webhook and whole second: deliveries of one second share it.
        second = int(self.clock().timestamp())
        fixed = {
            "User-Agent": _AGENT,
            "Content-Type": "application/json",
            "X-WC-Webhook-Source": self.source() + "/",
            "X-WC-Webhook-Topic": hook.topic,
            "X-WC-Webhook-Resource": resource,
            "X-WC-Webhook-Event": event,
            "X-WC-Webhook-ID": str(hook.hook_id),
            "X-WC-Webhook-Delivery-ID": hashlib.md5(f"{hook.hook_id}{second}".encode()).hexdigest(),  # noqa: S324
        }

        def headers(content: bytes, secret: str) -> dict[str, str]:
            return fixed | {"X-WC-Webhook-Signature": signature(content, secret)}

        # The store follows no redirect, yet counts 301 and 302 as delivered.
        self.courier.post(
            Webhook(
                hook.url,
                body,
                hook.secret,
                headers,
                lambda status: self._heard(hook, delivered=status is not None and 200 <= status <= 302),
            )
        )

    async def ping(self, hook: Hook) -> None:
        """An unsigned form post without any X-WC header. Failing only leaves it pending."""
        hook.pending_ping = True
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
                session.post(
                    hook.url, data={"webhook_id": hook.hook_id}, headers={"User-Agent": _AGENT}
                ) as answer,
            ):
                hook.pending_ping = answer.status != 200
        except (aiohttp.ClientError, TimeoutError):
            pass

    async def pinged(self) -> None:
        """Waits for the pings that deliveries set off."""
        await asyncio.gather(*self._pings)

    def _heard(self, hook: Hook, *, delivered: bool) -> None:
        hook.modified = self.clock()
        if delivered:
            hook.failures = 0
        elif hook.failures > 5:
            hook.status = "disabled"
            return
        else:
            hook.failures += 1
        if hook.pending_ping:
            task = asyncio.create_task(self.ping(hook))
            self._pings.add(task)
            task.add_done_callback(self._pings.discard)


def signature(body: bytes, secret: str) -> str:
    """Base64 HMAC-SHA256 under the secret with its HTML entities decoded, as the store signs."""
    for entity, char in (("&quot;", '"'), ("&#039;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        secret = secret.replace(entity, char)
    return b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
