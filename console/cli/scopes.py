"""Options that say what a rule or a brake is about: a merchant, a connection, a tag, or listings."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from typing import Any, TypeVar

import click

from core.errors import Missing

F = TypeVar("F", bound=Callable[..., Any])


def by_option(command: F) -> F:
    """Add --by: whose word it is."""
    return click.option("--by", default=getpass.getuser, metavar="NAME", help="Who says so.")(command)


def scope_options(command: F) -> F:
    """Add --merchant, --connection, --tag and --listing."""
    for option in (
        click.option("--listing", metavar="SKU", help="Listings with this SKU, or one by its id."),
        click.option("--tag", help="Variants with this tag: see `fairway stock tag`."),
        click.option("--connection", metavar="NAME", help="One linked account; with --listing its listings."),
        click.option("--merchant", default="default", show_default=True),
    ):
        command = option(command)
    return command


async def scopes_here(
    hub: Any, merchant: str, connection: str | None, tag: str | None, listing: str | None
) -> tuple[int, list[Any], str]:
    """(merchant, scopes, what they are in words) as the options name them.

    Raises `Missing` for a name that is not there and a `click.UsageError` for two that do not go together.
    """
    from core.store import connections, why
    from core.store.listing_rules import Scope

    if tag and (listing or connection):
        raise click.UsageError("--tag goes without --connection and --listing.")
    async with hub.database.transaction([]) as tx:
        merchant_id = await connections.find_merchant(tx, merchant)
    if merchant_id is None:
        raise Missing(f"There is no merchant {merchant!r}.", fix="Name one with --merchant.")
    async with hub.database.transaction([merchant_id]) as tx:
        linked = {item.name: item.connection_id for item in await connections.linked_all(tx)}
        if connection and connection not in linked:
            raise Missing(f"There is no connection {connection!r}.", fix="See `fairway connections`.")
        if listing:
            found = [
                row
                for row in await why.listings_called(tx, listing)
                if not connection or row["connection_id"] == linked[connection]
            ]
            if not found:
                raise Missing(f"No listing is called {listing!r}.", fix="See `fairway catalog`.")
            where = f" at {connection}" if connection else ""
            scopes = [Scope(listing_id=row["listing_id"]) for row in found]
            return merchant_id, scopes, f"{len(scopes)} listings of {listing}{where}"
    if tag:
        return merchant_id, [Scope(tag=tag)], f"everything tagged {tag}"
    if connection:
        return merchant_id, [Scope(connection_id=linked[connection])], f"everything at {connection}"
    return merchant_id, [Scope()], f"everything of {merchant}"
