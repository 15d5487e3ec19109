"""One EasyPost account: parcels are moved in Python, the hub calls over HTTP and is called back."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from aiohttp import web

from simulators.courier import Courier
from simulators.easypost import server
from simulators.easypost.callbacks import Callbacks, Event, Hook
from simulators.easypost.trackers import Tracker, payload, start
from simulators.faults import NO_FAULTS, CallFaults

_SAME_PARCEL = timedelta(days=90)


class TrackerMade(NamedTuple):
    """A POST that had the effect of a new tracker."""

    tracking_code: str
    carrier: str
    at: datetime


class EasyPostSimulator:
    """Everything random comes from *seed*, every time from *now*. A key that begins with EZTK is in test mode.

    *webhook_secret* signs what `subscribe` set up; webhooks made over the API bring their own. EasyPost tries a
    callback again "with a progressive backoff" for a day; here *retry_after_s* says when, in real seconds.
    *faults* spoil calls of the API; `call_faults` may be changed at any time.
    """

    def __init__(
        self,
        *,
        api_key: str,
        webhook_secret: str,
        seed: int,
        courier: Courier,
        now: Callable[[], datetime],
        faults: CallFaults = NO_FAULTS,
        retry_after_s: tuple[float, ...] = (0.5, 1.0, 2.0),
    ) -> None:
        def clock() -> datetime:
            return now().astimezone(UTC)

        self.clock = clock
        self.mode = "test" if api_key.startswith("EZTK") else "production"
        self.call_faults = faults
        # Sources of their own: what becomes of a parcel must not depend on how often the hub calls.
        self.call_luck = random.Random(f"calls of {seed}")
        self.trackers: dict[str, Tracker] = {}
        self.trackers_made: list[TrackerMade] = []
        self._newest: dict[tuple[str, str], Tracker] = {}
        self._by_code: dict[str, Tracker] = {}
        self.callbacks = Callbacks(courier, clock, retry_after_s)
        self.key: str | None = api_key  # None once it was revoked
        self._seed, self._ids = seed, random.Random(f"ids of {seed}")
        self._webhook_secret = webhook_secret
        self.user_id = self.new_id("user")
        self.opened = self.clock()

    def app(self) -> web.Application:
        """Answers under /v2."""
        return server.application(self)

    def revoke_key(self) -> None:
        """The merchant deletes the key: every call is answered with 401."""
        self.key = None

    def subscribe(self, url: str) -> Hook:
        """Call *url* back from now on, with the account's own secret."""
        return self.add_hook(url, self._webhook_secret)

    def add_hook(self, url: str, secret: str) -> Hook:
        hook = Hook(self.new_id("hook"), url, secret, self.mode, self.clock())
        self.callbacks.hooks[hook.hook_id] = hook
        return hook

    def track(self, code: str, carrier: str) -> tuple[Tracker, bool]:
        """The tracker of a parcel, and whether it is new: within three months, the same code and carrier are the
        same parcel.
        """
        now = self.clock()
        known = self._newest.get((code, carrier))
        if known is not None and now - known.created < _SAME_PARCEL:
            return known, False
        luck = random.Random(f"parcel {carrier} {code} of {self._seed}")
        tracker = start(self.new_id("trk"), code, carrier, self.mode, now, luck)
        self.trackers[tracker.tracker_id] = self._newest[code, carrier] = self._by_code[code] = tracker
        self.trackers_made.append(TrackerMade(code, carrier, now))
        self._tell("tracker.created", tracker, {})
        return tracker, True

    def advance(self, tracking_code: str) -> bool:
        """Move a parcel by one scan and call back. False at the end of its journey, and for the test codes, which
        never move. KeyError for a code that nobody tracks.
        """
        tracker = self._by_code.get(tracking_code)
        if tracker is None:
            raise KeyError(f"Nobody tracks {tracking_code!r}: make a tracker before its parcel moves.")
        if not tracker.ahead:
            return False
        before = tracker.status
        tracker.move(self.clock())
        self._tell("tracker.updated", tracker, {"status": before})
        return True

    def truth(self) -> dict[str, str]:
        """What EasyPost says of each tracking code: the final status of those that `advance` moves no more."""
        return {code: tracker.status for code, tracker in self._by_code.items()}

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_{self._ids.getrandbits(128):032x}"

    def _tell(self, description: str, tracker: Tracker, previous: Mapping[str, Any]) -> None:
        event = Event(
            self.new_id("evt"), description, self.mode, self.user_id, self.clock(), dict(previous), []
        )
        self.callbacks.emit(event, payload(tracker))
