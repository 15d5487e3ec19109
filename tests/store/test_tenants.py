"""Two merchants on one database: neither sees a byte of the other, whatever role asks."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from core.sealing import BodyBox, Keyring, SealBroken, associated
from core.store import connections, deliveries
from core.store.database import Database
from core.store.deliveries import Incoming, body_owner, dedupe_key
from core.store.migrate import ROLES

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
RING = Keyring.parse(Keyring.generate("k1"))
QUEUES = {"todo", "dirty", "schedule", "merchants"}  # a worker learns here which merchants to declare

# One row in every table for merchant $1; of what a foreign key needs, first things come first.
SEEDS = """
INSERT INTO merchants VALUES ({m}, 'm{m}', 'key', now());
INSERT INTO connections (merchant_id, connection_id, channel, name, account, stock_since, created_at)
  VALUES ({m}, {m}, 'woocommerce', 'shop', 'https://{m}.example', now(), now());
INSERT INTO credentials (merchant_id, connection_id, field, ring, sealed) VALUES ({m}, {m}, 'key',
  'outbound', 'x');
INSERT INTO hooks VALUES ({m}, {m}, 'hash{m}');
INSERT INTO overrides VALUES ({m}, {m}, 'payment_status', 'word', 'paid');
INSERT INTO intake_rules VALUES ({m}, {m}, 1, '{{}}', 'ship');
INSERT INTO deliveries (merchant_id, delivery_id, connection_id, topic, via, dedupe_key, body, received_at)
  VALUES ({m}, {m}, {m}, 't', 'webhook', 'k', 'sealed', now());
INSERT INTO todo (merchant_id, delivery_id, connection_id) VALUES ({m}, {m}, {m});
INSERT INTO parked (merchant_id, delivery_id, connection_id, topic, reasons, attempts, parked_at)
  VALUES ({m}, {m}, {m}, 't', '[{{"code": "c", "message": "m"}}]', 1, now());
INSERT INTO fetches (merchant_id, connection_id, channel_order_id, reason, wanted_at, next_at)
  VALUES ({m}, {m}, '1', 'r', now(), now());
INSERT INTO unread_fields VALUES ({m}, {m}, 't', '/x', 1, {m});
INSERT INTO orders (merchant_id, order_id, connection_id, channel_order_id, changed_at, stored_at, version,
    delivery_id, intake, fulfillment_status, holds, flags, document_hash, document)
  VALUES ({m}, {m}, {m}, '1', now(), now(), 1, {m}, 'ship', 'unfulfilled', '[]', '{{}}', 'h', 'd');
INSERT INTO order_lines (merchant_id, order_id, line_id, position, title, moves_stock, quantity,
  quantity_cancelled,
    quantity_fulfilled, quantity_returned) VALUES ({m}, {m}, '1', 0, 't', true, 1, 0, 0, 0);
INSERT INTO order_events (merchant_id, order_id, version, kind, delivery_id, recorded_at)
  VALUES ({m}, {m}, 1, 'order_placed', {m}, now());
INSERT INTO variants (merchant_id, variant_id, sku) VALUES ({m}, {m}, 'S'), ({m}, {m} + 100, 'SET');
INSERT INTO kit_components VALUES ({m}, {m} + 100, {m}, 2);
INSERT INTO listings (merchant_id, listing_id, connection_id, channel_item_id, channel_stock_id, title,
  tracked,
    bundle, variant_id, seen_at) VALUES ({m}, {m}, {m}, '1', '1', 't', true, false, {m}, now());
INSERT INTO locations (merchant_id, location_id, name) VALUES ({m}, {m}, 'Main');
INSERT INTO channel_locations VALUES ({m}, {m}, '', 'shop');
INSERT INTO connection_locations VALUES ({m}, {m}, '', {m});
INSERT INTO stock VALUES ({m}, {m}, {m}, 1, 1);
INSERT INTO stock_ledger (merchant_id, op_key, variant_id, location_id, on_hand_delta, reserved_delta,
  reason, cause,
    recorded_at, occurred_at) VALUES ({m}, 'k', {m}, {m}, 1, 1, 'count', 'c', now(), now());
