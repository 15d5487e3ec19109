"""A hub that is minutes old: the database has no statistics yet, and still looks things up by their whole keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import asyncpg
import pytest

from core.flow import decode
from core.store import orders
from core.store.database import Database
from tests.conftest import as_role

STORED = 6_000


@pytest.mark.one_machine("it sets how one table is kept, and names an index of it")
async def test_orders_are_looked_up_one_by_one_where_there_are_no_statistics(fresh: str) -> None:
    """Else each look reads all orders of the connection: half of what an order cost PostgreSQL, in a hub's first minute."""
    admin = await asyncpg.connect(fresh)
    await admin.execute(
        "ALTER TABLE orders SET (autovacuum_enabled = off); SET session_replication_role = replica"
    )
    await admin.execute(
        f"""INSERT INTO orders (merchant_id, connection_id, channel_order_id, changed_at, stored_at, version, delivery_id,
              intake, fulfillment_status, holds, flags, document_hash, document)
            SELECT 1, 1, n::text, now(), now(), 1, n, 'ship', 'unfulfilled', '[]', '{{}}', '', repeat('d', 1500)::bytea
            FROM generate_series(1, {STORED}) AS n"""
    )
    database = await Database.connect(as_role(fresh, "fairway_worker"))
    asked: dict[str, tuple[Any, ...]] = {}
    async with database.transaction([1]) as tx:
        tx.add_query_logger(lambda said: asked.setdefault(said.query, tuple(said.args or ())))
        found = await orders.lock(tx, [(1, 1, str(number)) for number in range(1, STORED, STORED // 300)])
    await database.close()
    [(statement, args)] = [one for one in asked.items() if "JOIN orders" in one[0]]
    [plan] = decode((await admin.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", *args)).encode())
    await admin.close()

    assert len(found) >= 300
    assert [node["Index Name"] for node in _nodes(plan["Plan"]) if "Index Name" in node] == [
        "orders_merchant_id_connection_id_channel_order_id_key"
    ]


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from _nodes(below)
