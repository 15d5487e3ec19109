"""`fairway stock rules`: what listings may sell of what is free. Shown, set, taken back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from console.cli.scopes import by_option, scope_options, scopes_here
from console.cli.show import hub_here, print_json, print_table, run
from core.errors import UsageProblem

COLUMNS = ("merchant", "scope", "rule", "said_by", "said_at")
FIELDS = (
    "buffer", "buffer_limit", "cap", "percent", "minimum", "ends_at", "mode", "strict_below", "backorder", "preorder",
)  # fmt: skip


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def rules(ctx: click.Context, as_json: bool) -> None:
    """What listings may sell of what is free. Of several rules the narrower scope decides, field by field:
    listing before tag before connection before merchant.
    """
    if ctx.invoked_subcommand is None:
        _list(as_json=as_json)


@rules.command("list")
@click.option("--json", "as_json", is_flag=True)
def list_command(as_json: bool) -> None:
    """Every rule with who said it."""
    _list(as_json=as_json)


@rules.command("set")
@click.option("--buffer", type=click.IntRange(0), help="Units that are kept back.")
@click.option(
    "--buffer-limit",
    type=click.FloatRange(0),
    metavar="N",
    help="As many units as it takes for at most N oversold in 10,000 orders: see `fairway stock buffers`.",
)
@click.option("--cap", type=click.IntRange(0), help="The most that is shown.")
@click.option("--percent", type=click.IntRange(0, 100), help="How much of what is free.")
@click.option("--minimum", type=click.IntRange(0), help="Below it nothing is shown.")
@click.option("--ends", "ends_at", metavar="DATE", help="Nothing is shown from then on.")
@click.option(
    "--mode",
    type=click.Choice(["pooled", "strict"]),
    help="pooled: all listings of a variant show the same units; strict: each has its own.",
)
@click.option("--strict-below", type=click.IntRange(0), help="Strict while fewer units than that are free.")
@click.option(
    "--backorder",
    metavar="N[:DATE]|deny",
    help="Sell up to N units that are not there, until DATE.",
)
@click.option(
    "--preorder", metavar="N:DATE|deny", help="Sell up to N units that are on their way, until DATE."
)
@scope_options
@by_option
@click.option("--json", "as_json", is_flag=True)
def set_command(
    merchant: str,
    connection: str | None,
    tag: str | None,
    listing: str | None,
    by: str,
    as_json: bool,
    backorder: str | None,
    preorder: str | None,
    ends_at: str | None,
    **fields: Any,
) -> None:
    """Say something about a merchant (no option), a connection, a tag or a listing. What else is said of it stays.

    Such as: fairway stock rules set --connection "Shop" --buffer 2 --cap 50
    """
    from core.rules.offers import ListingRule

    said = {name: value for name, value in fields.items() if value is not None}
    if ends_at:
        said["ends_at"] = _date(ends_at)
    if backorder:
        said["backorder"] = _allowance(backorder)
    if preorder:
        said["preorder"] = _allowance(preorder)
    if not said:
        raise UsageProblem("Nothing was said.", fix="Such as --buffer 2; see --help.")
    _change(merchant, connection, tag, listing, ListingRule(**said), (), by, as_json=as_json)


@rules.command("remove")
@click.argument("fields", nargs=-1, type=click.Choice(FIELDS))
@scope_options
@by_option
@click.option("--json", "as_json", is_flag=True)
def remove_command(
    fields: tuple[str, ...],
    merchant: str,
    connection: str | None,
    tag: str | None,
    listing: str | None,
    by: str,
    as_json: bool,
) -> None:
    """Take back FIELDS of what is said about exactly this scope; all of them where none is named."""
    from core.rules.offers import ListingRule

    _change(merchant, connection, tag, listing, ListingRule(), fields or FIELDS, by, as_json=as_json)


def _change(
    merchant: str,
    connection: str | None,
    tag: str | None,
    listing: str | None,
    said: Any,
    without: tuple[str, ...],
    by: str,
    *,
    as_json: bool,
) -> None:
    from core.usecases.set_rules import set_rule

    async def work() -> tuple[str, dict[str, Any]]:
        async with hub_here() as hub:
            merchant_id, scopes, words = await scopes_here(hub, merchant, connection, tag, listing)
            for scope in scopes:
                rule = await set_rule(hub, merchant_id, scope, said, without=without, by=by)
            return words, rule.model_dump(mode="json", exclude_none=True)

    words, rule = run(work())
    if as_json:
        print_json({"about": words, "rule": rule})
    else:
        click.echo(f"For {words}: {in_words(rule)}.")


def _list(*, as_json: bool) -> None:
    from core.store import connections
    from core.store.listing_rules import rules_for_people

    async def work() -> list[dict[str, Any]]:
        async with hub_here() as hub:
            async with hub.database.transaction([]) as tx:
                merchants = await connections.merchant_ids(tx)
            async with hub.database.transaction(merchants) as tx:
                return await rules_for_people(tx)

    found = run(work())
    if as_json:
        print_json({"rules": found})
        return
    print_table(
        [{**row, "scope": _scope(row), "rule": in_words(row["rule"])} for row in found],
        COLUMNS,
        empty="No rules: every listing shows what is free. Set one: fairway stock rules set --help",
    )


def _scope(row: dict[str, Any]) -> str:
    if row["listing_id"]:
        return f"{row['listing']} at {row['listed_at']}"
    return f"tag {row['tag']}" if row["tag"] else row["connection"] or "everything"


def in_words(rule: dict[str, Any]) -> str:
    """A rule as one line."""
    said = []
    for name, value in rule.items():
        if name in ("backorder", "preorder"):
            until = f" until {value['until'][:10]}" if value.get("until") else ""
            said.append(f"{name} up to {value['up_to']}{until}" if value["up_to"] else f"no {name}")
        elif name == "buffer_limit":
            said.append(f"buffer for at most {float(value):g} oversold in 10,000")
        elif name in ("stop_sell", "freeze"):
            said.append(
                f"{'stopped' if name == 'stop_sell' else 'frozen'} since {value[:16].replace('T', ' ')}"
            )
        else:
            said.append(f"{name.replace('_', ' ')} {value}")
    return ", ".join(said) or "nothing is said"


def _allowance(text: str) -> Any:
    from core.rules.offers import Allowance

    if text == "deny":
        return Allowance(up_to=0)
    number, _, until = text.partition(":")
    if not number.isdecimal() or len(number) > 9:
        raise UsageProblem(
            f"{text!r} is not a number of units.",
            fix="Such as 20, 20:2026-12-24, or deny: a number is needed.",
        )
    return Allowance(up_to=int(number), until=_date(until) if until else None)


def _date(text: str) -> datetime:
    """A date or an instant; where it names no time zone it is in UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageProblem(
            f"{text!r} is not a date.", fix="Such as 2026-12-24 or 2026-12-24T18:00+01:00."
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
