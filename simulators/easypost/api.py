"""What EasyPost's API answers: trackers, webhooks, events and the account.

https://docs.easypost.com/docs
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import web

from simulators.easypost.callbacks import Event, Hook
from simulators.easypost.trackers import Tracker, carrier_of, payload, stamp

if TYPE_CHECKING:
    from simulators.easypost.simulator import EasyPostSimulator

Row = TypeVar("Row")

_PAGE, _LARGEST_PAGE = 20, 100


class Refusal(Exception):
    """An error as EasyPost writes it. *fields*: what is wrong with which field."""

    def __init__(self, status: int, code: str, message: str, **fields: str) -> None:
        super().__init__(message)
        self.status = status
        errors = [{"field": field, "message": wrong} for field, wrong in fields.items()]
        self.body = {"error": {"code": code, "message": message, "errors": errors}}


@dataclass(frozen=True, slots=True)
class Api:
    """One handler for each route. All are called by someone who has the key."""

    account: EasyPostSimulator

    async def user(self, _: web.Request) -> web.Response:
        account = self.account
        return web.json_response(
            {
                "id": account.user_id,
                "object": "User",
                "parent_id": None,
                "name": "Demo Merchant",
                "email": "merchant@example.com",
                "phone_number": None,
                "verified": True,
                "created_at": stamp(account.opened),
                "balance": "0.00000",
                "children": [],
            }
        )

    async def track(self, request: web.Request) -> web.Response:
        """The same code and carrier again is answered with the tracker that there is."""
        given = await _given(request, "tracker")
        code = str(given.get("tracking_code") or "").strip()
        if not code:
            raise _missing("tracking_code")
        carrier = str(given.get("carrier") or "") or carrier_of(code)
        if carrier is None:
            raise Refusal(422, "TRACKER.CREATE.ERROR", "The carrier of this tracking code is not known.")
        tracker, new = self.account.track(code, carrier)
        return web.json_response(payload(tracker), status=201 if new else 200)

    async def trackers(self, request: web.Request) -> web.Response:
        query = request.query
        codes = {*query.getall("tracking_code", ()), *query.getall("tracking_codes[]", ())}
        found = [
            tracker
            for tracker in self.account.trackers.values()
            if (not codes or tracker.tracking_code in codes)
            and query.get("carrier", tracker.carrier) == tracker.carrier
        ]
        return _page(request, "trackers", found, lambda tracker: tracker.tracker_id, payload)

    async def tracker(self, request: web.Request) -> web.Response:
        tracker: Tracker = _one(request, self.account.trackers, "TRACKER.NOT_FOUND", "tracker")
        return web.json_response(payload(tracker))

    async def hooks(self, _: web.Request) -> web.Response:
        return web.json_response({"webhooks": [hook.payload() for hook in self._hooks.values()]})

    async def add_hook(self, request: web.Request) -> web.Response:
        given = await _given(request, "webhook")
        if not given.get("url"):
            raise _missing("url")
        hook = self.account.add_hook(str(given["url"]), str(given.get("webhook_secret") or ""))
        hook.custom_headers = list(given.get("custom_headers") or [])
        return web.json_response(hook.payload(), status=201)

    async def hook(self, request: web.Request) -> web.Response:
        return web.json_response(self._hook(request).payload())

    async def change_hook(self, request: web.Request) -> web.Response:
        """Any change switches a disabled webhook on again."""
        hook, body = self._hook(request), await _body(request)
        given = body.get("webhook", body)
        hook.secret = str(given.get("webhook_secret") or hook.secret)
        hook.custom_headers = list(given.get("custom_headers") or hook.custom_headers)
        hook.disabled = hook.failing_since = None
        return web.json_response(hook.payload(), status=201)

    async def remove_hook(self, request: web.Request) -> web.Response:
        del self._hooks[self._hook(request).hook_id]
        return web.json_response({})

    async def events(self, request: web.Request) -> web.Response:
        every = self.account.callbacks.events.values()
        return _page(request, "events", every, lambda event: event.event_id, Event.summary)

    async def event(self, request: web.Request) -> web.Response:
        event: Event = _one(request, self.account.callbacks.events, "NOT_FOUND", "event")
        return web.json_response(event.payload())

    @property
    def _hooks(self) -> dict[str, Hook]:
        return self.account.callbacks.hooks

    def _hook(self, request: web.Request) -> Hook:
        return _one(request, self._hooks, "NOT_FOUND", "webhook")


def _one(request: web.Request, rows: dict[str, Row], code: str, name: str) -> Row:
    row = rows.get(request.match_info["id"])
    if row is None:
        raise Refusal(404, code, f"The {name}(s) could not be found.")
    return row


def _page(
    request: web.Request,
    name: str,
    rows: Iterable[Row],
    identify: Callable[[Row], str],
    write: Callable[[Row], dict[str, Any]],
) -> web.Response:
    """*rows*, the oldest first, are shown newest first, as far as they are older than before_id and newer than
    after_id.
    """
    found = list(rows)
    ids = [identify(row) for row in found]
    first, end = 0, len(found)
    if (after := request.query.get("after_id")) in ids:
        first = ids.index(after) + 1
    if (before := request.query.get("before_id")) in ids:
        end = ids.index(before)
    size = request.query.get("page_size", str(_PAGE))
    if not size.isdecimal() or int(size) == 0:
        raise Refusal(422, "PARAMETER.INVALID", "Invalid parameter.", page_size="must be a positive integer")
    left = found[first:end][::-1]
    shown = left[: min(int(size), _LARGEST_PAGE)]
    return web.json_response({name: [write(row) for row in shown], "has_more": len(left) > len(shown)})


async def _given(request: web.Request, name: str) -> dict[str, Any]:
    """What a POST wraps in the name of the thing that it makes."""
    given = (await _body(request)).get(name)
    if not given or not isinstance(given, dict):
        raise _missing(name)
    return given


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        body = json.JSONDecoder().decode((await request.read()).decode() or "{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(400, "BAD_REQUEST", "The request was not processed due to a client error.")
    return body


def _missing(field: str) -> Refusal:
    return Refusal(422, "PARAMETER.REQUIRED", "Missing required parameter.", **{field: "cannot be blank"})
