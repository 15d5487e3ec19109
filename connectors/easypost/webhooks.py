"""EasyPost's callbacks: is one authentic, what does it say, how to subscribe. Stores and fetches nothing."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from connectors.easypost.reading import MAPPING, read_tracker, trackers_in
from connectors.easypost.wire import API, rows, write
from core.connector import (
    Change,
    Delivery,
    Notice,
    Overrides,
    Problem,
    Reading,
    Refused,
    TrackingRead,
    Unreadable,
)
from core.errors import ChannelError, ErrorCode
from core.flow import DecodeError, Flow, Request, decode
from core.model.tracking import Tracking
from mappings.engine import unread_fields

_SIGNATURE = "x-hmac-signature"
_SPELLING = re.compile(r"hmac-sha256-hex=([0-9a-f]{64})")


def verify(delivery: Delivery, secrets: Sequence[str], now: datetime) -> Refused | None:  # noqa: ARG001 - no signed time
    """Hex HMAC-SHA256 over the raw body; there is no signed time, so an old delivery stays authentic.

    The key is the secret in Unicode's NFKD form. Only the body is signed: no other header proves anything.
    https://docs.easypost.com/guides/webhooks-guide#webhook-authentication
    """
    written = delivery.headers.get(_SIGNATURE)
    if not written:
        return Refused("there is no X-Hmac-Signature header")
    given = _SPELLING.fullmatch(written)
    if given is None:
        return Refused("the signature is not hmac-sha256-hex= and 64 small hex digits")
    for secret in secrets:
        key = unicodedata.normalize("NFKD", secret).encode("utf-8", "surrogatepass")
        expected = hmac.new(key, delivery.body, hashlib.sha256).hexdigest()
        if secret and hmac.compare_digest(expected.encode(), given[1].encode()):
            return None
    return Refused("the signature does not fit the body")


def read(delivery: Delivery, overrides: Overrides) -> Reading:
    """What a callback says, or anything else of EasyPost that holds trackers; never raises.

    https://docs.easypost.com/docs/events
    """
    if delivery.topic != "callback":
        return Notice("other", Change.NONE, message=f"nothing is done about {delivery.topic[:80]}")
    try:
        payload = decode(delivery.body)
    except DecodeError as error:
        return _unreadable("json", "", str(error))
    if not isinstance(payload, dict | list):
        return _unreadable("shape", "", "the body is neither an object nor a list")
    found = [read_tracker(tracker, overrides, pointer) for pointer, tracker in trackers_in(payload)]
    problems = [problem for one in found if not isinstance(one, Tracking) for problem in one]
    if problems:
        return Unreadable(tuple(problems))
    trackings = tuple(one for one in found if isinstance(one, Tracking))
    if trackings:
        return TrackingRead(trackings)
    if _about_a_tracker(payload) and "result" in payload:
        return _unreadable("shape", "/result", "is not a tracker")
    return Notice("other", Change.NONE, message=_told(payload))


def _about_a_tracker(payload: Any) -> bool:
    return isinstance(payload, dict) and str(payload.get("description")).startswith("tracker.")


def _told(payload: dict[str, Any] | list[Any]) -> str:
    """What there is instead of a tracker, for a person."""
    if isinstance(payload, list):
        return f"a list of {len(payload)}, without a tracker"
    if _about_a_tracker(payload):
        return f"{str(payload['description'])[:80]} without its tracker"
    name = payload.get("description") if payload.get("object") == "Event" else payload.get("object")
    kind = name if isinstance(name, str) and name else f"an object of {', '.join(payload)}"
    return f"{kind[:80]}, without a tracker"


def _unreadable(code: str, pointer: str, message: str) -> Unreadable:
    return Unreadable((Problem(code=code, pointer=pointer, message=message),))


def unread(delivery: Delivery) -> list[str]:
    """Fields of trackers that the mapping neither reads nor ignores; nothing for bodies without one."""
    try:
        payload = decode(delivery.body)
    except DecodeError:
        return []
    fields = (unread_fields(tracker, MAPPING.reads) for _, tracker in trackers_in(payload))
    return list(dict.fromkeys(field for found in fields for field in found))


def subscribe(address: str, secret: str, topics: Sequence[str]) -> Flow[tuple[str, ...]]:
    """Have every event of the account sent to *address*/TOPIC. Returns the topics.

    A webhook that is there is given our secret anew, which nobody can read there, and is switched on again by that.
    https://docs.easypost.com/docs/webhooks
    """
    there = rows((yield Request("GET", f"{API}/webhooks")), "webhooks")
    for topic in topics:
        url = f"{address.rstrip('/')}/{topic}"
        ours = next((hook for hook in there if hook.get("url") == url), None)
        if ours is None:
            yield write("POST", "/webhooks", {"webhook": {"url": url, "webhook_secret": secret}})
        else:
            yield write("PATCH", f"/webhooks/{_id(ours)}", {"webhook_secret": secret})
    return tuple(topics)


def _id(hook: dict[str, Any]) -> str:
    hook_id = hook.get("id")
    if not isinstance(hook_id, str) or not re.fullmatch(r"[A-Za-z0-9_]{1,100}", hook_id):
        raise ChannelError(ErrorCode.UNEXPECTED, "EasyPost lists a webhook without an id")
    return hook_id
