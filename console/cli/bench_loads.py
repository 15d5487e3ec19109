"""Benches that put a load on running processes, and how their answers are shown."""

from __future__ import annotations

from typing import Any

import click

from console.cli.show import print_json, print_table, run


@click.command()
@click.option(
    "--rounds", default=5, show_default=True, type=click.IntRange(1, 100), help="Of all three in turn."
)
@click.option(
    "--seconds", default=5.0, show_default=True, type=click.FloatRange(0.5, 60), help="For each load."
)
@click.option("--merchants", default=1, show_default=True, type=click.IntRange(1, 1_000))
@click.option("--json", "as_json", is_flag=True)
def intake(rounds: int, seconds: float, merchants: int, as_json: bool) -> int:
    """How fast webhooks are proven, sealed and committed, beside a bare HMAC echo and one INSERT per request.

    Ends with 1 only if something that was acknowledged is not stored.
    """
    from console.bench.intake import bench_intake
    from console.cli.demo import Progressing

    with Progressing() as tell:
        found = run(bench_intake(rounds, seconds, merchants, tell))
    if as_json:
        print_json(found)
    else:
        show_intake(found)
    return 1 if found["lost"] or found["unexplained"] else 0


def show_intake(found: dict[str, Any]) -> None:
    """The table, the gates, and what the figures hold for."""
    rows = [
        {"what": "bare echo with HMAC", "per s": found["echo_per_s"], "of the echo": 1.0},
        {
            "what": "fairway web: proven, sealed, committed",
            "per s": found["intake_per_s"],
            "of the echo": found["ratio_to_echo"],
            "p50 ms": found["p50_ms"],
            "p99 ms": found["p99_ms"],
            "CPU us": found["cpu_us_per_order"],
            "bytes": found["bytes_per_order"],
        },
        {
            "what": "one INSERT per request",
            "per s": found["insert_per_s"],
            "of the echo": round(found["insert_per_s"] / max(1.0, found["echo_per_s"]), 3),
        },
        {
            "what": "fairway web, paced",
            "per s": found["paced_per_s"],
            "p50 ms": found["paced_p50_ms"],
            "p99 ms": found["paced_p99_ms"],
        },
    ]
    print_table(rows, ("what", "per s", "of the echo", "p50 ms", "p99 ms", "CPU us", "bytes"), empty="")
    click.echo(
        f"{found['acknowledged']} acknowledged, {found['stored']} stored, {found['lost']} lost, {found['refused']} refused"
    )
    show_end(found)


def show_end(found: dict[str, Any]) -> None:
    """Gates, and what was measured where."""
    show_gates(found)
    click.echo(
        f"load by {found['load']}, on the same cores; bodies of {found['body_bytes']} bytes; of the paced requests "
        f"{found['paced_late']} left more than 5 ms after their time"
    )
    show_machine(found)


def show_gates(found: dict[str, Any]) -> None:
    """Each gate, met or missed, and what makes a commit durable."""
    click.echo()
    print_table(found["gates"], ("ok", "name", "want", "got"), empty="")
    click.echo()
    server = found["postgres"]
    click.echo(
        f"fsync {server['fsync']}, synchronous_commit {server['synchronous_commit']}, full_page_writes "
        f"{server['full_page_writes']}, row level security {found['row_level_security']}, bodies sealed; "
        f"PostgreSQL {server['server_version']} on {found['disk']}"
    )


def show_machine(found: dict[str, Any]) -> None:
    """Where and when, and how busy the machine was with other things."""
    click.echo(
        f"{found['machine']}, {found['at']}; other processes used {found['cores_used_by_others']} cores meanwhile"
    )


