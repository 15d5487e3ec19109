"""Chaos as a command: what is run, and where its logs are. The runs are in chaos_*.py beside this file."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import click

from console.cli.chaos_exhaustive import go_through, print_cases
from console.cli.chaos_pressure import press
from console.cli.chaos_promote import promote
from console.cli.chaos_recovery import print_figures, recover
from console.cli.chaos_rolling import roll
from console.cli.chaos_sabotage import print_caught, spoil
from console.cli.chaos_strike import explain, print_numbers, strike
from console.cli.show import print_json, run


@click.command()
@click.option(
    "--seed", default=1, show_default=True, help="The same seed, the same buyers and the same strikes."
)
@click.option(
    "--minutes",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0.1, 600.0),
    help="For how long it strikes; with --recovery, how long Valkey is emptied again and again.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.option(
    "--recovery", is_flag=True, help="Strike one thing at a time, and measure how soon it works again."
)
@click.option(
    "--pressure",
    is_flag=True,
    help="Poison, one loud merchant, a burst: measure what the others notice of each.",
)
@click.option(
    "--rolling",
    is_flag=True,
    help="Restart one process after the other under load, twenty times over; nobody outside may notice.",
)
@click.option(
    "--promote",
    "promoted",
    is_flag=True,
    help="Kill PostgreSQL for good under load, four times, and promote its replica; nothing answered 200 may be lost.",
)
@click.option(
    "--sabotage", is_flag=True, help="Take one safety line out of a copy at a time; the tests must notice."
)
@click.option(
    "--exhaustive",
    is_flag=True,
    help="Go through every crash point instead: kill, stop, break and delay there.",
)
@click.option("--shard", metavar="I/N", help="With --exhaustive: only this share of it, such as 3/10.")
@click.option("--keep", is_flag=True, help="Leave the directory with the logs, also when nothing was wrong.")
def chaos(
    *,
    seed: int,
    minutes: float,
    as_json: bool,
    recovery: bool,
    pressure: bool,
    rolling: bool,
    promoted: bool,
    sabotage: bool,
    exhaustive: bool,
    shard: str | None,
    keep: bool,
) -> int:
    """Strike everything the hub is made of while buyers buy, then compare the books.

    Two webs, three workers, PostgreSQL, Valkey, two shops and a carrier: killed, stopped past their leases, emptied, cut
    off, slowed down, their clocks set wrong, their disk full; webhooks come five times, shuffled, a day late or never, and
    a fifth of all answers is lost. Exit 0 only when no order is lost, nothing happened twice and every count is right.
    """
    if sabotage:
        caught = run(spoil())
        if as_json:
            print_json(caught)
        else:
            print_caught(caught)
        return 0 if caught["passed"] else 1
    directory = Path(tempfile.mkdtemp(prefix="fairway-chaos-"))
    directory.chmod(0o711)
    done = False
    try:
        if exhaustive:
            numbers = run(go_through(directory, seed, shard))
        elif rolling:
            numbers = run(roll(directory, seed))
        elif promoted:
            numbers = run(promote(directory, seed))
        else:
            measure = press if pressure else recover if recovery else strike
            numbers = run(measure(directory, seed, minutes))
        done = bool(numbers["passed"])
    finally:
        if keep or not done:
            click.echo(f"The logs are in {directory}.", err=True)
        else:
            shutil.rmtree(directory, ignore_errors=True)
    if as_json:
        print_json(numbers)
    elif exhaustive:
        print_cases(numbers)
    elif recovery or pressure or rolling or promoted:
        print_figures(numbers)
    else:
        print_numbers(numbers)
    if not (done or recovery or pressure or rolling or promoted or exhaustive):
        explain(numbers)
    return 0 if done else 1
