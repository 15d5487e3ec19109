"""Link an account: prove the keys work, keep them sealed, have the channel call us."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from core.connector import Subscribes, TracksParcels, limits_for
from core.errors import ChannelError, FairwayError, UsageProblem
from core.failpoints import reach
from core.hub import Hub
from core.net import Line, drive
from core.rules.own_count import check_count_rule
from core.store import connections, schedule
from core.store.database import again
from core.usecases.track_parcels import track_parcels


@dataclass(frozen=True, slots=True)
class NewLink:
    """*token* is shown once: it is the secret part of the webhook address."""

    merchant_id: int
    connection_id: int
    account: str
    token: str
    webhook_secret: str


@again
async def link_account(
    hub: Hub,
    *,
    merchant: str,
    channel: str,
    name: str,
    settings: Mapping[str, str],
    credentials: Mapping[str, str],
    stock_since: datetime | None = None,
) -> NewLink:
    """Link one account of a channel; the merchant is made where new. An account whose connection is paused or was
    disconnected works again under its old name, and what waited for it goes on. The same said again of one that works
    (for no answer was seen) gives it another address beside those it has.

    *credentials* may hold the channel's webhook secret; without one a secret of ours is made. *stock_since* is when
    the counts were taken that stock starts from (now, when not given). Raises `FairwayError` when the channel
    refuses the keys.
    """
    connector = hub.connector(channel)
    manifest = connector.manifest
    # Says what is wrong with them before anything is asked.
    limits_for(manifest, settings)
    check_count_rule(manifest, settings)
    missing = [field for field in manifest.credentials if not credentials.get(field)]
    if missing:
        raise UsageProblem(
            f"{manifest.name} needs {', '.join(missing)}.", fix=f"See connectors/{channel}/README.md."
        )
    if hub.settings.outbound is None:
        raise FairwayError("There is no outbound key to seal these credentials with.")
    line = Line(connector, settings, credentials, hub.send, hub.clock)
    try:
        account = await drive(connector.check_account(), line)
        await reach("link.called")
    except ChannelError as error:
        raise FairwayError(
            f"{manifest.name} refused: {error}.", fix="Check the address and the keys; nothing was stored."
        ) from None
    now, token = hub.clock(), secrets.token_urlsafe(24)
    hook_field = manifest.webhook_secrets[0] if manifest.webhook_secrets else ""
    hook_secret = credentials.get(hook_field) or secrets.token_urlsafe(32)
    async with hub.database.transaction([]) as tx:
        merchant_id = await connections.find_merchant(tx, merchant)
        if merchant_id is None:
            merchant_id = await connections.add_merchant(tx, merchant, hub.settings.inbound, now)
    kinds = connections.WORK_KINDS if manifest.kind == "channel" else ("probe", "effect")
    async with hub.database.transaction([merchant_id]) as tx:
        known = await connections.find_account(tx, merchant_id, channel, account.account)
        if known is not None and (known.status != "active" or known.name == name):
            connection_id = known.connection_id
            await connections.mark_listed(tx, merchant_id, connection_id, now)
            for (
                kind
            ) in kinds:  # everything that waited goes on; first, in the order in which a refusal locks them
                await schedule.ring(tx, kind, [(merchant_id, connection_id)], now)
            await connections.link_again(tx, merchant_id, connection_id, {**settings, **account.extra}, token)
        else:
            connection_id = await connections.add_connection(
                tx,
                merchant_id=merchant_id,
                channel=channel,
                name=name,
                account=account.account,
                settings={**settings, **account.extra},
                token=token,
                stock_since=stock_since or now,
                now=now,
                kinds=kinds,
            )
        if isinstance(connector, TracksParcels):
            await track_parcels(tx, merchant_id, connection_id, now)
        for field in manifest.credentials:
            await connections.put_credential(
                tx, merchant_id, connection_id, field, "outbound", credentials[field], hub.settings.outbound
            )
        if hook_field:
            await connections.put_credential(
                tx, merchant_id, connection_id, hook_field, "inbound", hook_secret, hub.settings.inbound
            )
        await reach("link.storing")
    await reach("link.stored")
    hub.forget(merchant_id, connection_id)
    for kind in (*kinds, "relevel"):
        await hub.wake.ring(kind, [merchant_id])
    return NewLink(merchant_id, connection_id, account.account, token, hook_secret)


async def subscribe(hub: Hub, link: NewLink, public_url: str) -> tuple[str, ...]:
    """Have the channel send its webhooks to us; returns the topics. Channels that cannot are left to pulls."""
    async with hub.database.transaction([link.merchant_id]) as tx:
        linked = await connections.linked(tx, link.merchant_id, link.connection_id)
        line = await hub.line(tx, linked)
    connector = hub.connector(linked.channel)
    if not isinstance(connector, Subscribes):
        return ()
    address = f"{public_url.rstrip('/')}/hooks/{link.token}"
    topics = await drive(
        connector.subscribe(address, link.webhook_secret, connector.manifest.webhook_topics), line
    )
    await reach("subscribe.called")
    return topics
