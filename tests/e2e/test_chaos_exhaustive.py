"""A tenth of all crash points, another one each day: which one is in the name of the test, and `FAIRWAY_TENTH=3` asks for
the third. And that the judge can say no.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from pathlib import Path

import pytest
from command_rig import run_command

from console.chaos.cases import Case, Shard
from console.chaos.exhaust import NAMES, Tried, exhaust
from console.chaos.parts_shelf import heal
from console.chaos.stand import open_stand
from console.chaos.trade import open_part
from console.cli.chaos_exhaustive import merged, print_cases
from console.home import Home
from console.servers import run_servers
from console.servers.memory import throwaway
from core.clock import wall_clock
from core.failpoints import Action
from core.store.database import Connection

TENTH = int(os.environ.get("FAIRWAY_TENTH") or wall_clock().toordinal() % 10 + 1)


@pytest.mark.parametrize("tenth", [TENTH])
async def test_whatever_befalls_a_process_at_a_crash_point_the_books_balance(
    tmp_path: Path, tenth: int
) -> None:
    # Its two halves side by side: most of the time a case waits for a lease to end.
    words = ("chaos", "--exhaustive", "--seed", "1", "--json", "--shard")
    halves = (f"{2 * tenth - 1}/20", f"{2 * tenth}/20")

    ended = await asyncio.gather(*(run_command(tmp_path, *words, half, patience_s=900) for half in halves))

    told = merged([numbers for numbers, _ in ended])
    assert [
        (row["point"], row["action"], row["hit"], row["stuck"], row["wrong"]) for row in told["failed"]
    ] == []
    assert {told[name] for name in NAMES} == {0}
    assert told["fired"] == told["cases"] >= 60
    assert [code for _, code in ended] == [0, 0]


async def test_a_point_that_is_never_reached_is_no_case_that_is_fine() -> None:
    said: list[str] = []
    never = Case("probe.called", Action.RAISE, 99)

    with throwaway("fairway-tests-") as directory:
        told = await exhaust(1, Shard(), [never], directory, lambda words, _done, _of: said.append(words))

    assert (told["fired"], told["passed"]) == (0, False)
    assert told["not_reached"] == ["probe.called=raise@99"]
    assert 0 < told["each"][0]["came"] < 99
    assert "NOT REACHED" in said[0]


async def test_goods_that_were_healed_before_are_asked_about_again() -> None:
    async def healed(tx: Connection) -> list[str]:
        return [row["healed_by"] for row in await tx.fetch("SELECT healed_by FROM drifts")]

    with throwaway("fairway-tests-") as directory, run_servers(directory, log=lambda _text: None) as servers:
        async with open_stand(servers, Home.open(directory), 1, open_part) as stand:
            for _ in range(2):
                stand.numbers = itertools.count(1)
                stand.opened_at = time.monotonic()
                await heal(stand)
            said = await stand.ask(healed)

    assert said == ["command line"] * 4


def share(shard: str, *, lost: int = 0) -> dict[str, object]:
    tried = Tried(
        Case("drain.claimed", Action.KILL, 1), came=1, fired=True, wrong={"lost": lost} if lost else {}
    )
    rows = [tried.row()]
    numbers: dict[str, object] = dict.fromkeys((*NAMES, "stuck", "restarts", "acked", "worlds"), 0)
    numbers |= {"seed": 4, "shard": shard, "points": 81, "cases": 1, "fired": 1, "not_reached": []}
    return numbers | {
        "lost": lost,
        "each": rows,
        "failed": [] if tried.ok else rows,
        "seconds": 3.5,
        "passed": tried.ok,
    }


def test_shares_together_are_as_wrong_as_the_worst_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    fine = merged([share("1/2"), share("2/2")])
    wrong = merged([share("1/2"), share("2/2", lost=2)])

    assert (fine["cases"], fine["passed"], len(fine["each"]), fine["seconds"]) == (2, True, 2, 3.5)
    assert (wrong["lost"], wrong["passed"], len(wrong["failed"])) == (2, False, 1)
    print_cases(wrong)
    said = capsys.readouterr()
    assert "drain.claimed (1)  kill" in said.out
    assert "NOT EVERY CASE IS FINE." in said.out
    assert "--exhaustive --seed 4" in said.err