@click.command()
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1, 100), help="Of all in turn.")
@click.option(
    "--seconds", default=5.0, show_default=True, type=click.FloatRange(0.5, 60), help="For each load."
)
@click.option(
    "--merchants", default=1, show_default=True, type=click.IntRange(1, 1_000), help="Three shops each."
)
@click.option(
    "--processes", default=1, show_default=True, type=click.IntRange(1, 16), help="Of web and of worker."
)
@click.option("--hot", is_flag=True, help="Also with one SKU in every order.")
@click.option(
    "--without-typical", is_flag=True, help="Not beside FastAPI and Celery, which need a package index once."
)
@click.option("--json", "as_json", is_flag=True)
def loop(
    rounds: int,
    seconds: float,
    merchants: int,
    processes: int,
    hot: bool,
    without_typical: bool,
    as_json: bool,
) -> int:
    """From a webhook of one shop until two other shops show what is left, beside a bare HMAC echo and what a typical
    team writes (FastAPI, Celery, SQLAlchemy).

    Ends with 1 only if an order was lost or doubled, or a unit oversold.
    """
    from console.bench.loop import Ask, bench_loop
    from console.cli.demo import Progressing

    ask = Ask(rounds, seconds, merchants, processes, hot=hot, typical=not without_typical)
    with Progressing() as tell:
        found = run(bench_loop(ask, tell))
    if as_json:
        print_json(found)
    else:
        show_loop(found)
    return 1 if _wrong(found) else 0


def show_loop(found: dict[str, Any]) -> None:
    """The table, the gates, and what the figures hold for."""
    echo = max(1.0, found["echo_per_s"])

    def row(what: str, per_s: float | None, **more: Any) -> dict[str, Any]:
        return {"what": what, "per s": per_s, "of the echo": per_s and round(per_s / echo, 3), **more}

    rows = [
        row("bare echo with HMAC", found["echo_per_s"]),
        row(
            "fairway: order stored, reserved, two shops told",
            found["orders_per_s"],
            **{
                "p50 ms": found["p50_ms"],
                "p99 ms": found["p99_ms"],
                "CPU us": found["cpu_us_per_order"],
                "bytes": found["bytes_per_order"],
                "calls": found["push_calls_per_order"],
                "MB": found["memory_mb"],
            },
        ),
        row("the same, one SKU in every order", found["hot_per_s"]),
        row("typical receiver, under load", found["typical_per_s"]),
        row("typical receiver, its backlog alone", found["typical_drain_per_s"]),
    ]
    shown = [one for one in rows if one["per s"] is not None]
    print_table(
        shown,
        ("what", "per s", "of the echo", "p50 ms", "p99 ms", "CPU us", "bytes", "calls", "MB"),
        empty="",
    )
    books = found["books"]
    click.echo(
        f"{found['acknowledged']} acknowledged, {books['orders']} orders, {found['lost']} lost, {books['doubled']} doubled, "
        f"{found['oversold']} units oversold, {books['wrong_levels']} counts wrong at shops, {found['refused']} refused"
    )
    show_end(found)


@click.command()
@click.option(
    "--rate", default=1_500, show_default=True, type=click.IntRange(1, 20_000), help="Webhooks a second."
)
@click.option("--minutes", default=10.0, show_default=True, type=click.FloatRange(0.3, 600))
@click.option("--json", "as_json", is_flag=True)
def sustain(rate: int, minutes: float, as_json: bool) -> int:
    """A steady load on the whole loop for minutes: does the hub keep up, do webhooks wait, does memory grow?

    Ends with 1 only if an order was lost or doubled, or a unit oversold.
    """
    from console.bench.sustain import bench_sustain
    from console.cli.demo import Progressing

    with Progressing() as tell:
        found = run(bench_sustain(rate, minutes, tell))
    if as_json:
        print_json(found)
    else:
        show_sustain(found)
    return 1 if _wrong(found) else 0


def show_sustain(found: dict[str, Any]) -> None:
    """The figures, the gates, and what they hold for."""
    names = (
        "per_s",
        "p50_ms",
        "p99_ms",
        "p99_worst_ms",
        "visible_p99_ms",
        "visible_worst_ms",
        "until_told_s",
    )
    more = ("cpu_us_per_order", "push_calls_per_order", "memory_mb")
    print_table(
        [{"what": name.replace("_", " "), "": found[name]} for name in (*names, *more)],
        ("what", ""),
        empty="",
    )
    click.echo(f"memory after each twenty seconds, MB: {' '.join(map(str, found['memory_by_piece']))}")
    show_gates(found)
    show_machine(found)


def _wrong(found: dict[str, Any]) -> bool:
    books = found["books"]
    names = ("lost", "unexplained", "oversold")
    return any((*(found[name] for name in names), books["doubled"], books["violations"]))