INSERT INTO reservations VALUES ({m}, {m}, '1', {m}, {m}, 1, 0);
INSERT INTO shortages VALUES ({m}, {m}, '1', {m}, 0, 0, '{{}}', now(), now());
INSERT INTO stock_policies VALUES ({m}, 0, 'ask', '{{}}', 'a person', now());
INSERT INTO stock_incidents (merchant_id, incident_id, kind, variant_id, location_id, missing, units, cause, opened_at)
  VALUES ({m}, {m}, 'oversold', {m}, 0, 0, 1, '{{}}', now());
INSERT INTO incident_lines (merchant_id, incident_id, order_id, line_id, missing, policy)
  VALUES ({m}, {m}, {m}, '1', 0, 'ask');
INSERT INTO incident_events (merchant_id, incident_id, kind, actor, detail, recorded_at)
  VALUES ({m}, {m}, 'opened', 'hub', '{{}}', now());
INSERT INTO dirty VALUES ({m}, {m}, 1, now());
INSERT INTO listing_levels (merchant_id, connection_id, listing_id, channel_location_id, variant_id)
  VALUES ({m}, {m}, {m}, '', {m});
INSERT INTO push_attempts (merchant_id, connection_id, epoch, listing_id, channel_location_id,
  desired_seq, desired,
    started_at) VALUES ({m}, {m}, 1, {m}, '', 1, 1, now());
INSERT INTO schedule (merchant_id, connection_id, kind, due_at) VALUES ({m}, {m}, 'push', now());
INSERT INTO checkpoints VALUES ({m}, {m}, 'orders', now(), 1);
INSERT INTO pulls VALUES ({m}, {m}, now(), now(), now(), '1');
INSERT INTO checkpoint_log VALUES ({m}, {m}, 'orders', 1, now(), now());
INSERT INTO runs (merchant_id, connection_id, kind, started_at) VALUES ({m}, {m}, 'pull', now());
INSERT INTO intake_counts VALUES ({m}, now(), 1, 0, 0);
INSERT INTO fulfillments (merchant_id, fulfillment_id, order_id, op_key, shipped_at, recorded_at, cause)
  VALUES ({m}, {m}, {m}, 'k', now(), now(), 'c');
INSERT INTO fulfillment_lines VALUES ({m}, {m}, '1', 1);
INSERT INTO parcels (merchant_id, parcel_id, carrier, tracking_number) VALUES ({m}, {m}, 'UPS', '1Z');
INSERT INTO fulfillment_parcels VALUES ({m}, {m}, {m});
INSERT INTO scans VALUES ({m}, {m}, 'h', now(), 'in_transit', NULL, {m}, 'sealed');
INSERT INTO outbox (merchant_id, effect_id, connection_id, kind, entity, subject_id, op_key, key, next_at, created_at)
  VALUES ({m}, {m}, {m}, 'tracker', 'e', {m}, 'k', gen_random_uuid(), now(), now());
INSERT INTO effect_attempts (merchant_id, effect_id, attempt, connection_id, epoch, started_at)
  VALUES ({m}, {m}, 1, {m}, 1, now());
INSERT INTO budgets VALUES ({m}, {m}, 'api', 1, 1, 1, now());
INSERT INTO circuits VALUES ({m}, {m}, 1, now(), now());
INSERT INTO reconciles (merchant_id, connection_id, asked_by, started_at) VALUES ({m}, {m}, 'schedule', now());
INSERT INTO drifts (merchant_id, connection_id, listing_id, channel_location_id, kind, status, units, expected, own_sales,
  found_at, looked_at) VALUES ({m}, {m}, {m}, '', 'channel_edit', 'watching', 1, 1, 0, now(), now());
