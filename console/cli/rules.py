"""What comes in as what, and what a merchant's own words mean."""

from __future__ import annotations

import csv
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from console.cli.show import hub_here, print_json, print_table, run
from core.errors import Missing, UsageProblem

WORD_COLUMNS = ("connection", "lookup", "word", "meaning")


@click.command()
@click.option(
    "--load", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A JSON list of rules."
)
@click.option("--merchant", default="default", show_default=True)
@click.option("--connection", help="Rules of this connection only.")
@click.option("--json", "as_json", is_flag=True)
def rules(load: Path | None, merchant: str, connection: str | None, as_json: bool) -> None:
    """What orders come in as: ship, reserve_only, record_only or ignore. The first rule that fits decides.

    A rule is {"conditions": {"tag": "wholesale"}, "action": "reserve_only"}. Conditions: payment_status, source, test,
    cancelled, fulfilled_by_channel, fulfillment_status, tag, older_than_days, before_stock_count. --load replaces the
    merchant's own rules; the built-in ones stay behind them.
    """
    from core.rules.intake import DEFAULTS
    from core.store.words import intake_rules, put_rules

    wanted = _read_rules(load) if load else None

    async def work() -> dict[str, Any]:
        async with hub_here() as hub:
            merchant_id, connection_id = await where(hub, merchant, connection)
            async with hub.database.transaction([merchant_id]) as tx:
                if wanted is not None:
                    await put_rules(tx, merchant_id, connection_id, wanted)
                pair = (merchant_id, connection_id)
                own = (await intake_rules(tx, [pair]))[pair]
            builtin = [rule.model_dump(mode="json", exclude_none=True) for rule in DEFAULTS]
            return {"own": own, "builtin": builtin}

    found = run(work())
    if as_json:
        print_json(found)
        return
    rows = [{"whose": whose, **rule} for whose in ("own", "builtin") for rule in found[whose]]
    print_table(rows, ("whose", "conditions", "action"), empty="")


def _read_rules(path: Path) -> list[tuple[dict[str, Any], str]]:
    from pydantic import TypeAdapter, ValidationError

    from core.flow import DecodeError, decode
    from core.rules.intake import IntakeRule

    try:
        parsed = TypeAdapter(list[IntakeRule]).validate_python(decode(path.read_bytes()))
    except DecodeError as error:
        raise UsageProblem(f"{path}: {error}.", fix="Nothing was changed.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = "/".join(str(part) for part in first["loc"])
        raise UsageProblem(f"{path} at {where}: {first['msg']}.", fix="Nothing was changed.") from None
    return [(rule.conditions.model_dump(mode="json", exclude_none=True), rule.action) for rule in parsed]


@click.command()
@click.option(
    "--load",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help=f"CSV: {','.join(WORD_COLUMNS)}.",
)
@click.option("--dry-run", is_flag=True, help="Only say what the newest 200 deliveries would mean.")
@click.option("--merchant", default="default", show_default=True)
@click.option("--json", "as_json", is_flag=True)
def words(load: Path | None, dry_run: bool, merchant: str, as_json: bool) -> None:
    """What a merchant's own words mean: payment_status (a status word of a plugin), never_stock (a SKU pattern).

    Orders that were held for a word are looked at again once it has a meaning. An empty connection means all.
    """
    from core.store import words as store
    from core.usecases.change_words import Word, change_words, try_words

    async def work() -> dict[str, Any]:
        async with hub_here() as hub:
            merchant_id, _ = await where(hub, merchant, None)
            done: dict[str, Any] = {}
            if load:
                wanted = [
                    Word(
                        (await where(hub, merchant, row["connection"] or None))[1],
                        *(row[k] for k in WORD_COLUMNS[1:]),
                    )
                    for row in _read_words(load)
                ]
                done["trial"] = asdict(await try_words(hub, merchant_id, wanted))
                if not dry_run:
                    done["looked_again"] = await change_words(hub, merchant_id, wanted)
            async with hub.database.transaction([merchant_id]) as tx:
                return done | {"words": await store.words(tx)}

    found = run(work())
    if as_json:
        print_json(found)
        return
    if load:
        trial = found["trial"]
        click.echo(
            f"Of the newest {trial['read']} deliveries {trial['changed']} read differently: "
            f"{trial['holds_lifted']} holds go, {trial['holds_added']} come.",
            err=True,
        )
    print_table(found["words"], WORD_COLUMNS, empty="No words of your own yet.")


def _read_words(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    if not rows or any(row.get(name) is None for row in rows for name in WORD_COLUMNS):
        raise UsageProblem(f"{path} needs the columns {', '.join(WORD_COLUMNS)}.", fix="Nothing was changed.")
    return [{name: row[name].strip() for name in WORD_COLUMNS} for row in rows]


async def where(hub: Any, merchant: str, connection: str | None) -> tuple[int, int]:
    """(merchant, connection or 0) by their names."""
    from core.store import connections

    async with hub.database.transaction([]) as tx:
        merchant_id = await connections.find_merchant(tx, merchant)
    if merchant_id is None:
        raise Missing(f"There is no merchant {merchant!r}.", fix="Name one with --merchant.")
    if connection is None:
        return merchant_id, 0
    async with hub.database.transaction([merchant_id]) as tx:
        known = {item.name: item.connection_id for item in await connections.linked_all(tx)}
    if connection not in known:
        raise Missing(f"There is no connection {connection!r}.", fix="See `fairway connections`.")
    return merchant_id, known[connection]
