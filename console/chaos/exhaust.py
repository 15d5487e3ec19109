"""Goes through crash points one by one: plays what leads to one, has it befall a process, brings all to rest, compares the
books.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from console.chaos.cases import STOP_S, Case, Shard
from console.chaos.counted import COUNTED
from console.chaos.parts import ARM_LATER, PARTS
from console.chaos.report import channels_story
from console.chaos.stand import Stand, open_stand
from console.chaos.trade import KIT, open_part
from console.cli.show import as_json
from console.demo.books import compare
from console.home import Home
from console.servers import run_servers
from core.errors import FairwayError
from core.failpoints import POINTS, Action, post, visitors
from core.store import demo_books

PLAYS = 3  # how often a part is played until its point is reached
LONGEST_S = 300.0  # for one case
NAMES = tuple(name for name, _ in COUNTED)

Tell = Callable[[str, int, int], None]  # what was tried last and how it went, how many were, of how many


@dataclass(slots=True)
class Tried:
    """What became of a case: how often processes came to its point, whether it *fired*, and what is *wrong* afterwards."""

    case: Case
    came: int = 0
    fired: bool = False
    wrong: dict[str, Any] = field(default_factory=dict)
    stories: dict[str, Any] = field(default_factory=dict)
    stuck: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return self.fired and not self.wrong and not self.stuck

    @property
    def words(self) -> str:
        """For a person."""
        how = "fine" if self.ok else "WRONG" if self.wrong or self.stuck else "NOT REACHED"
        return f"{self.case.armed}: {how}, {self.seconds:.1f} s"

    def row(self) -> dict[str, Any]:
        found = {**asdict(self), **asdict(self.case), "ok": self.ok, "seconds": round(self.seconds, 2)}
        del found["case"], found["stories"]
        return found


async def exhaust(
    seed: int, shard: Shard, wanted: Sequence[Case], directory: Path, tell: Tell
) -> dict[str, Any]:
    """Try every one of *wanted*; returns the numbers with `passed`. After one that went wrong everything is opened anew."""
    begun = time.monotonic()
    tried: list[Tried] = []
    restarts, acked, worlds = 0, 0, 0
    while len(tried) < len(wanted):
        worlds += 1
        place = directory / f"world {worlds}"
        home = Home.open(place)
        with run_servers(place, log=lambda _text: None) as servers:
            async with open_stand(servers, home, seed, open_part) as stand:
                for case in wanted[len(tried) :]:
                    tried.append(await _try(stand, case))
                    tell(tried[-1].words, len(tried), len(wanted))
                    if tried[-1].wrong or tried[-1].stuck:
                        _write_down(place, tried[-1])
                        break
                restarts, acked = restarts + stand.restarts, acked + len(stand.acked)
    return _numbers(seed, shard, tried, time.monotonic() - begun) | {
        "restarts": restarts,
        "acked": acked,
        "worlds": worlds,
    }


def _write_down(place: Path, tried: Tried) -> None:
    """The whole story of what is wrong, beside the logs."""
    (place / "wrong.json").write_text(as_json(tried.row() | {"stories": tried.stories}), "utf-8")


async def _try(stand: Stand, case: Case) -> Tried:
    begun, tried = time.monotonic(), Tried(case)
    watching = asyncio.create_task(_watch(stand, tried))
    stand.armed = case.armed
    if case.part not in ARM_LATER:
        stand.arm()
    try:
        async with asyncio.timeout(LONGEST_S):
            for _ in range(PLAYS):
                await PARTS[case.part](stand)
                if tried.fired:
                    break
            await watching if tried.fired else None
            post(stand.board, "")
            await stand.quiet()
            await _judge(stand, tried)
    except (FairwayError, TimeoutError) as error:
        tried.stuck = str(error) or f"it took longer than {LONGEST_S:.0f} s"
        tried.wrong["left"] = await stand.ask(demo_books.left)
    finally:
        post(stand.board, "")
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    tried.seconds = time.monotonic() - begun
    return tried


async def _watch(stand: Stand, tried: Tried) -> None:
    """See whether it befalls somebody; who was stopped goes on after a while."""
    case = tried.case
    while True:
        came = visitors(stand.board)
        tried.came = max(tried.came, len(came))
        if len(came) >= case.hit and not tried.fired:
            tried.fired = True
            if case.action is Action.STOP:
                await asyncio.sleep(STOP_S)
                with suppress(ProcessLookupError):
                    os.kill(came[case.hit - 1], signal.SIGCONT)
            return
        await asyncio.sleep(0.01)


async def _judge(stand: Stand, tried: Tried) -> None:
    """Compare the books, as a chaos run does, and look whether the kit shows what it can be made of."""
    stage = stand.stage
    verdict = await compare(stage.hub, stage.merchant_id, stand.shops, stage.connections)
    figures = verdict.figures() | {"wrong_states": verdict.wrong_states}
    figures["lost"] += await stand.ask(demo_books.not_stored, sorted(stand.acked))
    tried.wrong = {name: figures[name] for name in NAMES if figures[name]}
    for name in ("violations", "wrong"):
        if figures[name]:
            tried.wrong[name] = figures[name]
    for row in verdict.wrong[:3]:
        story = await stand.ask(demo_books.story_of, row["sku"])
        tried.stories[row["sku"]] = story | channels_story(stand.shops, row["sku"])
    free = await stand.ask(demo_books.free_by_sku)
    can_be = min(free[sku] // units for sku, units in stand.kit.items())
    shown = {stand.shops.shopify.available(KIT), stand.shops.woocommerce.stock_of(KIT)}
    if shown != {can_be}:
        tried.wrong["wrong_levels"] = tried.wrong.get("wrong_levels", 0) + 1
        tried.wrong["kit"] = {"shows": sorted(map(str, shown)), "can_be": can_be}


def _numbers(seed: int, shard: Shard, tried: Sequence[Tried], seconds: float) -> dict[str, Any]:
    failed = [one for one in tried if not one.ok]
    return {
        "seed": seed,
        "shard": str(shard),
        "points": len(POINTS),
        "cases": len(tried),
        "fired": sum(one.fired for one in tried),
        "not_reached": [one.case.armed for one in tried if not one.fired],
        **{name: sum(one.wrong.get(name, 0) for one in tried) for name in NAMES},
        "stuck": sum(bool(one.stuck) for one in tried),
        "failed": [one.row() for one in failed],
        "each": [one.row() for one in tried],
        "seconds": round(seconds, 1),
        "passed": bool(tried) and not failed,
    }
