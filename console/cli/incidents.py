"""`fairway incidents`: units that were sold and are not there. What is decided about them are commands of their own."""

from __future__ import annotations

from typing import Any

import click

from console.cli.show import hub_here, print_json, print_table, run
from console.cli.table import Table
from core.errors import Missing, UsageProblem

COLUMNS = ("incident_id", "kind", "sku", "location", "missing", "orders", "waits_for", "cause", "opened_at")
PARTY = ("order_id", "name", "connection", "units", "ship_by", "placed_at", "service")
SHORT = (*PARTY, "suggested", "policy", "decided_by", "why")
HOLDERS = (*PARTY, "suggested", "why")

# name -> (module, function, one line for --help)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "show": (
        "incidents",
        "show",
        "One incident: its orders by when they have to ship, and who has the units.",
    ),
    "resolve": ("incidents", "resolve", "Decide what becomes of its orders, and which of them goes without."),
    "policy": ("incidents", "policy", "What becomes of such orders when nobody decides."),
}
POLICIES = ("backorder", "other_location", "cancel")
CANCELLING = "No channel is told by that: the order is held as cancel_proposed until you cancel it there."


@click.group(cls=Table, commands=COMMANDS, invoke_without_command=True)
@click.option("--all", "closed", is_flag=True, help="Those that are closed, too.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def incidents(ctx: click.Context, closed: bool, limit: int, as_json: bool) -> None:
    """Units that were sold and are not there, those that wait for a person first."""
    if ctx.invoked_subcommand is not None:
        return
    from core.store.incidents import list_incidents

    async def work() -> list[dict[str, Any]]:
        async with hub_here() as hub:
            merchants = await _merchants(hub)
            async with hub.database.transaction(merchants) as tx:
                return await list_incidents(tx, limit, closed=closed)

    rows = run(work())
    if as_json:
        print_json(rows)
    else:
        columns = (*COLUMNS, "closed_at") if closed else COLUMNS
        print_table(rows, columns, empty="Nothing that was sold is missing.")


@click.command()
@click.argument("incident", type=int)
@click.option("--json", "as_json", is_flag=True)
def show(incident: int, as_json: bool) -> None:
    """Show INCIDENT: the orders that miss units, first the one that has to ship first, and those that hold some."""
    from dataclasses import asdict

    from core.usecases.show_incident import show_incident

    async def work() -> Any:
        async with hub_here() as hub:
            return await show_incident(hub, await _merchant_of(hub, incident), incident)

    found = run(work())
    if as_json:
        print_json(asdict(found))
        return
    facts = found.incident
    where = f" at {facts['location']}" if facts["location"] else ""
    state = "closed" if facts["closed_at"] else f"{_units(facts['missing'])} missing"
    click.echo(f"Incident {incident}: {facts['kind'].replace('_', ' ')}, {facts['sku']}{where}, {state}.")
    click.echo("\nMissing from")
    print_table([asdict(party) for party in found.short], SHORT, empty="no order any more")
    click.echo("\nHeld by")
    print_table([asdict(party) for party in found.holders], HOLDERS, empty="nobody: there is not one unit")
    click.echo("\nSaid")
    for event in found.said:
        click.echo(
            f"{event['recorded_at']:%Y-%m-%d %H:%M:%S}  {event['kind']} by {event['actor']}: {_words(event['detail'])}"
        )


@click.command()
@click.argument("incident", type=int)
@click.option("--policy", required=True, type=click.Choice(POLICIES), help="What becomes of the orders.")
@click.option("--victim", metavar="ORDER", help="The order that goes without; the others get its units.")
@click.option("--by", default="command line", show_default=True, metavar="NAME", help="Who decides.")
@click.option("--json", "as_json", is_flag=True)
def resolve(incident: int, policy: str, victim: str | None, by: str, as_json: bool) -> None:
    """Decide INCIDENT. backorder: the orders wait. other_location: they take what is free elsewhere. cancel: the order
    that costs least to let down, or the one named, is proposed for cancellation.

    Without --victim a backorder moves nothing: who is short waits. No channel is told of anything: a cancellation you
    have to make there yourself, and the hold goes when its order comes in as cancelled.

    Example: fairway incidents resolve 7 --policy backorder --victim '#1001'
    """
    from dataclasses import asdict

    from console.cli.ship import find_order
    from core.rules.incidents import Policy
    from core.usecases.resolve_incident import resolve_incident

    async def work() -> Any:
        async with hub_here() as hub:
            merchant_id = await _merchant_of(hub, incident)
            order_id = None
            if victim is not None:
                owner, order_id, _ = await find_order(hub, victim)
                if owner != merchant_id:
                    raise UsageProblem(f"Order {victim} is another merchant's.")
            return await resolve_incident(hub, merchant_id, incident, Policy(policy), victim=order_id, by=by)

    done = run(work())
    if as_json:
        print_json(asdict(done))
        return
    lines = "1 order line" if done.decided == 1 else f"{done.decided} order lines"
    click.echo(f"{lines} decided, {_units(done.moved)} moved, {_units(done.missing)} still missing.")
    if policy == "cancel":
        click.echo(CANCELLING)


@click.command()
@click.argument("word", required=False, type=click.Choice(("ask", *POLICIES)))
@click.option("--connection", help="For orders of this connection only.")
@click.option(
    "--from", "locations", multiple=True, metavar="LOCATION", help="Of other_location: only from there."
)
@click.option("--merchant", default="default", show_default=True)
@click.option("--by", default="command line", show_default=True, metavar="NAME", help="Who says so.")
@click.option("--json", "as_json", is_flag=True)
def policy(
    word: str | None,
    connection: str | None,
    locations: tuple[str, ...],
    merchant: str,
    by: str,
    as_json: bool,
) -> None:
    """Say what becomes of orders whose units no shelf has: ask (a person decides, unless something else is said),
    backorder, other_location or cancel. Without a word, show what was said.

    With cancel the hub itself chooses the order that costs least to let down, never one of a marketplace while an own
    shop's order for the unit is open. It proposes: the channel is not told.
    """
    from console.cli.rules import where
    from core.store import policies

    if locations and word != "other_location":
        raise UsageProblem("--from belongs to other_location.")

    async def work() -> list[dict[str, Any]]:
        async with hub_here() as hub:
            merchant_id, connection_id = await where(hub, merchant, connection)
            async with hub.database.transaction([merchant_id]) as tx:
                if word is not None:
                    ids = await _locations(tx, merchant_id, locations)
                    await policies.put_policy(tx, merchant_id, connection_id, word, ids, by, hub.clock())
                return await policies.policies(tx)

    rows = run(work())
    if as_json:
        print_json(rows)
    else:
        columns = ("connection", "policy", "locations", "set_by", "set_at")
        print_table(rows, columns, empty="Nobody has said anything: a person is asked.")


def _units(count: int) -> str:
    return "1 unit" if count == 1 else f"{count} units"


def _words(detail: dict[str, Any]) -> str:
    """What an event says, for a person: "2 units of orders 4, 7: units came"."""
    orders = detail.get("orders", [])
    what = _units(detail["units"]) if "units" in detail else detail["policy"]
    if orders:
        what += f" of order{'s' if len(orders) != 1 else ''} {', '.join(map(str, orders))}"
    why = detail.get("because") or detail.get("why")
    return f"{what}: {why}" if why else what


async def _locations(tx: Any, merchant_id: int, names: tuple[str, ...]) -> list[int]:
    from core.store.listings import locations_named

    known = await locations_named(tx, merchant_id)
    if unknown := sorted(set(names) - set(known)):
        raise Missing(f"There is no location {unknown[0]!r}.", fix=f"There are {', '.join(sorted(known))}.")
    return [known[name] for name in names]


async def _merchants(hub: Any) -> list[int]:
    from core.store import connections

    async with hub.database.transaction([]) as tx:
        return await connections.merchant_ids(tx)


async def _merchant_of(hub: Any, incident: int) -> int:
    from core.store.incidents import merchant_of

    async with hub.database.transaction(await _merchants(hub)) as tx:
        merchant_id = await merchant_of(tx, incident)
    if merchant_id is None:
        raise Missing(f"There is no incident {incident}.", fix="See `fairway incidents`.")
    return merchant_id
