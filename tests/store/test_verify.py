"""Every check of the checker fires on the damage it is there for, and none on an empty database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from core.store.database import Database
from core.store.verify import ALWAYS, AT_REST, verify

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)

# A small healthy world: one shop, one order of 2 units held out of 5, told to the shop.
HEALTHY = """
INSERT INTO merchants VALUES (1, 'm', 'key', now());
INSERT INTO connections (merchant_id, connection_id, channel, name, account, stock_since, created_at,
  push_stock)
  VALUES (1, 1, 'woocommerce', 'shop', 'https://one.example', now(), now(), true);
INSERT INTO deliveries (merchant_id, delivery_id, connection_id, topic, via, dedupe_key, body, received_at)
  VALUES (1, 1, 1, 't', 'webhook', 'k', 'sealed', now());
INSERT INTO orders (merchant_id, order_id, connection_id, channel_order_id, changed_at, stored_at, version,
    delivery_id, intake, fulfillment_status, holds, flags, document_hash, document)
  VALUES (1, 1, 1, '1', now(), now(), 1, 1, 'ship', 'unfulfilled', '[]', '{}', 'h', 'd');
INSERT INTO order_events (merchant_id, order_id, version, kind, delivery_id, recorded_at)
  VALUES (1, 1, 1, 'order_placed', 1, now());
INSERT INTO variants (merchant_id, variant_id, sku) VALUES (1, 1, 'S');
INSERT INTO listings (merchant_id, listing_id, connection_id, channel_item_id, channel_stock_id, title,
  tracked,
    bundle, variant_id, matched_by, seen_at) VALUES (1, 1, 1, '1', '1', 't', true, false, 1, 'sku', now());
INSERT INTO order_lines (merchant_id, order_id, line_id, position, title, listing_id, variant_id, moves_stock,
    quantity, quantity_cancelled, quantity_fulfilled, quantity_returned) VALUES (1, 1, '1', 0, 't', 1,
      1, true, 2, 0, 0, 0);
INSERT INTO locations (merchant_id, location_id, name) VALUES (1, 1, 'Main');
INSERT INTO channel_locations VALUES (1, 1, '', 'shop');
INSERT INTO connection_locations VALUES (1, 1, '', 1);
INSERT INTO stock VALUES (1, 1, 1, 5, 2);
INSERT INTO stock_ledger (merchant_id, op_key, variant_id, location_id, on_hand_delta, reserved_delta,
  reason, cause,
    recorded_at, occurred_at) VALUES (1, 'a', 1, 1, 5, 0, 'count', 'c', now(), now()), (1, 'b', 1, 1, 0, 2,
      'reserve', 'c', now(), now());
INSERT INTO reservations VALUES (1, 1, '1', 1, 1, 2, 0);
INSERT INTO listing_levels (merchant_id, connection_id, listing_id, channel_location_id, variant_id, desired,
    desired_seq, predicted, confirmed, confirmed_seq, possible) VALUES (1, 1, 1, '', 1, 3, 1, 3, 3, 1, 3);
INSERT INTO checkpoints VALUES (1, 1, 'orders', '2026-11-24 10:00Z', 2);
INSERT INTO checkpoint_log VALUES (1, 1, 'orders', 1, '2026-11-24 09:00Z', now()),
  (1, 1, 'orders', 2, '2026-11-24 10:00Z', now());
"""

SHIPPED = """
  INSERT INTO fulfillments (merchant_id, fulfillment_id, order_id, op_key, shipped_at, recorded_at, cause)
    VALUES (1, 1, 1, 'ship', now(), now(), 'c');
  INSERT INTO fulfillment_lines VALUES (1, 1, '1', 1);
  INSERT INTO parcels (merchant_id, parcel_id, carrier, tracking_number) VALUES (1, 1, 'UPS', '1Z');
  INSERT INTO fulfillment_parcels VALUES (1, 1, 1);
"""

WISH = """
  INSERT INTO outbox (merchant_id, effect_id, connection_id, kind, entity, subject_id, op_key, key, status, next_at,
      created_at)
    VALUES (1, 1, 1, 'tracker', 'parcel:1', 1, 'o', gen_random_uuid(), 'pending', '2026-11-24', '2026-11-24');
  INSERT INTO effect_attempts (merchant_id, effect_id, attempt, connection_id, epoch, started_at, outcome)
    VALUES (1, 1, 1, 1, 1, now(), 'ok');
