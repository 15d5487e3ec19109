"""One article that a shop does not let us count kept hundreds of others from being told."""

from __future__ import annotations

from histories_rig import read_catalogues, shown
from loop_rig import Loop

from core.usecases.count_stock import Counted, count_stock
from jobs.work import Worker

MANY = 60


async def test_one_bundle_in_a_batch_of_hundreds_stops_none_of_the_others(loop: Loop) -> None:
    """microsoft/BCApps#8396: Shopify refuses a batch whole over one bundle in it, and nothing was told any more."""
    for number in range(MANY):
        loop.shopify.add_variant(sku=f"A-{number}", title="Article", price="5.00", quantity=9)
    await read_catalogues(loop)
    bundle = loop.shopify.add_variant(sku="SET", title="Set", price="9.00", quantity=9)
    await read_catalogues(loop)
    bundle.bundle = True  # an app made a bundle of it after its catalogue was read

    counts = {"SET": 3, "MUG": 8, **{f"A-{number}": 5 for number in range(MANY)}}
    await count_stock(
        loop.hub, loop.merchant_id, [Counted(*count) for count in counts.items()], cause="a count"
    )
    for _ in range(3):
        await Worker(loop.hub).look()

    assert [loop.shopify.available(f"A-{number}") for number in range(MANY)] == [5] * MANY
    assert shown(loop) == (8, 8)
    refused = await loop.running.admin.fetchrow(
        "SELECT error, next_at FROM listing_levels JOIN listings USING (merchant_id, listing_id) WHERE sku = 'SET'"
    )
    assert "not allowed to be adjusted" in refused["error"]
    assert refused["next_at"] > loop.hub.clock()
    attempts = await loop.running.admin.fetchval(
        """SELECT count(*) FROM push_attempts a JOIN listings l USING (merchant_id, listing_id)
           WHERE l.sku LIKE 'A-%' AND a.outcome = 'ok' AND a.written = 5"""
    )
    assert attempts == MANY