INSERT INTO certificates (merchant_id, connection_id, since, until, status, listed, missing, behind, unlisted, gone, digest,
  first_read_at, read_at, next_at)
  VALUES ({m}, {m}, '2026-11-24 10:00Z', '2026-11-24 11:00Z', 'certified', 1, 0, 0, 0, 0, 'd', now(), now(), now());
INSERT INTO drift_policies VALUES ({m}, {m}, 'channel_edit', 'hub', 'a person', now());
INSERT INTO run_lines (merchant_id, run_id, at, level, message) VALUES ({m}, 1, now(), 'info', 'm');
INSERT INTO listing_rules VALUES ({m}, 0, '', 0, '{{"buffer": 2}}', NULL, 'someone', now());
INSERT INTO waves (merchant_id, connection_id, kind, listings, of_listings, held_at) VALUES ({m}, {m}, 'zero', 60, 100,
  now());
INSERT INTO lags VALUES ({m}, {m}, 'news', now(), 3, 1);
INSERT INTO velocities VALUES ({m}, {m}, {m}, '1 hour', now(), now(), 1, 1, 1);
INSERT INTO measured_until VALUES ({m}, 0, now());
INSERT INTO measured_buffers VALUES ({m}, {m}, 1, 0.1, now());
INSERT INTO operations VALUES ({m}, 'op');
"""


def as_role(url: str, role: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{role}:{role}-of-tests@"))


@pytest.fixture
async def two_merchants(fresh: str) -> str:
    admin = await asyncpg.connect(fresh)
    for merchant in (1, 2):
        await admin.execute(SEEDS.format(m=merchant))
    await admin.execute("ALTER TABLE deliveries ALTER delivery_id RESTART WITH 100")
    await admin.close()
    return fresh


async def all_tables(url: str) -> list[str]:
    admin = await asyncpg.connect(url)
    rows = await admin.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    empty = [row[0] for row in rows if not await admin.fetchval(f"SELECT count(*) FROM {row[0]}")]
    await admin.close()
    assert empty == []  # a new table has to be seeded above
    return [row[0] for row in rows if row[0] != "migrations"]


@pytest.mark.parametrize("role", ROLES)
async def test_no_serving_role_sees_rows_of_a_merchant_it_did_not_declare(
    two_merchants: str, role: str
) -> None:
    tables = await all_tables(two_merchants)
    database = await Database.connect(as_role(two_merchants, role), size=1)
    seen = {}

    for table in tables:
        try:
            async with database.transaction([1]) as tx:
                rows = await tx.fetch(f"SELECT DISTINCT merchant_id FROM {table}")
        except asyncpg.InsufficientPrivilegeError:
            continue  # it may not look at all
        seen[table] = {row[0] for row in rows}
    await database.close()

    open_to_all = set() if role == "fairway_web" else QUEUES
    assert {table for table, merchants in seen.items() if 2 in merchants} <= open_to_all
    assert {table for table, merchants in seen.items() if not merchants} <= {"credentials"}


@pytest.mark.parametrize("role", ROLES)
async def test_a_transaction_that_declares_nobody_sees_nobodys_content(two_merchants: str, role: str) -> None:
    tables = await all_tables(two_merchants)
    database = await Database.connect(as_role(two_merchants, role), size=1)
    seen = set()

    for table in tables:
        try:
            async with database.transaction([]) as tx:
                seen |= {table} if await tx.fetchval(f"SELECT count(merchant_id) FROM {table}") else set()
        except asyncpg.InsufficientPrivilegeError:
            continue
    await database.close()

    assert seen <= (set() if role == "fairway_web" else QUEUES)


async def test_a_row_cannot_be_written_for_a_merchant_that_was_not_declared(two_merchants: str) -> None:
    worker = await Database.connect(as_role(two_merchants, "fairway_worker"), size=1)

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with worker.transaction([1]) as tx:
            await tx.execute("INSERT INTO variants (merchant_id, sku) VALUES (2, 'SMUGGLED')")

    async with worker.transaction([1]) as tx:
        moved = await tx.execute("UPDATE stock SET on_hand = 0 WHERE merchant_id = 2")
    await worker.close()
    assert moved == "UPDATE 0"


async def test_the_web_process_adds_deliveries_and_cannot_read_them(two_merchants: str) -> None:
    web = await Database.connect(as_role(two_merchants, "fairway_web"), size=1)
    key = dedupe_key(1, "t", b"body")
    incoming = Incoming(1, 1, "t", "webhook", key, b"sealed", {}, NOW)

    async with web.transaction([1]) as tx:
        added = await deliveries.add(tx, [incoming, incoming])

    assert added == 1
    for forbidden in ("SELECT body FROM deliveries", "DELETE FROM todo", "SELECT document FROM orders"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with web.transaction([1]) as tx:
                await tx.fetch(forbidden)
    await web.close()


async def test_the_web_process_sees_no_outbound_secret(two_merchants: str) -> None:
    web = await Database.connect(as_role(two_merchants, "fairway_web"), size=1)

    async with web.transaction([1]) as tx:
        rows = await tx.fetch("SELECT field FROM credentials")
    await web.close()

    assert rows == []


async def test_readers_see_no_secret_at_all(two_merchants: str) -> None:
    reader = await Database.connect(as_role(two_merchants, "fairway_read"), size=1)

    for table in ("credentials", "hooks"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with reader.transaction([1]) as tx:
                await tx.fetch(f"SELECT * FROM {table}")
    await reader.close()


async def test_a_secret_opens_where_it_was_sealed_and_nowhere_else(two_merchants: str) -> None:
    worker = await Database.connect(as_role(two_merchants, "fairway_worker"), size=1)
    async with worker.transaction([1, 2]) as tx:
        await connections.put_credential(tx, 1, 1, "consumer_key", "outbound", "old", RING)
        await connections.put_credential(tx, 1, 1, "consumer_key", "outbound", "new", RING)
        stolen = await tx.fetchval(
            "SELECT sealed FROM credentials WHERE field = 'consumer_key' AND position = 0"
        )

    async with worker.transaction([1]) as tx:
        await tx.execute("DELETE FROM credentials WHERE field = 'key'")
        opened = await connections.open_credentials(tx, [(1, 1)], "outbound", RING, NOW)
    async with worker.transaction([2]) as tx:
        await tx.execute("UPDATE credentials SET sealed = $1, field = 'consumer_key'", stolen)
        with pytest.raises(SealBroken):
            await connections.open_credentials(tx, [(2, 2)], "outbound", RING, NOW)
    await worker.close()

    assert opened == {(1, 1): {"consumer_key": ["new", "old"]}}


def test_a_body_that_was_moved_or_changed_does_not_open() -> None:
    box = BodyBox.of(BodyBox.new_key())
    sealed = box.seal(b'{"id": 1}', body_owner(1, b"key"))

    assert box.open(sealed, body_owner(1, b"key")) == b'{"id": 1}'
    for moved in (body_owner(2, b"key"), body_owner(1, b"other")):
        with pytest.raises(SealBroken):
            box.open(sealed, moved)
    with pytest.raises(SealBroken):
        box.open(sealed[:-1] + bytes([sealed[-1] ^ 1]), body_owner(1, b"key"))


def test_a_new_key_seals_and_the_old_one_still_opens() -> None:
    old = Keyring.generate("k1")
    sealed = Keyring.parse(old).seal(b"secret", associated(1, 2, "f"))
    rotated = Keyring.parse(f"{Keyring.generate('k2')},{old}")

    assert rotated.open(sealed, associated(1, 2, "f")) == b"secret"
    assert b"k2" in rotated.seal(b"secret", b"")[:4]
    with pytest.raises(SealBroken, match="not in the keyring"):
        RING.open(rotated.seal(b"secret", b""), b"")
