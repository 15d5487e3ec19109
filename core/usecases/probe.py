"""Probe: somebody claims that an account is gone. We look ourselves before we believe it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.failpoints import reach
from core.hub import Hub
from core.net import drive
from core.store import connections
from core.store.schedule import Lease
from core.usecases.lease import NEVER


@dataclass(frozen=True, slots=True)
class Probed:
    account: str


async def probe(hub: Hub, lease: Lease) -> Probed:
    """Ask the channel whose account this is; raises `ChannelError` UNAUTHORIZED where it is gone indeed."""
    async with hub.database.transaction([lease.merchant_id]) as tx:
        linked = await connections.linked(tx, lease.merchant_id, lease.connection_id)
        line = await hub.line(tx, linked)
    found = await drive(hub.connector(linked.channel).check_account(), line)
    await reach("probe.called")
    return Probed(found.account)


async def next_probe(_hub: Hub, _lease: Lease, _result: object) -> datetime:
    return NEVER
