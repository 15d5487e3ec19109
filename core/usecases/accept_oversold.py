"""Accept oversold: a merchant says how many units oversold in 10,000 orders are fine, and buffers follow from it."""

from __future__ import annotations

from core.hub import Hub
from core.store import listing_rules
from core.store.database import again
from core.store.listing_rules import Scope
from core.usecases.hold_back import hold_back


@again
async def accept_oversold(hub: Hub, merchant_id: int, limit: float | None, said_by: str) -> None:
    """Say it for all listings of a merchant (None: nothing is said any more) and hold back at once what follows.

    Narrower rules stay: a connection or listing with a buffer or a limit of its own keeps it.
    """
    now = hub.clock()
    async with hub.database.transaction([merchant_id]) as tx:
        rule = await listing_rules.rule_of(tx, merchant_id, Scope())
        said = rule.model_dump(exclude_none=True) | {"buffer_limit": limit}
        await listing_rules.put_rule(tx, merchant_id, Scope(), type(rule).model_validate(said), said_by, now)
    await hold_back(hub)
