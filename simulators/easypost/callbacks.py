"""Webhooks and the events they are called with: signed, tried again, switched off after a day of failures.

https://docs.easypost.com/guides/webhooks-guide
"""

from __future__ import annotations

import hashlib
import hmac
import json
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from simulators.courier import Courier, Webhook
from simulators.easypost.trackers import stamp

_FAILSAFE = timedelta(hours=24)


@dataclass(slots=True)
class Hook:
    """One webhook. *failing_since*: the first try that failed after the last that did not."""

    hook_id: str
    url: str
    secret: str
    mode: str
    created: datetime
    disabled: datetime | None = None
    custom_headers: list[dict[str, str]] = field(default_factory=list)
    failing_since: datetime | None = None

    def payload(self) -> dict[str, Any]:
        """The secret is never shown."""
        return {
            "id": self.hook_id,
            "object": "Webhook",
            "mode": self.mode,
            "url": self.url,
            "created_at": stamp(self.created),
            "disabled_at": stamp(self.disabled) if self.disabled else None,
            "custom_headers": self.custom_headers,
        }


@dataclass(slots=True)
class Event:
    """Something that happened. *pending* and *completed*: the addresses that are still to take it, and that did."""

    event_id: str
    description: str
    mode: str
    user_id: str
    created: datetime
    previous: dict[str, Any]
    pending: list[str]
    completed: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """As lists show it."""
        return {
            "description": self.description,
            "id": self.event_id,
            "user_id": self.user_id,
            "status": "pending" if self.pending else "completed",
            "created_at": _precise(self.created),
            "mode": self.mode,
            "object": "Event",
        }

    def payload(self) -> dict[str, Any]:
        """Without the result, which only callbacks carry."""
        return self.summary() | {
            "previous_attributes": self.previous,
            "pending_urls": self.pending,
            "completed_urls": self.completed,
            "updated_at": _precise(self.created),
        }


@dataclass(slots=True)
class Callbacks:
    """*retry_after_s*: the pauses before each further try of a callback that found no 2xx."""

    courier: Courier
    clock: Callable[[], datetime]
    retry_after_s: tuple[float, ...]
    hooks: dict[str, Hook] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)

    def emit(self, event: Event, result: Mapping[str, Any]) -> None:
        """Call every webhook that is switched on with *event*: the same bytes for all."""
        hooks = [hook for hook in self.hooks.values() if hook.disabled is None]
        event.pending = [hook.url for hook in hooks]
        self.events[event.event_id] = event
        body = json.dumps(event.payload() | {"result": result}, separators=(",", ":")).encode()
        for hook in hooks:
            self._post(hook, event, body)

    def _post(self, hook: Hook, event: Event, body: bytes) -> None:
        more = {row["name"]: row["value"] for row in hook.custom_headers}

        def headers(content: bytes, secret: str) -> dict[str, str]:
            signed = {"X-Hmac-Signature": signature(content, secret)} if hook.secret else {}
            return {"Content-Type": "application/json"} | more | signed

        self.courier.post(
            Webhook(
                hook.url,
                body,
                hook.secret,
                headers,
                lambda status: self._heard(hook, event, taken=status is not None and 200 <= status < 300),
                self.retry_after_s,
            )
        )

    def _heard(self, hook: Hook, event: Event, *, taken: bool) -> None:
        now = self.clock()
        if taken:
            hook.failing_since = None
            if hook.url in event.pending:
                event.pending.remove(hook.url)
                event.completed.append(hook.url)
            return
        hook.failing_since = hook.failing_since or now
        if now - hook.failing_since >= _FAILSAFE:
            hook.disabled = hook.disabled or now


def signature(body: bytes, secret: str) -> str:
    """HMAC-SHA256 under the secret in Unicode's NFKD form."""
    key = unicodedata.normalize("NFKD", secret).encode()
    return "hmac-sha256-hex=" + hmac.new(key, body, hashlib.sha256).hexdigest()


def _precise(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"
