"""Writes down what the benches said, after running them where that is asked for."""

from __future__ import annotations

import subprocess
import sys

import click

from console.cli.show import print_json


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--run", "run_them", is_flag=True, help="First run these benches, or all of them: that takes an hour."
)
@click.option("--json", "as_json", is_flag=True)
def report(names: tuple[str, ...], run_them: bool, as_json: bool) -> None:
    """Write docs/performance.md, docs/sizing.md and the README's figures from bench/results.

    A missed gate is shown as missed; bench/results/NAME.md has room for why, and what would lift it.
    """
    from console.bench.report import BENCHES, ROOT, documents, read_results
    from core.errors import UsageProblem

    known = [bench.name for bench in BENCHES]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageProblem(f"There is no result named {unknown[0]}.", fix=f"Names are {', '.join(known)}.")
    if names and not run_them:
        raise UsageProblem("All results are written down together.", fix="Name benches with --run only.")
    if run_them:
        for bench in BENCHES:
            if not names or bench.name in names:
                _run(bench.name, bench.words)
    written = []
    for path, text in documents().items():
        place = ROOT / path
        if not place.exists() or place.read_text("utf-8") != text:
            place.parent.mkdir(exist_ok=True)
            place.write_text(text, "utf-8")
            written.append(str(path))
    results = read_results()
    missed = [
        {"bench": result.bench.name, **gate}
        for result in results
        for gate in (result.found or {}).get("gates", ())
        if not gate["ok"]
    ]
    missing = [result.bench.name for result in results if result.found is None]
    if as_json:
        print_json({"written": written, "missed": missed, "not_measured": missing})
        return
    click.echo(f"written: {', '.join(written)}" if written else "Everything is written down already.")
    for gate in missed:
        click.echo(f"missed: {gate['bench']}: {gate['name']}: {gate['got']} instead of {gate['want']}")
    if missing:
        click.echo(f"not measured: {', '.join(missing)} (fairway bench report --run {' '.join(missing)})")


def _run(name: str, words: tuple[str, ...]) -> None:
    """Run one bench and keep what it says. Raises `FairwayError` where it says nothing."""
    from console.bench.report import RESULTS, ROOT
    from core.errors import FairwayError
    from core.flow import DecodeError, decode

    click.echo(f"fairway bench {' '.join(words)}", err=True)
    command = [sys.executable, "-P", "-m", "console.cli", "bench", *words, "--json"]
    # It ends with 1 where something was lost, and that is kept as well.
    ended = subprocess.run(command, stdout=subprocess.PIPE, check=False, cwd=ROOT)  # noqa: S603 - ours
    try:
        decode(ended.stdout)
    except DecodeError as error:
        raise FairwayError(
            f"fairway bench {' '.join(words)} ended with {ended.returncode} and said nothing that can be kept."
        ) from error
    place = ROOT / RESULTS / f"{name}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(ended.stdout)
