"""Sends a webhook to this hub's own web process, signed as its channel would sign it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from console.cli.show import hub_here, print_json, run
from core.errors import ChannelError, FairwayError, UsageProblem

ANSWER_S = 10.0  # what the web process may take
OUTCOME_S = 10.0  # what the workers may take
LEFT_BEHIND = timedelta(minutes=10)  # no command of ours takes as long: what is older was cut off


@click.command()
@click.argument("connection")
@click.argument("topic")
@click.option("--body", "file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--copies", default=1, show_default=True, type=click.IntRange(1, 1000), help="The same bytes so often."
)
@click.option("--bad-signature", is_flag=True, help="Sign with a wrong secret: must be refused with 401.")
@click.option("--url", help="Where the web process is; FAIRWAY_PUBLIC_URL when not given.")
@click.option("--json", "as_json", is_flag=True)
def trigger(
    connection: str,
    topic: str,
    file: Path | None,
    copies: int,
    bad_signature: bool,
    url: str | None,
    as_json: bool,
) -> int:
    """Send one webhook of TOPIC to this hub as CONNECTION's channel would, and tell what became of it.

    Without --body it is a sample order that moves no stock: a test order at Shopify, and at WooCommerce, which
    knows no test orders, a checkout draft that the hub keeps out of its lists. Other topics need --body.

    Example: fairway trigger myshop orders/create
    """
    body = file.read_bytes() if file else None
    found = run(_trigger(connection, topic, body, copies, url, bad_signature=bad_signature))
    if as_json:
        print_json(found)
    else:
        _say(found)
    expected = 401 if bad_signature else 200
    return 0 if set(found["answers"]) == {expected} else 1


async def _trigger(
    name: str, topic: str, body: bytes | None, copies: int, url: str | None, *, bad_signature: bool
) -> dict[str, Any]:
    from console.cli.deliveries import connection_called
    from console.cli.signing import SIGNERS, sample, signed
    from core.net import open_client, sender
    from core.store import connections

    async with hub_here() as hub:
        linked = await connection_called(hub, name)
        if linked.channel not in SIGNERS:
            raise UsageProblem(
                f"How {linked.channel} signs is not known here.", fix=f"It is of {', '.join(SIGNERS)}."
            )
        raw = body if body is not None else sample(linked.channel, topic, hub.clock())
        async with hub.database.transaction([linked.merchant_id]) as tx:
            pair = (linked.merchant_id, linked.connection_id)
            ring = hub.settings.inbound
            held = (await connections.open_credentials(tx, [pair], "inbound", ring, hub.clock()))[pair]
        fields = hub.connector(linked.channel).manifest.webhook_secrets
        secret = next((held[field][0] for field in fields if field in held), "")
        if not secret:
            raise FairwayError(
                f"{linked.name} has no webhook secret to sign with.", fix="Link the account again."
            )
        headers = signed(linked.channel, topic, raw, secrets.token_hex(16) if bad_signature else secret)
        base = (url or hub.settings.public_url or f"http://{hub.settings.host}:{hub.settings.port}").rstrip(
            "/"
        )
        client = open_client(allow_private_hosts=True)  # the address is the operator's own
        send = sender(client, allow_private_hosts=True, deadline_s=ANSWER_S)
        try:
            async with lent_token(hub, linked) as token:
                calls = [send("POST", f"{base}/hooks/{token}/{topic}", headers, raw) for _ in range(copies)]
                answers = [response.status for response in await asyncio.gather(*calls)]
        except ChannelError as error:
            raise FairwayError(
                f"The web process did not answer at {base}: {error.message}.",
                fix="Is it running? Name it with --url.",
            ) from None
        finally:
            await client.close()
        return {"address": base, "topic": topic, "size": len(raw), "answers": answers} | await _became(
            hub, linked, topic, raw
        )


@asynccontextmanager
async def lent_token(hub: Any, linked: Any) -> AsyncIterator[str]:
    """A path token for the time of the block. It is written nowhere: left behind by a crash, nobody knows it."""
    from core.store import lent_tokens

    token, now = secrets.token_urlsafe(32), hub.clock()
    async with hub.database.transaction([linked.merchant_id]) as tx:
        for old in await lent_tokens.left_behind(tx, now - LEFT_BEHIND):
            await lent_tokens.take_back(tx, linked.merchant_id, old["run_id"], now)
        run_id = await lent_tokens.lend(tx, linked.merchant_id, linked.connection_id, token, now)
    try:
        yield token
    finally:
        async with hub.database.transaction([linked.merchant_id]) as tx:
            await lent_tokens.take_back(tx, linked.merchant_id, run_id, hub.clock())


async def _became(hub: Any, linked: Any, topic: str, body: bytes) -> dict[str, Any]:
    """The delivery these bytes are, if they were stored, and what the workers made of it."""
    from core.store import follow
    from core.store.deliveries import dedupe_key
    from core.usecases.follow_deliveries import outcomes, until_read

    key = dedupe_key(linked.connection_id, topic, body)
    async with hub.database.transaction([linked.merchant_id]) as tx:
        delivery_id = await follow.by_key(tx, linked.merchant_id, linked.connection_id, key)
    if delivery_id is None:
        return {"delivery_id": None, "became": None, "words": "not stored"}
    await until_read(hub, [delivery_id], OUTCOME_S)
    [outcome] = await outcomes(hub, [delivery_id])
    return {"delivery_id": delivery_id, "became": outcome.became, "words": outcome.words}


def _say(found: dict[str, Any]) -> None:
    from collections import Counter

    from console.cli.harmless import harmless

    told: Mapping[int, int] = Counter(found["answers"])
    answers = ", ".join(
        f"{status}" + (f" ({count} times)" if count > 1 else "") for status, count in told.items()
    )
    click.echo(f"{found['size']:,} bytes to {found['address']}: {answers}")
    number = f"delivery {found['delivery_id']}: " if found["delivery_id"] else ""
    click.echo(harmless(f"{number}{found['words']}"))
