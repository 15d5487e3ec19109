"""Writes docs/performance.md, docs/sizing.md and the README's figures from what the benches said. Measures nothing.

A result is what a bench printed with --json, kept as bench/results/NAME.json. Why a gate was missed, and what would lift
it, is a sentence or two in bench/results/NAME.md. What is not there is "not measured".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from console.bench import sizing
from core.errors import UsageProblem
from core.flow import DecodeError, decode

ROOT = Path(__file__).parents[2]
RESULTS = Path("bench/results")
BEGIN, END = "<!-- figures: fairway bench report -->", "<!-- /figures -->"
NOT_MEASURED = "not measured"
BY_HAND = "Written by `fairway bench report` from bench/results. Not to be edited by hand."


@dataclass(frozen=True, slots=True)
class Bench:
    """One result: the words after `fairway bench` that make it, and what it is about."""

    name: str
    words: tuple[str, ...]
    about: str


@dataclass(frozen=True, slots=True)
class Result:
    """*found* is what the bench said; None: it was not run. *why* is about gates it missed."""

    bench: Bench
    found: Mapping[str, Any] | None
    why: str = ""


BENCHES = (
    Bench("intake", ("intake",), "Webhooks proven, sealed and committed."),
    Bench("loop", ("loop", "--hot"), "From a webhook until two other shops show what is left."),
    Bench(
        "loop-merchants",
        ("loop", "--merchants", "1000", "--without-typical"),
        "The same with 1,000 merchants, three shops each.",
    ),
    Bench(
        "loop-processes",
        ("loop", "--processes", "2", "--without-typical"),
        "The same with two web and two worker processes.",
    ),
    Bench("sustain", ("sustain",), "The same at 1,500 orders a second for ten minutes."),
    Bench(
        "flat",
        ("sustain", "--rate", "200", "--minutes", "30"),
        "Memory over half an hour of a steady load.",
    ),
    Bench("drain", ("drain",), "Stored deliveries that become orders, nothing else running."),
    Bench("stock", ("stock",), "Reserving stock, beside one UPDATE per order."),
    Bench("growth", ("growth",), "What an order costs once many are stored."),
    Bench("catchup", ("catchup",), "After six hours dark, until orders and stock are true again."),
)

# What the README shows: its words, the result, the key of the figure, how it is written.
FIGURES = (
    ("webhooks stored for good, a second", "intake", "intake_per_s", "{:,.0f}"),
    ("of what a bare echo with HMAC answers", "intake", "ratio_to_echo", "{:.0%}"),
    ("orders through the whole loop, a second", "loop", "orders_per_s", "{:,.0f}"),
    ("times what a typical receiver does under load", "loop", "ratio_to_typical", "{:.1f}"),
    ("CPU per order, all processes, µs", "loop", "cpu_us_per_order", "{:,.0f}"),
    ("webhook p99 at 1,000 a second, stored and no more, ms", "intake", "paced_p99_ms", "{:.1f}"),
    ("the same with the whole loop behind it, ms", "loop", "paced_p99_ms", "{:.1f}"),
    ("calls to two other shops per order", "loop", "push_calls_per_order", "{:.3g}"),
    ("longest catch-up at a channel with a connector, minutes", "catchup", "longest_minutes", "{:.0f}"),
)

# Not figures, or shown in a line of their own.
_ASIDE = {"gates", "machine", "at", "load", "postgres", "disk", "row_level_security", "cores_used_by_others"}


def read_results(root: Path = ROOT) -> list[Result]:
    """Every bench with what it said. Raises `UsageProblem` for a file that is no result of a bench."""
    directory = root / RESULTS
    known = {bench.name for bench in BENCHES}
    for path in sorted(directory.glob("*.json")):
        if path.stem not in known:
            raise UsageProblem(
                f"{path} is the result of no bench.", fix=f"Names are {', '.join(sorted(known))}."
            )
    return [
        Result(bench, _found(directory / f"{bench.name}.json"), _text(directory / f"{bench.name}.md"))
        for bench in BENCHES
    ]


def _found(path: Path) -> Mapping[str, Any] | None:
    if not path.exists():
        return None
    try:
        found = decode(path.read_bytes())
    except DecodeError as error:
        raise UsageProblem(f"{path} is not JSON: {error}.", fix="Run the bench again.") from error
    if not isinstance(found, dict) or not {"machine", "at"} <= found.keys():
        raise UsageProblem(
            f"{path} does not say on which machine and when.", fix="Keep what a bench prints with --json."
        )
    return found


def _text(path: Path) -> str:
    return path.read_text("utf-8").strip() if path.exists() else ""


def documents(root: Path = ROOT) -> dict[Path, str]:
    """Each file that is written, relative to *root*, with its text."""
    results = read_results(root)
    readme = Path("README.md")
    found = {result.bench.name: result.found for result in results}
    return {
        Path("docs/performance.md"): performance(results),
        Path("docs/sizing.md"): sizing.document(found.get("loop"), found.get("catchup"), BY_HAND),
        readme: with_figures((root / readme).read_text("utf-8"), figures(results)),
    }


def with_figures(text: str, shown: str) -> str:
    """*text* with *shown* between the two marks. Raises `UsageProblem` where the marks are not there once, in order."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise UsageProblem("README.md has no place for figures.", fix=f"Put {BEGIN} and {END} where they go.")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{shown}\n{END}{rest.split(END)[1]}"


