"""Tables spread over partitions by merchant: what the loop asks touches those of its merchants only."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from spread import partitioned, tenant_tables
from usecase_rig import ITEMS, MUG, TEA, Rig, Shop

from core.flow import decode
from core.store import database
from core.store.database import Connection
from core.usecases import drain as drain_module
from core.usecases.relevel import relevel

ROOT = Path(__file__).resolve().parents[2]
PARTITIONS = 8
OTHERS = 3_000  # merchants that have the same as ours: enough for a plan along the keys

# They carry no content and are claimed across merchants: a worker learns here whom to declare.
QUEUES = {"todo", "dirty", "schedule"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[Any, ...]]:
    """Every statement that is sent from now on, with the first arguments it had."""
    found: dict[str, tuple[Any, ...]] = {}
    prepare = database._prepare

    async def listening(connection: asyncpg.Connection[asyncpg.Record]) -> None:
        await prepare(connection)
        connection.add_query_logger(lambda said: found.setdefault(said.query, tuple(said.args or ())))

    monkeypatch.setattr(database, "_prepare", listening)
    return found


@pytest.fixture
async def rig(
    asked: dict[str, tuple[Any, ...]], fresh: str, make_hub: Callable[..., Any], clock: Any
) -> AsyncIterator[Rig]:
    admin = await asyncpg.connect(fresh)
    made = Rig(await make_hub(send=Shop({ITEMS[MUG]: 100, ITEMS[TEA]: 0})), clock, admin)
    await made.open()
    await made.counted(mug=100)
    await made.shops_show(MUG, 100)
    await made.switch_push(made.first)
    asked.clear()
    yield made
    assert await made.violations() == {}
    await admin.close()


async def test_whatever_the_loop_asks_of_a_tenants_table_touches_one_partition(
    rig: Rig, asked: dict[str, tuple[Any, ...]]
) -> None:
    await rig.deliver(*(rig.order(number, (MUG, 1)) for number in range(1, 6)), connection=rig.second)
    await rig.deliver(rig.order(1, (MUG, 1), minute=1, status="cancelled"), connection=rig.second)
    await rig.drain()
    await relevel(rig.hub)
    await rig.push()
    statements = dict(asked)

    await _spread(rig.admin)
    touched = await _touched(rig, statements)

    wide = {
        text: {table for table, parts in tables.items() if len(parts) > 1} for text, tables in touched.items()
    }
    assert {"orders", "stock", "listing_levels", "deliveries", "todo"} <= {
        t for tables in touched.values() for t in tables
    }
    assert set().union(*wide.values()) == QUEUES
    assert [text for text, tables in wide.items() if tables and "SKIP LOCKED" not in text] == []


async def test_every_unique_key_holds_within_a_merchant_but_for_what_names_one(rig: Rig) -> None:
    """Else a table could not be spread: each partition can only see to itself."""
    rows = await rig.admin.fetch(
        """SELECT i.indrelid::regclass::text AS name, i.indexrelid::regclass::text AS key FROM pg_index i
           JOIN pg_class c ON c.oid = i.indrelid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'merchant_id'
           WHERE c.relnamespace = 'public'::regnamespace AND i.indisunique AND NOT a.attnum = ANY (i.indkey)"""
    )

    assert {(row["name"], row["key"]) for row in rows} == {
        ("merchants", "merchants_name_key"),  # who is there at all
        ("hooks", "hooks_token_hash_key"),  # how a webhook's address finds its merchant
        ("connections", "connections_account"),  # an account belongs to one merchant
    }


@pytest.mark.parametrize("folder", ["core/store", "core/usecases", "jobs", "webhooks"])
def test_nothing_listens_or_notifies_and_only_migrations_take_an_advisory_lock(folder: str) -> None:
    """A cluster of several PostgreSQLs has them on one machine only; migrations run alone."""
    spoken = re.compile(r"\bpg_(try_)?advisory|\bpg_notify|\bNOTIFY\s|\bUNLISTEN\b|\"LISTEN\s|add_listener")
    found = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / folder).rglob("*.py"))
        if spoken.search(path.read_text("utf-8"))
    ]

    assert set(found) <= {"core/store/migrate.py"}


@pytest.mark.spread
async def test_the_tables_of_merchants_are_in_partitions_which_serving_roles_cannot_name(rig: Rig) -> None:
    names = await tenant_tables(rig.admin)

    kinds = await rig.admin.fetch("SELECT DISTINCT relkind FROM pg_class WHERE relname = ANY ($1)", names)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="schema parts"):
        async with rig.hub.database.transaction([rig.merchant_id]) as tx:
            await tx.fetch("SELECT FROM parts.orders__0")

    assert len(names) > 50
    assert [row["relkind"] for row in kinds] == [b"p"]


@pytest.mark.spread
@pytest.mark.parametrize(
    "call",
    [
        "pg_advisory_lock(1)",
        "pg_advisory_xact_lock(1)",
        "pg_try_advisory_xact_lock(1, 2)",
        "pg_notify('a', 'b')",
    ],
)
async def test_what_one_machine_has_is_refused(rig: Rig, call: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for function"):
        async with rig.hub.database.transaction([rig.merchant_id]) as tx:
            await tx.execute(f"SELECT {call}")


@pytest.mark.undisturbed("it plays the error itself")
async def test_a_slice_that_could_not_be_serialized_is_applied_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, failed = drain_module.apply_slice, []

    async def refused_once(tx: Connection, *rest: Any) -> Any:
        applied = await really(tx, *rest)
        if not failed:
            failed.append(1)
            await tx.execute("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END $$")
        return applied

    monkeypatch.setattr(drain_module, "apply_slice", refused_once)
    await rig.deliver(rig.order(1, (MUG, 2)), connection=rig.second)

    done = await drain_module.drain(rig.hub)

    assert failed
    assert done.applied.applied == 1
    assert await rig.stock() == (100, 2)


async def _spread(admin: asyncpg.Connection[asyncpg.Record]) -> None:
    """Beside each table that has a merchant, one of its name in `spread`: in partitions, with many rows.

    And without row level security: a partition is found by what the statement itself says.
    """
    await admin.execute("CREATE SCHEMA spread; GRANT USAGE ON SCHEMA spread TO fairway_worker")
    for name in await tenant_tables(admin):
        await partitioned(
            admin, f"spread.{name}", f"public.{name}", parts="spread", number=PARTITIONS, including="INDEXES"
        )
        await admin.execute(f"GRANT ALL ON spread.{name} TO fairway_worker")
        columns = await admin.fetchval(
            """SELECT array_agg(quote_ident(attname)::text) FROM pg_attribute
               WHERE attrelid = $1::regclass AND attnum > 0 AND attgenerated = '' AND NOT attisdropped""",
            f"public.{name}",
        )
        if name in {"order_events", "stock_ledger"}:
            continue  # what is only ever added to stays empty, so that it can be added to again
        theirs = ["other" if column == "merchant_id" else column for column in columns]
        await admin.execute(
            f"INSERT INTO spread.{name} ({', '.join(columns)}) OVERRIDING SYSTEM VALUE"
            f" SELECT {', '.join(theirs)} FROM public.{name}, generate_series(merchant_id, merchant_id + {OTHERS}) AS other;"
            f"ANALYZE spread.{name}"
        )
    # Nothing waits, nobody has a kit or a write under way.
    await admin.execute(
        "INSERT INTO spread.todo (merchant_id, delivery_id, connection_id)"
        f" SELECT m, 1, 1 FROM generate_series(1, {OTHERS}) AS m; ANALYZE spread.todo;"
        f"INSERT INTO spread.kit_components SELECT m, 100, 1, 2 FROM generate_series(1, {OTHERS}) AS m;"
        " INSERT INTO spread.push_attempts (merchant_id, connection_id, epoch, listing_id, channel_location_id,"
        f" desired_seq, desired, started_at) SELECT m, 1, 0, 1, '', 1, 1, now() FROM generate_series(1, {OTHERS}) AS m;"
        " ANALYZE spread.kit_components; ANALYZE spread.push_attempts"
    )


class _TakenBack(Exception):
    """Nothing is left of what was tried."""


async def _touched(rig: Rig, statements: Mapping[str, tuple[Any, ...]]) -> dict[str, dict[str, set[str]]]:
    """For each statement the partitions of each table that it looked into, as PostgreSQL says after it ran.

    Joined as it is where tables are large: row by row, along the keys.
    """
    found: dict[str, dict[str, set[str]]] = {}
    pool = rig.hub.database._pool
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "SET LOCAL search_path = spread, public;"
            + "".join(
                f"SET LOCAL enable_{way} = off;" for way in ("hashjoin", "mergejoin", "seqscan", "material")
            )
        )
        await connection.execute("SELECT set_config('fairway.merchants', $1, true)", f"0,{rig.merchant_id}")
        for text, args in statements.items():
            if not re.match(r"\s*(SELECT|WITH|INSERT|UPDATE|DELETE)\b", text):
                continue
            try:
                async with connection.transaction():
                    said = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {text}", *args)
                    raise _TakenBack
            except _TakenBack:
                pass
            except (
                asyncpg.UniqueViolationError
            ):  # it has happened already; what it would look into is planned alike
                said = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {text}", *args)
            (plan,) = decode(said.encode())
            tables: dict[str, set[str]] = defaultdict(set)
            for name in _scanned(plan["Plan"]):
                table, _, number = name.partition("__")
                tables[table].add(number)
            found[text] = dict(tables)
    return found


def _scanned(node: Mapping[str, Any]) -> Iterator[str]:
    if "Scan" in node["Node Type"] and "Relation Name" in node and node.get("Actual Loops", 1):
        yield node["Relation Name"]
    for below in node.get("Plans", ()):
        yield from _scanned(below)