"""

SHORTAGE = "INSERT INTO shortages VALUES (1, 1, '1', 1, {q}, {q}, '{{\"kind\": \"count\"}}', now(), NULL); "

# Beside it a kit of two S and one T, sold five times: one ready-made and one put together have left, one of each is
# held, and of the last one a T is missing.
KIT = """
INSERT INTO variants (merchant_id, variant_id, sku) VALUES (1, 2, 'T'), (1, 3, 'SET');
INSERT INTO kit_components VALUES (1, 3, 1, 2), (1, 3, 2, 1);
UPDATE orders SET holds = '[{"code": "short_stock", "pointer": "", "message": ""}]';
INSERT INTO order_lines (merchant_id, order_id, line_id, position, title, variant_id, moves_stock, quantity,
    quantity_cancelled, quantity_fulfilled, quantity_returned, made_of)
  VALUES (1, 1, 'k', 1, 't', 3, true, 5, 0, 2, 0, '{"1": 2, "2": 1}');
INSERT INTO reservations VALUES (1, 1, 'k', 1, 3, 1, 1), (1, 1, 'k', 1, 1, 4, 2), (1, 1, 'k', 1, 2, 1, 1);
INSERT INTO shortages VALUES (1, 1, 'k', 2, 1, 1, '{"kind": "count"}', now(), NULL);
INSERT INTO stock_incidents VALUES (1, 2, 'oversold', 2, 0, 1, 1, '{}', now(), NULL);
INSERT INTO incident_lines VALUES (1, 2, 1, 'k', 1, 'ask');
INSERT INTO incident_events (merchant_id, incident_id, kind, actor, detail, recorded_at)
  VALUES (1, 2, 'opened', 'hub', '{}', now());
UPDATE stock SET on_hand = 10, reserved = 6;
INSERT INTO stock VALUES (1, 2, 1, 1, 1), (1, 3, 1, 1, 1);
INSERT INTO stock_ledger (merchant_id, op_key, variant_id, location_id, on_hand_delta, reserved_delta, reason, cause,
    recorded_at, occurred_at) VALUES (1, 'c', 1, 1, 5, 4, 'count', 'c', now(), now()),
  (1, 'd', 2, 1, 1, 1, 'count', 'c', now(), now()), (1, 'e', 3, 1, 1, 1, 'count', 'c', now(), now());
"""

KIT_DAMAGE = {
    "UPDATE order_lines SET quantity = 4 WHERE line_id = 'k'": {"line_without_its_units": 2},
    "UPDATE shortages SET quantity = 2": {
        "line_without_its_units": 1,
        "shortage_disagrees_with_incidents": 1,
    },
    "UPDATE reservations SET held = 5 WHERE line_id = 'k' AND variant_id = 1": {
        "line_without_its_units": 1,
        "reserved_disagrees_with_reservations": 1,
    },
    "UPDATE reservations SET held = 0 WHERE variant_id = 3": {
        "line_without_its_units": 2,
        "reserved_disagrees_with_reservations": 1,
    },
    """UPDATE order_lines SET made_of = '{"1": 2}' WHERE line_id = 'k'""": {
        "units_of_what_its_line_is_not": 2
    },
    """UPDATE order_lines SET made_of = '{"1": 2, "2": 2}' WHERE line_id = 'k'""": {
        "line_without_its_units": 1,
        "shipped_units_not_booked": 1,
    },
    "UPDATE order_lines SET quantity_fulfilled = 3 WHERE line_id = 'k'": {"shipped_units_not_booked": 2},
    "UPDATE stock SET reserved = 0, on_hand = 2 WHERE variant_id = 3": {
        "reserved_disagrees_with_reservations": 1,
        "shortage_that_could_be_filled": 1,
        "stock_not_conserved": 1,
    },
}

INCIDENT = """
  INSERT INTO stock_incidents VALUES (1, 1, 'oversold', 1, 0, 1, 1, '{}', now(), NULL);
  INSERT INTO incident_lines VALUES (1, 1, 1, '1', 1, 'ask');
  INSERT INTO incident_events (merchant_id, incident_id, kind, actor, detail, recorded_at)
    VALUES (1, 1, 'opened', 'hub', '{}', now());
