"""`fairway stock buffers`: what was measured of a mug that two shops sell, and what holding back costs."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest
from cli_rig import Shell

from core.sealing import Keyring
from tests.conftest import as_role

KEYS = Keyring.generate("cli")

# Two shops with a mug of which 40 were counted; each sold 20 an hour lately, and the second is told after four minutes.
MEASURED = """
INSERT INTO connections (merchant_id, connection_id, channel, name, account, stock_since, created_at, push_stock)
  SELECT 1, c, 'woocommerce', 'shop-' || c, 'shop-' || c, now(), now(), true FROM (VALUES (101), (102)) AS v (c);
INSERT INTO listings (merchant_id, listing_id, connection_id, channel_item_id, channel_stock_id, sku, title, tracked,
    bundle, variant_id, seen_at)
  SELECT 1, c, c, '1', '1', 'MUG', 'Mug', true, false, v.variant_id, now()
  FROM variants v, (VALUES (101), (102)) AS w (c) WHERE v.sku = 'MUG';
INSERT INTO channel_locations SELECT 1, c, '', 'Main' FROM (VALUES (101), (102)) AS v (c);
INSERT INTO connection_locations (merchant_id, connection_id, channel_location_id, location_id)
  SELECT 1, c, '', s.location_id FROM stock s JOIN variants v USING (merchant_id, variant_id),
    (VALUES (101), (102)) AS w (c) WHERE v.sku = 'MUG';
INSERT INTO listing_levels (merchant_id, connection_id, listing_id, channel_location_id, variant_id)
  SELECT 1, l.connection_id, l.listing_id, '', l.variant_id FROM listings l;
INSERT INTO velocities SELECT 1, c, v.variant_id, '1 hour', now() - interval '30 days', now(), 28.9, 28.9, 28.9
  FROM variants v, (VALUES (101), (102)) AS w (c) WHERE v.sku = 'MUG';
INSERT INTO lags SELECT 1, c, kind, now(), bucket, 500
  FROM (VALUES (101, 'news', 4), (102, 'news', 4), (101, 'publish', 8), (102, 'publish', 32)) AS v (c, kind, bucket);
"""


@pytest.fixture
async def fairway(fresh: str, tmp_path: Path) -> Shell:
    shell = Shell(
        {
            "DATABASE_URL": as_role(fresh, "fairway_worker"),
            "FAIRWAY_INBOUND_KEYS": KEYS,
            "FAIRWAY_OUTBOUND_KEYS": KEYS,
            "FAIRWAY_DIRECTORY": str(tmp_path / "none"),
        }
    )
    (tmp_path / "count.csv").write_text("sku,on_hand\nMUG,40\nTEA,3\n")
    said = await shell("stock", "count", "--file", str(tmp_path / "count.csv"))
    assert said.code == 0, said.err
    return shell


@pytest.fixture
async def measured(fairway: Shell, fresh: str) -> Shell:
    admin = await asyncpg.connect(fresh)
    await admin.execute(MEASURED)
    await admin.close()
    return fairway


async def test_measured_buffers_are_shown_with_their_cost_beside_fixed_ones(measured: Shell) -> None:
    said = await measured("stock", "buffers", "MUG", "--limit", "5", "--json")

    assert said.code == 0, said.err
    (pool,) = said.json["pools"]
    assert (pool["sku"], pool["limit"], pool["said"]) == ("MUG", 5, False)
    held = {row["connection"]: row["buffer"] for row in pool["listings"]}
    assert min(held.values()) == 0 < max(held.values())
    assert pool["measured"]["oversold_per_10000"] <= 5
    assert pool["measured"]["unsold"] == 0
    assert [row["buffer"] for row in pool["fixed"]] == [0, 1, 2, 3, 4, 5]
    assert pool["fixed"][0]["oversold_per_10000"] > 10 * pool["measured"]["oversold_per_10000"]
    assert [row["unsold"] for row in pool["fixed"]] == [0, 1, 2, 3, 4, 5]
    lags = {row["connection"]: (row["news_p50_s"], row["told_p95_s"]) for row in pool["listings"]}
    assert lags["shop-101"] == pytest.approx((2, 4), rel=0.1)
    assert lags["shop-102"] == pytest.approx((2, 256), rel=0.1)
    assert [row["per_hour"] for row in pool["listings"]] == pytest.approx([20, 20], rel=0.05)


async def test_people_see_a_table_and_bars(measured: Shell) -> None:
    said = await measured("stock", "buffers")

    lines = said.out.splitlines()
    assert lines[0] == "MUG: at most 2 oversold in 10,000 orders, if there were a rule for it"
    assert any(line.split()[:1] == ["shop-102"] for line in lines)
    bars = {line.split()[0]: line.count("█") for line in lines if line.split()[0] in ("measured", "0", "5")}
    assert bars["0"] == 30 > bars["5"] >= bars["measured"] == 0


async def test_what_is_accepted_holds_back_from_then_on_until_it_is_taken_back(
    measured: Shell, fresh: str
) -> None:
    admin = await asyncpg.connect(fresh)

    said = await measured("stock", "buffers", "--accept", "5", "--by", "Mia", "--json")
    held = await admin.fetch("SELECT listing_id, units FROM measured_buffers ORDER BY units")
    rule = await admin.fetchrow("SELECT rule::text AS rule, said_by FROM listing_rules")
    back = await measured("stock", "buffers", "--accept", "none", "--json")

    (pool,) = said.json["pools"]
    assert (pool["limit"], pool["said"]) == (5, True)
    assert [row["units"] for row in held] == sorted(row["buffer"] for row in pool["listings"])
    assert held[0]["units"] == 0 < held[1]["units"]
    assert rule is not None
    assert ("buffer_limit" in rule["rule"], rule["said_by"]) == (True, "Mia")
    assert back.json["pools"][0]["said"] is False
    assert await admin.fetchval("SELECT count(*) FROM measured_buffers") == 0
    assert await admin.fetchval("SELECT count(*) FROM listing_rules") == 0
    await admin.close()


async def test_what_is_no_number_is_not_accepted(measured: Shell) -> None:
    for text in ("many", "-1", "nan", "inf"):
        said = await measured("stock", "buffers", "--accept", text)
        assert said.code == 2
        assert "--accept 2" in said.err


async def test_where_nothing_was_sold_there_is_nothing_to_measure(fairway: Shell) -> None:
    said = await fairway("stock", "buffers")
    assert (said.code, said.out) == (0, "")
    assert "nothing to measure" in said.err


async def test_a_sku_nobody_knows_is_named(fairway: Shell) -> None:
    said = await fairway("stock", "buffers", "NO-SUCH")
    assert said.code == 3
    assert "NO-SUCH" in said.err
