"""Named instants at which a test ends, halts, breaks or delays this process. Nothing happens unless one is armed.

The instants between two durable states have names here, in processes and in commands. Settings that a person makes in one
transaction have none: they are made or not, and who got no answer says them again.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from core.errors import UsageProblem


class FailpointHit(Exception):
    """What is raised at a point that is armed to raise. Nothing of ours knows it: it stands for any bug."""


class Action(StrEnum):
    """What befalls the process: it is killed, it halts until it is told to go on, its work breaks, or is late."""

    KILL = "kill"
    STOP = "stop"
    RAISE = "raise"
    DELAY = "delay"


@dataclass(frozen=True, slots=True)
class Point:
    """*durable* is what is stored at that instant, and *after* what makes up for it. *flows* names the connector's
    conversations that the point stands before or after.
    """

    durable: str
    after: str
    flows: tuple[str, ...] = ()


_NOTHING: Final = "nothing new"
_TX: Final = "the transaction is rolled back, and the work is done again"
_SAID: Final = "nothing happened: whoever got no answer says it again"

# Where a name ends in .claimed, .called, .storing, .stored: the claim has committed; a channel has answered; the
# transaction is about to commit; it has committed.
POINTS: Final[Mapping[str, Point]] = {
    "intake.proven": Point(_NOTHING, "no 200 was sent: the sender comes again, or a pull finds it"),
    "intake.stored": Point("the delivery", "sent again it has the same dedupe key and counts once"),
    "intake.answered": Point("the delivery", "nobody was rung: the patrol finds it"),
    "drain.claiming": Point(_NOTHING, _TX),
    "drain.claimed": Point("the claim", "its lease ends or is given back, and another worker claims it"),
    "drain.read": Point("the claim", "its lease ends or is given back, and another worker claims it"),
    "drain.moving": Point("the claim", _TX),
    "drain.moved": Point("the claim", _TX),
    "drain.storing": Point("the claim", _TX),
    "drain.stored": Point("all of the slice", "the patrol finds what follows from it"),
    "successor.storing": Point("what the dead one claimed", "its leases end"),
    "successor.stored": Point("that it is given back", "there is nothing left to do"),
    "relevel.taken": Point(_NOTHING, _TX),
    "relevel.storing": Point(_NOTHING, _TX),
    "relevel.stored": Point("the wishes", "the patrol finds the pushes that are due"),
    "unmapped.storing": Point(_NOTHING, _TX),
    "unmapped.stored": Point("what orders reserve now", "the patrol levels what is marked"),
    "takeback.storing": Point("the count", _TX),
    "takeback.stored": Point("who goes without", "the patrol levels what is marked"),
    "fill.storing": Point(_NOTHING, _TX),
    "fill.stored": Point("who got the units", "the patrol levels what is marked"),
    "incidents.storing": Point(_NOTHING, _TX),
    "incidents.stored": Point("what was decided", "there is nothing left to do"),
    "lease.claiming": Point(_NOTHING, _TX),
    "lease.claimed": Point("the lease", "it ends, and another worker claims the work"),
    "lease.worked": Point("the work", "the lease ends; doing the work again changes nothing"),
    "lease.releasing": Point("the work", "the lease ends; doing the work again changes nothing"),
    "lease.released": Point("the work", "there is nothing left to do"),
    "call.reading": Point(_NOTHING, "it is read again"),
    "call.read": Point(_NOTHING, "it is read again"),
    "call.writing": Point("the attempt", "an attempt without an answer is unknown: the channel is read first"),
    "call.written": Point("the attempt", "an attempt without an answer is unknown: the channel is read first"),
    "push.claiming": Point(_NOTHING, _TX),
    "push.claimed": Point("the attempt", "the next attempt compares with what may be shown", ("push_stock",)),
    "push.called": Point("the attempt", "the next attempt compares with what may be shown", ("push_stock",)),
    "push.storing": Point("the attempt", "the next attempt compares with what may be shown"),
    "push.stored": Point("the outcome", "there is nothing left to do"),
    "effect.claiming": Point(_NOTHING, _TX),
    "effect.fulfillment.claimed": Point("the attempt", "the channel is read first", ("push_fulfillment",)),
    "effect.fulfillment.called": Point("the attempt", "the channel is read first", ("push_fulfillment",)),
    "effect.tracking.claimed": Point("the attempt", "the channel is read first", ("push_tracking",)),
    "effect.tracking.called": Point("the attempt", "the channel is read first", ("push_tracking",)),
    "effect.tracker.claimed": Point("the attempt", "the carrier is read first", ("create_tracker",)),
    "effect.tracker.called": Point("the attempt", "the carrier is read first", ("create_tracker",)),
    "effect.storing": Point("the attempt", "the channel is read first"),
    "effect.stored": Point("the outcome", "there is nothing left to do"),
    "pull.called": Point("the old checkpoint", "the same page is asked for again", ("pull_orders",)),
    "pull.storing": Point("the old checkpoint", "the same page is asked for again"),
    "pull.stored": Point("page and checkpoint", "the patrol finds the deliveries"),
    "fetch.called": Point("that it is wanted", "the order is looked at again", ("fetch_order",)),
    "fetch.storing": Point("that it is wanted", "the order is looked at again"),
    "fetch.stored": Point("what was there", "the patrol finds the deliveries"),
    "certify.called": Point("the windows before", "the window is read again", ("list_orders",)),
    "certify.storing": Point("the windows before", "the window is read again"),
    "certify.stored": Point("the window", "the patrol finds the looks that are due"),
    "catalog.called": Point("the pages before", "the catalogue is read again", ("pull_catalog", "pull_locations")),
    "catalog.storing": Point("the pages before", "the catalogue is read again"),
    "catalog.stored": Point("the page", "the catalogue is read again"),
    "reconcile.called": Point("the sweep's cursor", "the page is read again", ("read_stock",)),
    "reconcile.storing": Point("the sweep's cursor", "the page is read again"),
    "reconcile.stored": Point("the looks, the cursor", "the sweep goes on at its cursor"),
    "drift.called": Point("the difference", "it is looked at and settled again", ("read_stock_of",)),
    "drift.storing": Point("the difference", "it is looked at and settled again"),
    "drift.stored": Point("what became of it", "the patrol finds the pushes that are due"),
    "sure.storing": Point("what was guessed", _TX),
    "sure.stored": Point("that nothing is guessed", "the patrol levels what is marked"),
    "tally.storing": Point("what was counted before", _TX),
    "tally.stored": Point("the slice, and how far it came", "the next slice begins after it"),
    "measure.storing": Point("what was measured before", _TX),
    "measure.stored": Point("the slice, and how far it came", "the next slice begins after it"),
    "buffers.storing": Point("the buffers before", "they are worked out again"),
    "buffers.stored": Point("the buffers", "the patrol levels what is marked"),
    "sweep.storing": Point(_NOTHING, _TX),
    "sweep.stored": Point("that they are gone", "there is nothing left to do"),
    "probe.called": Point(_NOTHING, "the lease ends, and the account is looked at again", ("check_account",)),
    "link.called": Point(_NOTHING, _SAID, ("check_account",)),
    "link.storing": Point(_NOTHING, _SAID),
    "link.stored": Point("the account and its keys", "orders are pulled; said again it has an address more"),
    "subscribe.called": Point("the account and its keys", "said again, topics that are there stay", ("subscribe",)),
    "shelf.storing": Point(_NOTHING, _SAID),
    "shelf.stored": Point("what was booked", "the patrol takes back what is promised and not there"),
    "kit.storing": Point(_NOTHING, _SAID),
    "kit.stored": Point("what the kit is made of", "the patrol levels what is marked"),
    "ship.storing": Point(_NOTHING, _SAID),
    "ship.stored": Point("the parcel, all that is to be told", "said again it is the same parcel"),
    "replay.storing": Point(_NOTHING, _SAID),
    "replay.stored": Point("that they are to be read again", "nobody was rung: the patrol finds them"),
    "resolve.storing": Point(_NOTHING, _SAID),
    "resolve.stored": Point("what was decided", "said again it is the same decision"),
    "heal.storing": Point("the difference", _SAID),
    "heal.stored": Point("what became of it", "the patrol finds the pushes that are due"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Armed:
    name: str
    action: Action
    hit: int
    delay_s: float
    carrying: str  # not empty: each time something of such a name is in hand, whichever hit it is


_armed: tuple[_Armed, ...] | None = None
_hits: Counter[str] = Counter()
_board = ""  # a file that says what is armed, and where every process that comes there signs

_HEAD, _LINE = 80, 11  # bytes of what a board says, and of a signature


def arm(text: str) -> None:
    """Arm one point of this process: `drain.claimed=kill@2` kills it when it comes there for the second time, and
    `push.called=delay:3@1` holds it up for 3 s. `drain.moving=raise~POISON` breaks its work each time it comes there with
    something in hand whose name has POISON in it. Commas stand between several. The path of a board (`post`) arms what
    that says at each moment, for all processes together. An empty text disarms. Raises `UsageProblem`.
    """
    global _armed, _board  # noqa: PLW0603 - a process has one
    _board = text if text.startswith("/") else ""
    _hits.clear()
    _armed = tuple(_read(one) for one in text.split(",")) if text and not _board else None


def post(board: Path, text: str) -> None:
    """Have the processes that share *board* armed with *text* from now on, and begin to count anew; "" disarms them.

    Whichever of them comes there the hit-th time, counted over all, it befalls. Raises `UsageProblem`.
    """
    if not text:
        board.unlink(missing_ok=True)
        return
    _read(text)
    fresh = board.with_suffix(".new")
    fresh.write_text(text.ljust(_HEAD - 1) + "\n", "ascii")
    fresh.replace(board)


def visitors(board: Path) -> list[int]:
    """The ids of the processes that came to the point *board* names, one for each time, in order."""
    try:
        return [int(pid) for pid in board.read_text("ascii")[_HEAD:].split()]
    except FileNotFoundError:
        return []


def _read(text: str) -> _Armed:
    name, _, rest = text.partition("=")
    rest, _, carrying = rest.partition("~")
    what, _, hit = rest.partition("@")
    action, _, seconds = what.partition(":")
    try:
        armed = _Armed(name, Action(action), int(hit or 1), float(seconds or 1), carrying)
    except ValueError:
        raise UsageProblem(f"{text!r} arms no failpoint.", fix="Such as drain.claimed=kill@1.") from None
    if name not in POINTS:
        raise UsageProblem(f"There is no failpoint {name!r}.", fix=f"There are {', '.join(POINTS)}.")
    return armed


async def reach(name: str, of: Iterable[str] = ()) -> None:
    """This process is at the point *name*, with things of these names in hand."""
    if _armed is not None:
        _hits[name] += 1
        for armed in _armed:
            if armed.name == name and (not armed.carrying or any(armed.carrying in one for one in of)):
                await _act(armed, armed.hit if armed.carrying else _hits[name])
    elif _board:
        await _sign(name)


async def _sign(name: str) -> None:
    try:
        board = os.open(_board, os.O_RDWR | os.O_APPEND)
    except FileNotFoundError:
        return  # nothing is armed now
    try:
        armed = _read(os.read(board, _HEAD).decode().strip())
        if armed.name != name:
            return
        os.write(board, b"%10d\n" % os.getpid())
        # What is appended is whole, and the descriptor stands behind it: so it says who came there the how-manieth time.
        hits = (os.lseek(board, 0, os.SEEK_CUR) - _HEAD) // _LINE
    finally:
        os.close(board)
    await _act(armed, hits)


async def _act(armed: _Armed, hits: int) -> None:
    if hits != armed.hit:
        return
    # Straight to the descriptor: nothing that is buffered survives what comes next.
    os.write(2, f"failpoint {armed.name} {armed.action}\n".encode())
    match armed.action:
        case Action.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        case Action.STOP:
            os.kill(os.getpid(), signal.SIGSTOP)
        case Action.RAISE:
            raise FailpointHit(armed.name)
        case Action.DELAY:
            await asyncio.sleep(armed.delay_s)
