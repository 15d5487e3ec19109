"""Linking accounts and looking at them."""

from __future__ import annotations

import sys

import click

from console.cli.show import hub_here, print_json, print_table, run
from core.errors import ChannelError, Missing, UsageProblem


@click.command()
@click.argument("channel")
@click.option("--merchant", default="default", show_default=True, help="Whose account it is.")
@click.option("--name", help="Your word for it; the channel's name when not given.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="shop=..., base_url=...")
@click.option(
    "--secret", "secrets", multiple=True, metavar="FIELD", help="Asked for, or read from FIELD=@file."
)
@click.option("--public-url", help="Where the channel reaches this hub; webhooks are registered there.")
@click.option("--json", "as_json", is_flag=True)
def connect(
    channel: str,
    merchant: str,
    name: str | None,
    settings: tuple[str, ...],
    secrets: tuple[str, ...],
    public_url: str | None,
    as_json: bool,
) -> None:
    """Link an account of CHANNEL. Nothing is written to it before `fairway connections --push-on NAME`.

    Keys are asked for on the terminal, or given as --secret FIELD=@file, so that they are in no history.

    Example: fairway connect woocommerce --set base_url=https://shop.example
    """
    from connectors import discover
    from core.usecases.link_account import link_account, subscribe

    connector = discover().get(channel)
    if connector is None:
        raise UsageProblem(f"There is no channel {channel!r}.", fix="See `fairway channels`.")
    given = dict(_pair(item) for item in settings)
    keys = {field: _from_file(value) for field, value in (_pair(item) for item in secrets)}
    fields = (*connector.manifest.credentials, *connector.manifest.webhook_secrets)
    known_settings = (*connector.manifest.settings, "calls_per_s")
    for kind, words, known in (("secret", keys, fields), ("setting", given, known_settings)):
        if unknown := sorted(set(words) - set(known)):
            raise UsageProblem(f"{channel} has no {kind} {unknown[0]!r}.", fix=f"It has {', '.join(known)}.")
    for field in fields:
        if field not in keys and sys.stdin.isatty():
            keys[field] = click.prompt(field, hide_input=True, default="", show_default=False)

    async def work() -> dict[str, object]:
        async with hub_here() as hub:
            link = await link_account(
                hub,
                merchant=merchant,
                channel=channel,
                name=name or channel,
                settings=given,
                credentials=keys,
            )
            address = (public_url or hub.settings.public_url).rstrip("/")
            topics: tuple[str, ...] = ()
            try:
                topics = await subscribe(hub, link, address) if address else ()
            except (
                ChannelError
            ) as error:  # the account is linked all the same, and its token is shown only now
                click.echo(f"No webhook could be registered ({error}); orders are pulled.", err=True)
            return {
                "connection_id": link.connection_id,
                "account": link.account,
                "webhook_address": f"{address}/hooks/{link.token}/TOPIC",
                "webhook_secret": link.webhook_secret
                if "webhook_secret" in connector.manifest.webhook_secrets
                else None,
                "topics": topics,
            }

    answer = run(work())
    if as_json:
        print_json(answer)
        return
    click.echo(f"Linked {answer['account']} as connection {answer['connection_id']}.")
    click.echo(f"Webhooks: {answer['webhook_address']}  ({len(answer['topics'])} topics registered)")  # type: ignore[arg-type]
    if connector.manifest.kind == "channel":
        click.echo("Next: ./fairway catalog   then   ./fairway connections --push-on NAME", err=True)
    else:
        click.echo("Next: ./fairway ship ORDER --carrier NAME --tracking NUMBER", err=True)


def _pair(item: str) -> tuple[str, str]:
    key, mark, value = item.partition("=")
    if not mark:
        raise UsageProblem(f"{item!r} is not KEY=VALUE.")
    return key, value


def _from_file(value: str) -> str:
    from pathlib import Path

    if not value.startswith("@"):
        raise UsageProblem(
            "A secret on the command line stays in the history.", fix="Give it as FIELD=@file."
        )
    try:
        return Path(value[1:]).read_text("utf-8").strip()
    except OSError as error:
        raise UsageProblem(f"{value[1:]} cannot be read ({error.strerror}).") from None


@click.command("connections")
@click.option("--push-on", metavar="NAME", help="Allow writing to this connection.")
@click.option("--push-off", metavar="NAME", help="Forbid it.")
@click.option(
    "--what",
    type=click.Choice(["all", "stock", "shipments"]),
    default="all",
    show_default=True,
    help="What --push-on and --push-off are about.",
)
@click.option("--json", "as_json", is_flag=True)
def connections_command(push_on: str | None, push_off: str | None, what: str, as_json: bool) -> None:
    """List linked accounts, or allow and forbid telling one what it may sell and what was shipped."""
    from core.store import connections, schedule

    async def work() -> list[dict[str, object]]:
        async with hub_here() as hub:
            async with hub.database.transaction([]) as tx:
                merchants = await connections.merchant_ids(tx)
            async with hub.database.transaction(merchants) as tx:
                known = await connections.linked_all(tx)
                for name, on in ((push_on, True), (push_off, False)):
                    if name is None:
                        continue
                    one = next((item for item in known if item.name == name), None)
                    if one is None:
                        raise Missing(f"There is no connection {name!r}.", fix="See `fairway connections`.")
                    pair = (one.merchant_id, one.connection_id)
                    if what != "shipments":
                        await connections.switch_push(tx, *pair, on=on)
                        await schedule.ring(tx, "reconcile", [pair], hub.clock())
                        await schedule.ring(tx, "push", [pair], hub.clock())
                    if what != "stock":
                        await connections.switch_fulfillments(tx, *pair, on=on)
                        await schedule.ring(tx, "effect", [pair], hub.clock())
                known = await connections.linked_all(tx)
            await hub.wake.ring("push", merchants)
            await hub.wake.ring("effect", merchants)
            return [
                {
                    "connection_id": item.connection_id,
                    "name": item.name,
                    "channel": item.channel,
                    "account": item.account,
                    "status": item.status,
                    "push_stock": item.push_stock,
                    "push_shipments": item.push_fulfillments,
                }
                for item in known
            ]

    rows = run(work())
    if as_json:
        print_json(rows)
    else:
        print_table(
            rows,
            ("connection_id", "name", "channel", "account", "status", "push_stock", "push_shipments"),
            empty="No account is linked yet. Link one with `fairway connect CHANNEL`.",
        )
