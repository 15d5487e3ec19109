"""`fairway stock why`: every number between the shelf and what channels show. And what goes with it: tag, retry."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from console.cli.harmless import harmless
from console.cli.scopes import scope_options, scopes_here
from console.cli.show import hub_here, print_json, run
from core.errors import Missing, UsageProblem


@click.command()
@click.argument("listing")
@click.option("--json", "as_json", is_flag=True)
def why(listing: str, as_json: bool) -> None:
    """Explain LISTING (a SKU, or a listing's id): what is there, who has it, and what each channel shows and why."""
    from core.usecases.explain_listing import explain_listing

    async def work() -> list[Any]:
        async with hub_here() as hub:
            return await explain_listing(hub, listing)

    found = run(work())
    if as_json:
        print_json([asdict(one) for one in found])
        return
    for number, one in enumerate(found):
        if number:
            click.echo()
        for line in _lines(one):
            click.echo(harmless(line))


def _lines(one: Any) -> list[str]:
    said = [one.sku + (f", made of {_parts(one.made_of)}" if one.made_of else "")]
    said += [
        f"  {row['location']}: {row['sku']} {row['on_hand']} on hand - {row['reserved']} reserved = {row['free']} free"
        for row in one.balances
    ]
    if not one.balances:
        said.append("  never counted")
    said += [
        f"  {row['units']} of {row['sku']} are held for {row['connection']} {row['order']}"
        for row in one.reservations
    ]
    if one.reservations and one.reservations[0]["of"] > len(one.reservations):
        said.append(f"  ... and {one.reservations[0]['of'] - len(one.reservations)} more")
    for level in one.levels:
        said += _level(level)
    return said


def _level(level: Any) -> list[str]:
    facts = level.facts
    place = f" at {facts['channel_location_id']}" if facts["channel_location_id"] else ""
    units = f", {facts['units']} units each" if facts["units"] > 1 else ""
    said = [
        "",
        f"{facts['connection']} ({facts['channel']}): listing {facts['listing_id']} {facts['title']!r}{place}{units}",
    ]
    if facts["shelves"]:
        said.append(f"  from {', '.join(facts['shelves'])}")
    for rule in level.rules:
        scope = rule["scope"]
        said.append(f"  rule of the {scope}: {_rule(rule)}")
    if level.offer is not None:
        said.append(f"  may sell {level.offer}: {' | '.join(level.steps)}")
        if facts["desired"] is not None and facts["desired"] != level.offer:
            said.append(f"  (levelled last to {facts['desired']})")
    said += [f"  {line}" for line in level.stands]
    said += [f"  ! {line}" for line in level.waits]
    for tried in level.attempts:
        outcome = tried["outcome"] or "no answer"
        message = f": {tried['message']}" if tried["message"] else ""
        said.append(f"  {tried['started_at']:%m-%d %H:%M:%S} told {tried['desired']}, {outcome}{message}")
    return said


def _rule(rule: dict[str, Any]) -> str:
    from console.cli.stock_rules import in_words

    return in_words({name: value for name, value in rule.items() if name != "scope"})


def _parts(made_of: dict[str, int]) -> str:
    return " + ".join(f"{units} {sku}" for sku, units in made_of.items())


@click.command()
@click.argument("skus", nargs=-1, required=True, metavar="SKU...")
@click.option("--tag", "tags", multiple=True, metavar="WORD", help="A tag they have from now on; repeat it.")
@click.option("--none", "bare", is_flag=True, help="They have no tag any more.")
@click.option("--merchant", default="default", show_default=True)
@click.option("--json", "as_json", is_flag=True)
def tag(skus: tuple[str, ...], tags: tuple[str, ...], bare: bool, merchant: str, as_json: bool) -> None:
    """Give variants these tags instead of those they have. Rules may be about a tag."""
    from core.usecases.set_rules import tag_variants

    if bool(tags) == bare:
        raise UsageProblem("Say which tags they have.", fix="--tag WORD, once or more, or --none.")

    async def work() -> int:
        async with hub_here() as hub:
            merchant_id, _, _ = await scopes_here(hub, merchant, None, None, None)
            return await tag_variants(hub, merchant_id, skus, tags)

    found = run(work())
    if not found:
        raise Missing(f"No variant has the SKU {skus[0]}.", fix="See `fairway stock`.")
    if as_json:
        print_json({"variants": found, "tags": sorted(set(tags))})
    else:
        click.echo(f"{found} variants are tagged {', '.join(sorted(set(tags))) or 'with nothing'}.")


@click.command()
@scope_options
@click.option("--json", "as_json", is_flag=True)
def retry(as_json: bool, **options: Any) -> None:
    """Tell channels once more what they refused: for a merchant (no option), a connection, a tag or a listing."""
    from core.usecases.set_rules import retry as again

    async def work() -> tuple[str, int]:
        async with hub_here() as hub:
            merchant_id, scopes, words = await scopes_here(hub, **options)
            return words, sum([await again(hub, merchant_id, scope) for scope in scopes])

    words, levels = run(work())
    if as_json:
        print_json({"about": words, "levels": levels})
    else:
        click.echo(f"{levels} refused levels are told again ({words}).")
