"""`fairway stock as-of` and `history`: what we thought was there, what was, and the entries that led to it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from console.cli.show import hub_here, print_json, print_table, run
from console.cli.stock_answer import moment

BUCKETS = ("on_hand", "reserved", "quarantined", "incoming")
ENTRIES = (
    "recorded_at",
    "occurred_at",
    "location",
    "reason",
    "change",
    "on_hand",
    "reserved",
    "actor",
    "cause",
    "order",
)


async def _read(merchant: str, sku: str, at: datetime | None, limit: int) -> dict[str, Any]:
    from core.errors import Missing
    from core.rules.skus import tidy_sku
    from core.store import connections, ledger, ledger_reading

    async with hub_here() as hub:
        async with hub.database.transaction([]) as tx:
            mine = await connections.find_merchant(tx, merchant)
        if mine is None:
            raise Missing(f"There is no merchant {merchant!r}.")
        async with hub.database.transaction([mine]) as tx:
            tidy = tidy_sku(sku)
            if tidy not in await ledger.variants_of(tx, mine, [tidy]):
                raise Missing(f"There is no variant with the SKU {sku!r}.", fix="See `fairway stock`.")
            balances = await ledger_reading.balances_at(tx, mine, tidy, at) if at else []
            return {
                "sku": tidy,
                "at": at,
                "balances": balances,
                "entries": await ledger_reading.entries_until(tx, mine, tidy, at, limit),
            }


def _common(command: Any) -> Any:
    for option in (
        click.option("--json", "as_json", is_flag=True),
        click.option("--merchant", default="default", show_default=True),
        click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 100_000)),
        click.argument("sku"),
    ):
        command = option(command)
    return command


@click.command("as-of")
@_common
@click.option(
    "--at", required=True, metavar="TIME", help="Such as 2026-11-24T14:03:00Z; UTC without an offset."
)
def as_of(sku: str, at: str, limit: int, merchant: str, as_json: bool) -> None:
    """What we thought of SKU at a moment, what was so as we know now, and the entries that led to what we thought.

    Open an entry with `fairway orders ORDER`, `fairway listen`, or the page of its delivery.
    """
    found = run(_read(merchant, sku, moment(at), limit))
    if as_json:
        print_json(found)
        return
    rows = [
        {"location": row["location"], "": said, **{bucket: row[f"{name}_{bucket}"] for bucket in BUCKETS}}
        for row in found["balances"]
        for name, said in (("thought", "we thought"), ("known", "as we know now"))
    ]
    print_table(rows, ("location", "", *BUCKETS), empty=f"Nothing was known of {sku} then.")
    if found["entries"]:
        click.echo()
        _show(found["entries"])


@click.command()
@_common
def history(sku: str, limit: int, merchant: str, as_json: bool) -> None:
    """The last entries of the ledger for SKU, the newest first: what changed, why, who did it, for which order."""
    found = run(_read(merchant, sku, None, limit))
    if as_json:
        print_json({"sku": found["sku"], "entries": found["entries"]})
    else:
        _show(found["entries"])


def _show(entries: list[dict[str, Any]]) -> None:
    print_table([_row(entry) for entry in entries], ENTRIES, empty="Nothing has moved yet.")


def _row(entry: dict[str, Any]) -> dict[str, Any]:
    changes = [f"{bucket} {entry[f'{bucket}_delta']:+d}" for bucket in BUCKETS if entry[f"{bucket}_delta"]]
    delivery = f"delivery #{entry['delivery_id']}" if entry["delivery_id"] else None
    number = entry["order_number"] or entry["channel_order_id"]
    return {
        **entry,
        "occurred_at": entry["occurred_at"] if entry["occurred_at"] != entry["recorded_at"] else None,
        "change": ", ".join(changes) or "confirmed",
        "order": f"{number} (order {entry['order_id']}, {delivery})" if entry["order_id"] else delivery,
    }
