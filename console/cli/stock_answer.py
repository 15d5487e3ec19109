"""What the verbs of `fairway stock` answer: every row before and after, and what stands against it; reads times."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from console.cli.show import print_json, print_table
from core.errors import UsageProblem

if TYPE_CHECKING:
    from core.usecases.book_units import Booked, Change

COLUMNS = ("sku", "location", "on_hand", "quarantined", "incoming", "free", "short", "note")


def moment(text: str) -> datetime:
    """A time as people and files write it; without an offset it is UTC. Raises `UsageProblem`."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageProblem(f"{text!r} is not a time.", fix="Such as 2026-11-24T14:03:00Z.") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def answer(booked: Booked, *, dry_run: bool, as_json: bool) -> int:
    """Print what was booked, or would be; the exit code is 2 where a dry run found what cannot be."""
    if as_json:
        print_json(
            {
                "dry_run": dry_run,
                "changed": booked.changed,
                "repeated_at": booked.repeated_at,
                "problems": booked.problems,
                "changes": [_plain(change) for change in booked.changes],
            }
        )
        return 2 if booked.problems else 0
    if booked.repeated_at:
        click.echo(
            f"This was booked on {booked.repeated_at:%Y-%m-%d %H:%M:%S} UTC: nothing changed. If it happened again,"
            " say so with another --reference.",
            err=True,
        )
        return 0
    print_table([_row(change) for change in booked.changes], COLUMNS, empty="Nothing to book.")
    for problem in booked.problems:
        click.echo(f"cannot be: {problem}", err=True)
    short = sum(change.after.short > change.before.short for change in booked.changes)
    verb = "would change" if dry_run else "changed"
    click.echo(f"{booked.changed} balances {verb}.", err=True)
    if short:
        tense = "would hold" if dry_run else "hold"
        click.echo(f"{short} of them {tense} less than is promised: see `fairway incidents`.", err=True)
    return 2 if booked.problems else 0


def _plain(change: Change) -> dict[str, Any]:
    def balance(which: Any) -> dict[str, Any]:
        return {**asdict(which), "free": which.free}

    return {
        "sku": change.sku,
        "location": change.location,
        "before": balance(change.before),
        "after": balance(change.after),
        "short": change.after.short,
        "note": change.note,
    }


def _row(change: Change) -> dict[str, Any]:
    def both(name: str) -> str:
        before, after = getattr(change.before, name), getattr(change.after, name)
        return str(after) if before == after else f"{before} → {after}"

    buckets = {name: both(name) for name in ("on_hand", "quarantined", "incoming", "free")}
    return {
        "sku": change.sku,
        "location": change.location,
        **buckets,
        "short": change.after.short or None,
        "note": change.note or None,
    }
