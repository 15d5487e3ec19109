"""Brakes: freeze, unfreeze, stop-sell, resume, and the waves that wait for an answer."""

from __future__ import annotations

from typing import Any

import click

from console.cli.scopes import by_option, scope_options, scopes_here
from console.cli.show import hub_here, print_json, print_table, run

WAVE_COLUMNS = ("wave", "connection", "what", "listings", "of", "since", "such_as")
WHAT = {"zero": "show nothing any more", "raise": "show more"}


@click.command()
@scope_options
@by_option
@click.option("--json", "as_json", is_flag=True)
def freeze(**options: Any) -> None:
    """Write nothing to channels, at once, for a merchant (no option), a connection, a tag or a listing.

    They go on selling what they show. What has to be told meanwhile is told after `fairway unfreeze`.
    """
    _brake("freeze", options)


@click.command()
@scope_options
@by_option
@click.option("--json", "as_json", is_flag=True)
def unfreeze(**options: Any) -> None:
    """Take a freeze back. It has to name what the freeze named: those of wider or narrower scope still hold."""
    _brake("unfreeze", options)


@click.command("stop-sell")
@scope_options
@by_option
@click.option("--json", "as_json", is_flag=True)
def stop_sell(**options: Any) -> None:
    """Take everything off sale, before anything else is told: a merchant (no option), a connection, a tag, a listing."""
    _brake("stop_sell", options)


@click.command()
@scope_options
@by_option
@click.option("--json", "as_json", is_flag=True)
def resume(**options: Any) -> None:
    """Take a stop back: listings show again what is free. It has to name what the stop named."""
    _brake("resume", options)


def _brake(what: str, options: dict[str, Any]) -> None:
    from core.store.braking import Braked
    from core.usecases import set_rules

    as_json, by = options.pop("as_json"), options.pop("by")

    async def work() -> tuple[str, Braked]:
        async with hub_here() as hub:
            merchant_id, scopes, words = await scopes_here(hub, **options)
            found = Braked()
            for scope in scopes:
                if what == "freeze":
                    one = await set_rules.freeze(hub, merchant_id, scope, by=by)
                elif what == "stop_sell":
                    one = await set_rules.stop_sell(hub, merchant_id, scope, by=by)
                else:
                    field = "freeze" if what == "unfreeze" else "stop_sell"
                    one = await set_rules.let_go(hub, merchant_id, scope, field, by=by)
                found = found + one
            return words, found

    words, found = run(work())
    if as_json:
        print_json(
            {
                "about": words, "listings": found.listings, "selling": found.selling, "frozen": found.frozen,
                "silent": found.silent,
            }
        )  # fmt: skip
        return
    for line in _said(what, words, found):
        click.echo(line)


def _said(what: str, words: str, found: Any) -> list[str]:
    if what == "freeze":
        return [
            f"Frozen: {words}, {found.listings} listings. Nothing is written to them from now on.",
            "A write that is under way right now may still arrive.",
            f"{found.selling} of them go on selling what they show.",
        ]
    if what == "unfreeze":
        return [f"Not frozen any more: {words}, {found.listings} listings. What they missed is told now."]
    if what == "resume":
        return [f"On sale again: {words}, {found.listings} listings, as far as units are free."]
    said = [
        f"Stopped: {words}, {found.listings} listings.",
        f"{found.selling} of them are told to sell nothing, before everything else.",
        "Orders that have come, or come until then, are still served.",
    ]
    if found.frozen:
        said.append(f"{found.frozen} of them are frozen: they are NOT told before `fairway unfreeze`.")
    if found.silent:
        said.append(
            f"{found.silent} of them are at a connection that nothing is written to: they are NOT told. "
            "See `fairway connections`."
        )
    return said


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def waves(ctx: click.Context, as_json: bool) -> None:
    """Changes of so many listings at once that they wait for an answer.

    Held is what would take more than 5 % of a connection's listings to nothing, or raise more than 20 % of them, for
    another reason than sales: often a wrong file or a wrong rule. Once its cause is mended a wave goes by itself.
    """
    if ctx.invoked_subcommand is not None:
        return
    from core.store import connections
    from core.store.waves import held_now

    async def work() -> list[dict[str, Any]]:
        async with hub_here() as hub:
            async with hub.database.transaction([]) as tx:
                merchants = await connections.merchant_ids(tx)
            async with hub.database.transaction(merchants) as tx:
                return await held_now(tx)

    found = run(work())
    if as_json:
        print_json({"waves": found})
        return
    rows = [
        {
            "wave": row["wave_id"], "connection": row["connection"], "what": WHAT[row["kind"]],
            "listings": row["listings"], "of": row["of_listings"], "since": row["held_at"],
            "such_as": ", ".join(row["examples"] or ()),
        }
        for row in found
    ]  # fmt: skip
    print_table(rows, WAVE_COLUMNS, empty="No wave waits for an answer.")


@waves.command()
@click.argument("wave", type=int)
@by_option
@click.option("--json", "as_json", is_flag=True)
def release(wave: int, by: str, as_json: bool) -> None:
    """Tell the channel: the change is meant."""
    _decide(wave, release=True, by=by, as_json=as_json)


@waves.command()
@click.argument("wave", type=int)
@by_option
@click.option("--json", "as_json", is_flag=True)
def drop(wave: int, by: str, as_json: bool) -> None:
    """Leave these listings as they are until what they may sell changes again, or `fairway stock retry`."""
    _decide(wave, release=False, by=by, as_json=as_json)


def _decide(wave: int, *, release: bool, by: str, as_json: bool) -> None:
    from core.usecases.decide_waves import decide_wave

    async def work() -> int:
        async with hub_here() as hub:
            return await decide_wave(hub, wave, release=release, by=by)

    count = run(work())
    if as_json:
        print_json({"wave": wave, "decision": "released" if release else "dropped", "levels": count})
    elif release:
        click.echo(f"Released: {count} listings are told now.")
    else:
        click.echo(f"Dropped: {count} listings stay as they are. Mend the cause: their next change is told.")