"""

DRIFT = """
  INSERT INTO drifts (merchant_id, drift_id, connection_id, listing_id, channel_location_id, kind, status, units,
    expected, own_sales, found_at, looked_at)
    VALUES (1, 1, 1, 1, '', 'channel_edit', 'watching', 2, 3, 0, '2026-11-24', '2026-11-24');
"""

WINDOW = """
  INSERT INTO certificates (merchant_id, connection_id, since, until, status, listed, missing, behind, unlisted, gone,
    digest, first_read_at, read_at, next_at)
    VALUES (1, 1, '2026-11-24 0{since}:00Z', '2026-11-24 0{until}:00Z', '{status}', 1, {missing}, 0, 0, 0, 'd',
      '2026-11-24 10:00Z', '2026-11-24 10:00Z', '2026-11-24 10:00Z');
"""
CERTIFIED = WINDOW.format(since=1, until=2, status="certified", missing=0)

DAMAGE = {
    "duplicate_order": """
        ALTER TABLE orders DROP CONSTRAINT orders_merchant_id_connection_id_channel_order_id_key;
        INSERT INTO orders SELECT (jsonb_populate_record(o, '{"order_id": 2}')).* FROM orders o""",
    "order_without_history": "DELETE FROM order_events",
    "order_version_disagrees_with_history": "UPDATE orders SET version = 2",
    "order_without_its_delivery": "UPDATE orders SET delivery_id = 99",
    "part_of_unknown_order": "UPDATE order_events SET order_id = 99",
    "stock_not_conserved": "UPDATE stock SET on_hand = on_hand + 1",
    "reserved_below_zero": """
        ALTER TABLE stock DROP CONSTRAINT stock_reserved_check; UPDATE stock SET reserved = -1""",
    "reserved_disagrees_with_reservations": "UPDATE reservations SET held = 1",
    "line_without_its_units": "UPDATE order_lines SET quantity = 3",
    "shipped_units_not_booked": "UPDATE order_lines SET quantity_fulfilled = 1",
    "units_of_what_its_line_is_not": "UPDATE reservations SET variant_id = 2",
    "kit_inside_itself": "INSERT INTO kit_components VALUES (1, 1, 2, 1), (1, 2, 1, 1)",
    "reservation_of_unknown_line": "DELETE FROM order_lines",
    "shortage_of_unknown_line": SHORTAGE.format(q=1) + "DELETE FROM order_lines",
    "free_below_zero_unexplained": """
        UPDATE stock SET on_hand = 1; UPDATE stock_ledger SET on_hand_delta = 1 WHERE op_key = 'a'""",
    "shortage_without_cause": SHORTAGE.format(q=1) + "UPDATE shortages SET cause = '{}'",
    "shortage_open_and_closed": SHORTAGE.format(q=1) + "UPDATE shortages SET closed_at = now()",
    "hold_disagrees_with_shortage": """
        UPDATE orders SET holds = '[{"code": "short_stock", "pointer": "", "message": ""}]'""",
    "shortage_disagrees_with_incidents": SHORTAGE.format(q=2) + INCIDENT,
    "incident_disagrees_with_its_lines": INCIDENT + "UPDATE stock_incidents SET missing = 2",
    "incident_opened_or_closed_without_a_word": INCIDENT + "UPDATE stock_incidents SET closed_at = now()",
    "hold_disagrees_with_proposal": INCIDENT
    + "UPDATE incident_lines SET policy = 'cancel', decided_at = now()",
    "unmapped_line_without_hold": "UPDATE order_lines SET variant_id = NULL",
    "gone_order_without_flag": "UPDATE orders SET gone_at = now()",
    "todo_without_delivery": "INSERT INTO todo (merchant_id, delivery_id, connection_id) VALUES (1, 99, 1)",
    "parked_without_reason": """
        INSERT INTO parked (merchant_id, delivery_id, connection_id, topic, reasons, attempts, parked_at)
        VALUES (1, 1, 1, 't', '[{}]', 1, now())""",
    "parked_and_still_todo": """
        INSERT INTO parked (merchant_id, delivery_id, connection_id, topic, reasons, attempts, parked_at)
        VALUES (1, 1, 1, 't', '[{"code": "c", "message": "m"}]', 1, now());
        INSERT INTO todo (merchant_id, delivery_id, connection_id) VALUES (1, 1, 1)""",
    "level_untold_but_not_pending": "UPDATE listing_levels SET desired = 4",
    "unshipped_disagrees_with_orders": "UPDATE order_lines SET unshipped = 2",
    "level_of_another_variant": "UPDATE listing_levels SET variant_id = NULL",
    "level_may_sell_less_than_it_shows": "UPDATE listing_levels SET possible = 2",
    "strict_listings_offer_beyond_free": "UPDATE listing_levels SET possible = 4, strict = true",
    "confirmed_beyond_desired": "UPDATE listing_levels SET confirmed_seq = 2",
    "checkpoint_moved_back": "UPDATE checkpoint_log SET finished_until = '2026-11-24 11:00Z' WHERE epoch = 1",
    "checkpoint_disagrees_with_log": "DELETE FROM checkpoint_log WHERE epoch = 2",
    "certificate_left_out": CERTIFIED + WINDOW.format(since=3, until=4, status="certified", missing=0),
    "gap_never_healed": CERTIFIED + WINDOW.format(since=2, until=3, status="gap", missing=1),
    "cross_tenant_reference": "UPDATE orders SET connection_id = 2",
    "line_of_foreign_variant": "UPDATE order_lines SET variant_id = 2",
    "shipment_not_on_its_line": SHIPPED,
    "fulfillment_without_parcel": SHIPPED + "DELETE FROM fulfillment_parcels",
    "effect_done_without_answer": WISH
    + "UPDATE effect_attempts SET outcome = 'unknown'; UPDATE outbox SET status = 'done'",
    "effect_done_twice": WISH
    + """
        INSERT INTO effect_attempts (merchant_id, effect_id, attempt, connection_id, epoch, started_at, outcome)
        VALUES (1, 1, 2, 1, 1, now(), 'ok')""",
    "effect_refused_without_reason": WISH + "UPDATE outbox SET status = 'rejected'",
    "drift_booked_without_entry": DRIFT
    + "UPDATE drifts SET status = 'closed', closed_at = now(), healed_by = 'channel'",
    "account_linked_twice": """
        DROP INDEX connections_account;
        INSERT INTO connections (merchant_id, connection_id, channel, name, account, stock_since, created_at)
        VALUES (1, 2, 'woocommerce', 'again', 'https://one.example', now(), now())""",
    "todo_left": "INSERT INTO todo (merchant_id, delivery_id, connection_id) VALUES (1, 1, 1)",
    "fetches_left": "INSERT INTO fetches VALUES (1, 1, '1', 'r', '2026-11-24', '2026-11-24')",
    "dirty_left": "INSERT INTO dirty VALUES (1, 1, 1, now())",
    "pending_levels_left": "UPDATE listing_levels SET pending = true",
    "effects_left": WISH,
    "effect_attempt_never_settled": WISH + "UPDATE effect_attempts SET outcome = NULL",
    "attempt_never_settled": """
        INSERT INTO push_attempts (merchant_id, connection_id, epoch, listing_id, channel_location_id,
          desired_seq,
          desired, started_at) VALUES (1, 1, 1, 1, '', 1, 3, '2026-11-24')""",
    "shortage_that_could_be_filled": SHORTAGE.format(q=1),
    "promised_more_than_is_there": "UPDATE stock SET on_hand = 1",
    "cancellation_never_decided": INCIDENT + "UPDATE incident_lines SET policy = 'cancel'",
    "drift_never_settled": DRIFT,
    "unseen_sale_never_came": "UPDATE listing_levels SET predicted = 2, unseen = 1, unseen_at = '2026-11-24'",
}


@pytest.fixture(params=["fairway_worker", "fairway_read"])
async def checker(fresh: str, request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    parts = urlsplit(fresh)
    role = request.param
    database = await Database.connect(urlunsplit(parts._replace(netloc=f"{role}:{role}-of-tests@")), size=1)
    yield database
    await database.close()


async def violations(checker: Database, *, now: datetime = NOW) -> dict[str, int]:
    async with checker.transaction([1]) as tx:
        found: dict[str, int] = (await verify(tx, at_rest=True, now=now))["violations"]
        return found


async def test_an_empty_and_a_healthy_database_have_no_violations(checker: Database, fresh: str) -> None:
    empty = await violations(checker)
    admin = await asyncpg.connect(fresh)
    await admin.execute(HEALTHY)
    await admin.close()

    assert empty == {}
    assert await violations(checker) == {}


async def test_work_left_is_only_a_violation_at_rest(checker: Database) -> None:
    async with checker.transaction([1]) as tx:
        running = await verify(tx, at_rest=False, now=NOW)
        resting = await verify(tx, at_rest=True, now=NOW)

    assert running == {"checks": len(ALWAYS), "violations": {}}
    assert resting == {"checks": len(ALWAYS) + len(AT_REST), "violations": {}}


def test_every_check_is_proved_by_some_damage() -> None:
    assert set(DAMAGE) == {*ALWAYS, *AT_REST}


async def test_every_check_fires_on_the_damage_it_is_there_for(fresh: str, checker: Database) -> None:
    admin = await asyncpg.connect(fresh)
    await admin.execute(HEALTHY)
    silent = []

    for name, damage in DAMAGE.items():
        async with _undone(admin):
            # Foreign keys look away: what the schema forbids is what the checker has to see all the same.
            await admin.execute("SET LOCAL session_replication_role = replica")
            await admin.execute(damage)
            await admin.execute("SELECT set_config('fairway.merchants', '1', true)")
            found = (await verify(admin, at_rest=True, now=NOW))["violations"]
            if name not in found:
                silent.append(name)
    await admin.close()

    assert silent == []


async def test_of_a_kit_every_component_is_counted(fresh: str, checker: Database) -> None:
    admin = await asyncpg.connect(fresh)
    await admin.execute(HEALTHY)
    await admin.execute(KIT)
    found = {}

    for damage in ("SELECT", *KIT_DAMAGE):
        async with _undone(admin):
            await admin.execute(damage)
            await admin.execute("SELECT set_config('fairway.merchants', '1', true)")
            found[damage] = (await verify(admin, at_rest=True, now=NOW))["violations"]
    await admin.close()

    assert found == {"SELECT": {}, **KIT_DAMAGE}


@pytest.mark.parametrize("table", ["order_lines", "order_events", "reservations"])
async def test_no_part_is_of_an_order_that_is_not_there(fresh: str, checker: Database, table: str) -> None:
    admin = await asyncpg.connect(fresh)
    await admin.execute(HEALTHY)
    await admin.execute(f"UPDATE {table} SET order_id = 99")  # no key forbids it
    await admin.close()

    assert (await violations(checker))["part_of_unknown_order"] == 1


@pytest.mark.parametrize("bucket", ["on_hand", "reserved", "quarantined", "incoming"])
@pytest.mark.parametrize(
    "damage", ["UPDATE stock SET {0} = {0} + 1", "UPDATE stock_ledger SET {0}_delta = {0}_delta + 1"]
)
async def test_no_bucket_differs_from_the_sum_of_the_ledger(
    fresh: str, checker: Database, bucket: str, damage: str
) -> None:
    admin = await asyncpg.connect(fresh)
    await admin.execute(HEALTHY)
    await admin.execute(damage.format(bucket))
    await admin.close()

    assert (await violations(checker))["stock_not_conserved"] == 1


def _undone(admin: asyncpg.Connection[asyncpg.Record]) -> _Undone:
    return _Undone(admin)


class _Undone:
    """A transaction that is always taken back."""

    def __init__(self, admin: asyncpg.Connection[asyncpg.Record]) -> None:
        self._transaction = admin.transaction()

    async def __aenter__(self) -> None:
        await self._transaction.start()

    async def __aexit__(self, *_: object) -> None:
        await self._transaction.rollback()


async def test_an_unseen_sale_is_given_an_hour(checker: Database, fresh: str) -> None:
    admin = await asyncpg.connect(fresh)
    await admin.execute(HEALTHY)
    await admin.execute("UPDATE listing_levels SET predicted = 2, unseen = 1, unseen_at = $1", NOW)
    await admin.close()

    assert await violations(checker, now=NOW + timedelta(minutes=59)) == {}
    assert await violations(checker, now=NOW + timedelta(hours=1)) == {"unseen_sale_never_came": 1}