def figures(results: list[Result]) -> str:
    """The README's few figures, as a table, and where they come from."""
    found = {result.bench.name: result.found or {} for result in results}
    lines = ["| measured | |", "|---|---|"]
    for words, name, key, form in FIGURES:
        value = found[name].get(key)
        lines.append(f"| {words} | {NOT_MEASURED if value is None else form.format(value)} |")
    gates = [gate for result in results for gate in (result.found or {}).get("gates", ())]
    held = sum(gate["ok"] for gate in gates)
    lines += ["", f"{held} of {len(gates)} gates are held. {_where(results)}"]
    return "\n".join(lines)


def _where(results: list[Result]) -> str:
    measured = [result.found for result in results if result.found]
    if not measured:
        return "Nothing was measured yet: [docs/performance.md](docs/performance.md)."
    days = sorted(str(one["at"])[:10] for one in measured)
    between = days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
    return f"Measured {between}; machines, gates and what was missed: [docs/performance.md](docs/performance.md)."


def performance(results: list[Result]) -> str:
    """docs/performance.md."""
    lines = [
        "# Performance",
        "",
        BY_HAND,
        "Rates are those of one machine that carries everything, the load generator too: read the ratios and the CPU per",
        "order, and measure on yours.",
        "",
    ]
    gates = [(result, gate) for result in results for gate in (result.found or {}).get("gates", ())]
    missed = [(result, gate) for result, gate in gates if not gate["ok"]]
    lines += [f"{len(gates) - len(missed)} of {len(gates)} gates are held."]
    if missed:
        lines += ["", "Missed:", ""]
        lines += [
            f"- {gate['name']}: {_value(gate['got'])} instead of {gate['want']} ([{name}](#{name}))"
            for name, gate in ((result.bench.name, gate) for result, gate in missed)
        ]
    for result in results:
        lines += ["", *_section(result)]
    return "\n".join(lines) + "\n"


def _section(result: Result) -> list[str]:
    bench, found = result.bench, result.found
    lines = [f"## {bench.name}", "", bench.about, "", f"`fairway bench {' '.join(bench.words)}`: "]
    if found is None:
        return [*lines[:-1], lines[-1] + f"{NOT_MEASURED}."]
    lines[-1] += f"{found['machine']}, {found['at']}."
    lines += [*_conditions(found), ""]
    gates = found.get("gates", ())
    if gates:
        lines += ["| gate | wanted | got | |", "|---|---|---|---|"]
        lines += [
            f"| {gate['name']} | {gate['want']} | {_value(gate['got'])} | {'held' if gate['ok'] else '**missed**'} |"
            for gate in gates
        ]
        lines += [""]
    if any(not gate["ok"] for gate in gates):
        lines += [result.why or "Why a gate was missed, and what would lift it, is not written down yet.", ""]
    elif result.why:
        lines += [result.why, ""]
    for rows in (value for value in found.values() if _are_rows(value)):
        lines += [*_table(rows), ""]
    plain = [(name, value) for name, value in found.items() if name not in _ASIDE and _is_plain(value)]
    lines += ["| figure | |", "|---|---|"]
    lines += [f"| {_label(name)} | {_value(value)} |" for name, value in plain]
    return lines


def _conditions(found: Mapping[str, Any]) -> list[str]:
    """What the figures hold for, as far as the bench said."""
    said = []
    server = found.get("postgres")
    if isinstance(server, Mapping):
        settings = ", ".join(f"{_label(name)} {value}" for name, value in server.items())
        said.append(f"PostgreSQL: {settings}; on {found.get('disk', 'an unknown disk')}.")
    if "load" in found:
        said.append(f"Load by {found['load']}, on the same cores.")
    if "cores_used_by_others" in found:
        said.append(f"Other processes used {_value(found['cores_used_by_others'])} cores meanwhile.")
    return said


def _are_rows(value: Any) -> bool:
    """Whether *value* is a table that a bench shows: rows that name themselves."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict) and "channel" in value[0]


def _table(rows: list[dict[str, Any]]) -> list[str]:
    names = list(rows[0])
    return [
        f"| {' | '.join(_label(name) for name in names)} |",
        f"|{'---|' * len(names)}",
        *(
            f"| {' | '.join('-' if row.get(name) is None else _value(row[name]) for name in names)} |"
            for row in rows
        ),
    ]


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_is_plain(one) for one in value.values())
    return not isinstance(value, list)


def _label(name: str) -> str:
    return name.replace("_", " ")


def _value(value: Any) -> str:
    match value:
        case None:
            return NOT_MEASURED
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float() | Decimal():
            number = float(value)
            return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:g}"
        case Mapping():
            said = (f"{_label(name)} {_inner(one)}" for name, one in value.items())
            return ", ".join(said)
        case _:
            return str(value)


def _inner(value: Any) -> str:
    return f"({_value(value)})" if isinstance(value, Mapping) else _value(value)
