"""What each channel and carrier can do, and whether a connector behaves: reads manifests, and runs the conformance kit."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from console.cli.show import print_json, print_table
from core.connector import Manifest
from core.errors import FairwayError, UsageProblem

ROOT = Path(__file__).resolve().parents[2]
KIT = ROOT / "tests" / "tck"
MARKS = {"pass": "holds", "fail": "FAILS", "not applicable": "-"}


@click.command()
@click.option("--json", "as_json", is_flag=True)
def channels(as_json: bool) -> None:
    """What each channel and carrier can do, and the tier it has reached."""
    from connectors import discover

    manifests = [connector.manifest for connector in discover().values()]
    rows = {manifest.slug: _row(manifest) for manifest in manifests}
    if as_json:
        print_json(list(rows.values()))
        return
    for kind, heading in (("channel", "Channels"), ("carrier", "Carriers")):
        mine = [manifest for manifest in manifests if manifest.kind == kind]
        if not mine:
            continue
        click.echo(f"{heading}\n")
        shown = [rows[manifest.slug] for manifest in mine]
        words = list(dict.fromkeys(word for manifest in mine for word in manifest.capabilities))
        abilities = [{"channel": m.slug, **{word: word in m.capabilities for word in words}} for m in mine]
        print_table(
            shown, ("channel", "name", "tier", "api_version", "api_sunset", "idempotency_keys"), empty=""
        )
        click.echo()
        print_table(abilities, ("channel", *words), empty="")
        if kind == "channel":
            for facts in (Manifest.SELLING[:4], Manifest.SELLING[4:-1]):
                click.echo()
                print_table(shown, ("channel", *facts), empty="")
        click.echo()


def _row(manifest: Manifest) -> dict[str, Any]:
    facts = ("name", "kind", "tier", "api_version", "api_sunset", "capabilities", "idempotency_keys")
    selling = Manifest.SELLING if manifest.kind == "channel" else ()
    return {"channel": manifest.slug, **{fact: getattr(manifest, fact) for fact in (*facts, *selling)}}


@click.group()
def channel() -> None:
    """Measure one connector: `fairway channel check SLUG`."""


@channel.command()
@click.argument("slug")
@click.option("--json", "as_json", is_flag=True)
def check(slug: str, as_json: bool) -> int:
    """Run the conformance kit (tests/tck) for the connector SLUG and say which tier it has earned.

    Exit code 0 when that is at least the tier its manifest claims, 1 when it is not.
    """
    from connectors import discover

    if slug not in discover():
        raise UsageProblem(f"There is no channel {slug!r}.", fix="See `fairway channels`.")
    found = _measure(slug)
    if as_json:
        print_json(found)
    else:
        _show(found)
    return 0 if found["enough"] else 1


def _measure(slug: str) -> dict[str, Any]:
    """The report of the kit, run by pytest in a process of its own: nothing that ships imports tests."""
    if not KIT.is_dir() or find_spec("pytest") is None:
        raise FairwayError(
            "The conformance kit or what it runs on is not here.",
            fix="Run `./fairway channel check` in a checkout: it installs what the tests need.",
        )
    with tempfile.TemporaryDirectory(prefix="fairway-kit-") as scratch:
        file = Path(scratch) / "report.json"
        words = (str(KIT / "test_behaviours.py"), f"--channel={slug}", f"--report={file}", "--tb=no")
        done = subprocess.run(  # noqa: S603 - our own words, and a slug that is a connector's
            [sys.executable, "-P", "-m", "pytest", *words],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        if not file.exists():
            click.echo(done.stdout + done.stderr, err=True)
            raise FairwayError(f"The conformance kit could not measure {slug}, for the reasons above.")
        from core.flow import decode

        report: dict[str, Any] = decode(file.read_bytes())
    return report


def _show(found: Mapping[str, Any]) -> None:
    behaviours: Iterable[Mapping[str, Any]] = found["behaviours"]
    heading = ""
    for one in behaviours:
        if one["tier"] != heading:
            heading = one["tier"]
            click.echo(f"\n{heading}")
        click.echo(f"  {MARKS[one['result']]:5}  {one['sentence']}  ({one['id']})")
        if "why" in one:
            click.echo(f"         {one['why']}")
    click.echo(f"\n{found['channel']}: {found['passed']} behaviours hold, {found['failed']} do not.")
    click.echo(f"Tier: {found['tier']}, claimed: {found['claimed']}.")
    if found["next"]:
        click.echo(f"Missing for {found['next']}:")
        for sentence in found["missing"]:
            click.echo(f"  - {sentence}")
