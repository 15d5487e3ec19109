"""What a doctor finds at a real server: each thing that can be wrong is made wrong, and said."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
from usecase_rig import MUG, TEA, Rig

from core.clock import wall_clock
from core.connector import Connector
from core.errors import ChannelError, ErrorCode
from core.flow import Response, encode
from core.hub import Hub
from core.sealing import Keyring
from core.store import connections, doctor, lent_tokens
from core.usecases.drain import drain
from core.usecases.examine import Finding, State, examine_database, examine_keys, judge_server
from core.usecases.examine_work import examine_channels, examine_work
from core.usecases.relevel import relevel
from tests.conftest import TestClock, as_role

INBOUND, OUTBOUND = Keyring.parse(Keyring.generate("in1")), Keyring.parse(Keyring.generate("out1"))
FINE = {
    "version_num": 180000, "version": "18.0", "fsync": "on", "full_page_writes": "on", "synchronous_commit": "on",
    "data_checksums": "on", "places": 97, "taken": 7, "size": 10_000_000,
}  # fmt: skip


@pytest.fixture
def clock() -> TestClock:
    """Begins at the servers' own time."""
    return TestClock(wall_clock())


@pytest.fixture
def hub(rig: Rig) -> Hub:
    """A hub whose clock goes on as the servers' does."""
    rig.hub.clock = wall_clock
    return rig.hub


async def of_database(hub: Hub) -> dict[str, Finding]:
    return {finding.check: finding async for finding in examine_database(hub)}


async def of_work(hub: Hub) -> dict[str, Finding]:
    return {finding.check: finding async for finding in examine_work(hub)}


async def test_a_hub_that_is_well_has_no_finding_but_its_missing_processes(hub: Hub) -> None:
    found = {**await of_database(hub), **await of_work(hub)}

    assert {check for check, item in found.items() if item.state is not State.OK} == {"web", "worker"}
    assert len(found) == 8 + 19


@pytest.mark.parametrize(
    ("change", "check", "state", "words"),
    [
        ({"version_num": 140012, "version": "14.12"}, "postgresql", State.PROBLEM, "version 14.12"),
        ({"fsync": "off"}, "commits", State.PROBLEM, "fsync is off"),
        ({"full_page_writes": "off"}, "commits", State.PROBLEM, "full_page_writes is off"),
        ({"synchronous_commit": "off"}, "commits", State.PROBLEM, "synchronous_commit is off"),
        ({"data_checksums": "off"}, "checksums", State.WARNING, "checksums are off"),
        ({"taken": 90}, "sessions", State.PROBLEM, "7 of 97 sessions are free"),
    ],
)
def test_a_server_that_promises_too_little_is_told(
    change: dict[str, Any], check: str, state: State, words: str
) -> None:
    found = {item.check: item for item in judge_server({**FINE, **change}, [])}

    assert {item.check for item in found.values() if item.state is not State.OK} == {check}
    assert (found[check].state, words in found[check].found, bool(found[check].fix)) == (state, True, True)


async def test_sessions_of_every_role_are_counted(hub: Hub, fresh: str) -> None:
    async def taken() -> int:
        async with hub.database.transaction([]) as tx:
            found: int = (await doctor.server(tx))["taken"]
            return found

    before = await taken()
    web = [await asyncpg.connect(as_role(fresh, "fairway_web")) for _ in range(5)]
    during = await taken()
    for session in web:
        await session.close()

    assert during >= before + 5


@asynccontextmanager
async def changed(rig: Rig, change: str, back: str) -> AsyncIterator[None]:
    await rig.admin.execute(change)
    try:
        yield
    finally:
        await rig.admin.execute(back)


async def test_commits_that_one_role_does_not_wait_for_are_a_problem(rig: Rig, hub: Hub) -> None:
    name = await rig.admin.fetchval("SELECT current_database()")
    where = f"ALTER ROLE fairway_web IN DATABASE {name}"

    async with changed(rig, f"{where} SET synchronous_commit = off", f"{where} RESET synchronous_commit"):
        found = (await of_database(hub))["commits"]

    assert (found.state, found.found) == (State.PROBLEM, "synchronous_commit is off for fairway_web")


@pytest.mark.parametrize(
    ("change", "back", "words"),
    [
        ("ALTER ROLE fairway_read BYPASSRLS", "ALTER ROLE fairway_read NOBYPASSRLS", "fairway_read bypasses"),
        (
            "ALTER ROLE fairway_web SUPERUSER",
            "ALTER ROLE fairway_web NOSUPERUSER",
            "fairway_web is a superuser",
        ),
        (
            "ALTER TABLE runs OWNER TO fairway_web",
            "ALTER TABLE runs OWNER TO CURRENT_USER",
            "fairway_web owns",
        ),
        (
            "GRANT fairway_doctor_test TO fairway_web",
            "REVOKE fairway_doctor_test FROM fairway_web",
            "may become",
        ),
    ],
)
async def test_a_serving_role_that_could_see_everybody_is_a_problem(
    rig: Rig, hub: Hub, change: str, back: str, words: str
) -> None:
    await rig.admin.execute("CREATE ROLE fairway_doctor_test BYPASSRLS")
    try:
        async with changed(rig, change, back):
            found = (await of_database(hub))["roles"]
    finally:
        await rig.admin.execute("DROP ROLE fairway_doctor_test")

    assert found.state is State.PROBLEM
    assert words in found.found


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE orders NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE orders DISABLE ROW LEVEL SECURITY",
        "DROP POLICY declared ON orders",
    ],
)
async def test_a_table_without_its_wall_is_a_problem(rig: Rig, hub: Hub, change: str) -> None:
    await rig.admin.execute(change)

    found = (await of_database(hub))["tenants"]

    assert (found.state, "orders" in found.found) == (State.PROBLEM, True)
    await rig.admin.execute("ALTER TABLE orders DISABLE ROW LEVEL SECURITY")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("DELETE FROM migrations WHERE name LIKE '0002%'", "not migrated: 0002"),
        ("UPDATE migrations SET checksum = 'x' WHERE name LIKE '0001%'", "in another form: 0001"),
        ("INSERT INTO migrations VALUES ('9999_later.sql', 'x')", "does not know 9999_later.sql"),
        ("DROP TABLE migrations", "not migrated: 0001"),
    ],
)
async def test_a_schema_that_is_not_this_versions_is_a_problem(
    rig: Rig, hub: Hub, change: str, words: str
) -> None:
    await rig.admin.execute(change)

    found = (await of_database(hub))["schema"]

    assert (found.state, words in found.found) == (State.PROBLEM, True)


@pytest.mark.parametrize(("ahead_s", "state"), [(0, State.OK), (10, State.WARNING), (-90, State.PROBLEM)])
async def test_a_clock_that_is_wrong_is_told(hub: Hub, ahead_s: int, state: State) -> None:
    hub.wall = lambda: wall_clock() + timedelta(seconds=ahead_s)

    found = (await of_database(hub))["clock"]

    assert found.state is state


async def test_a_check_that_fails_hides_no_other(rig: Rig, hub: Hub) -> None:
    await rig.admin.execute("REVOKE SELECT ON outbox FROM fairway_worker")

    found = await of_work(hub)

    assert (found["queues"].state, found["queues"].found.startswith("could not be checked")) == (
        State.PROBLEM,
        True,
    )
    assert found["connections"].state is State.OK
    await rig.admin.execute("GRANT SELECT ON outbox TO fairway_worker")


async def test_work_that_is_left_lying_is_told_queue_by_queue(rig: Rig, hub: Hub) -> None:
    old = timedelta(hours=1)
    await rig.counted(mug=5)
    await relevel(hub)
    await rig.deliver(rig.order(2, (TEA, 1), placed=wall_clock(), changed=wall_clock()))
    await drain(hub)
    await rig.deliver(rig.order(1, (MUG, 1)))
    await rig.admin.execute("UPDATE deliveries SET received_at = received_at - $1::interval", old)
    async with hub.database.transaction([rig.merchant_id]) as tx:
        await connections.switch_push(tx, rig.merchant_id, rig.first, on=True)
        await connections.set_status(tx, rig.merchant_id, rig.second, "reauth_required", "keys are refused")
    long_ago = wall_clock() - old
    for sql in (
        "UPDATE listing_levels SET pending = true, desired_at = $2, next_at = $2 WHERE merchant_id = $1",
        """UPDATE listing_levels SET desired = 0, predicted = 1, parked_at = $2 WHERE merchant_id = $1
           AND listing_id = (SELECT min(listing_id) FROM listing_levels)""",
        """UPDATE listing_levels SET frozen = $2::timestamptz < now() WHERE merchant_id = $1
           AND listing_id = (SELECT max(listing_id) FROM listing_levels)""",
        """INSERT INTO waves (merchant_id, connection_id, kind, listings, of_listings, held_at)
           SELECT $1, min(connection_id), 'zero', 99, 100, $2 FROM connections""",
        "INSERT INTO dirty SELECT $1, variant_id, 1, $2 FROM variants LIMIT 1",
        "INSERT INTO fetches SELECT $1, min(connection_id), '1', 'x', $2, $2 FROM connections",
        """INSERT INTO outbox (merchant_id, connection_id, kind, entity, subject_id, op_key, key, status, error, next_at,
             created_at)
           SELECT $1, min(connection_id), 'fulfillment', 'order:1', 1, s, gen_random_uuid(), s, 'no', $2, $2
           FROM connections, unnest('{pending,rejected}'::text[]) s GROUP BY s""",
        """INSERT INTO parked SELECT $1, delivery_id, connection_id, topic, '[{"code": "x", "message": "x"}]', 1, $2
           FROM deliveries""",
        """INSERT INTO circuits SELECT $1, min(connection_id), 3, $2, $2::timestamptz + interval '2 hours', $2, 'no answer'
           FROM connections""",
        """INSERT INTO drifts (merchant_id, connection_id, listing_id, channel_location_id, kind, status, units, expected,
             own_sales, found_at, looked_at)
           SELECT $1, connection_id, listing_id, '', 'channel_edit', 'asked', 1, 1, 0, $2, $2 FROM listings LIMIT 1""",
        """UPDATE schedule SET failures = 4, last_error = 'it says no' WHERE merchant_id = $1 AND kind = 'pull'
           AND connection_id = (SELECT min(connection_id) FROM connections) AND $2::timestamptz < now()""",
    ):  # fmt: skip
        await rig.admin.execute(sql, rig.merchant_id, long_ago)
    async with hub.database.transaction([rig.merchant_id]) as tx:
        await lent_tokens.lend(tx, rig.merchant_id, rig.first, "lent", long_ago)

    told = [item async for item in examine_work(hub)]
    found = {item.check: item for item in told}

    assert {check for check, item in found.items() if item.state is State.OK} == {"api versions"}
    assert found["deliveries"].state is State.PROBLEM
    assert "pull of Mia-one 4 times in a row: it says no" in found["recurring work"].found
    assert "Mia-two is paused: keys are refused" in [item.found for item in told]
    assert [item.state for item in told if item.check == "connections"] == [State.PROBLEM, State.WARNING]
    await rig.admin.execute("DELETE FROM parked; DELETE FROM outbox")


async def test_processes_are_known_by_their_sessions(rig: Rig, hub: Hub, fresh: str) -> None:
    named = [
        await asyncpg.connect(fresh, server_settings={"application_name": name})
        for name in ("fairway-web", "fairway-worker")
    ]
    found = await of_work(hub)
    for session in named:
        await session.close()

    assert {found["web"].state, found["worker"].state} == {State.OK}


async def _keys(
    make_hub: Callable[..., Any], inbound: Keyring = INBOUND, outbound: Keyring | None = OUTBOUND
) -> list[Finding]:
    return await examine_keys(await make_hub(inbound=inbound, outbound=outbound))


async def test_keys_that_are_two_and_open_everything_are_well(
    fresh: str, make_hub: Callable[..., Any], clock: Any
) -> None:
    await _linked(make_hub, clock)

    assert [item.state for item in await _keys(make_hub)] == [State.OK, State.OK]


async def test_a_lost_key_is_told_with_what_it_would_open(
    fresh: str, make_hub: Callable[..., Any], clock: Any
) -> None:
    await _linked(make_hub, clock)
    other = Keyring.parse(Keyring.generate("new"))

    inbound, outbound = (await _keys(make_hub, inbound=other))[1], (await _keys(make_hub, outbound=other))[1]

    assert (inbound.state, inbound.found) == (State.PROBLEM, "no key opens the bodies of Mia")
    assert outbound.state is State.PROBLEM
    assert "consumer_key of Mia-one, consumer_secret of Mia-one" in outbound.found


async def test_one_key_in_both_rings_is_a_problem_under_whatever_name(
    fresh: str, make_hub: Callable[..., Any]
) -> None:
    same = Keyring("other-name", {"new": OUTBOUND.keys["out1"], "other-name": INBOUND.keys["in1"]})

    shared, absent = (await _keys(make_hub, outbound=same))[0], (await _keys(make_hub, outbound=None))[0]

    assert (shared.state, shared.found) == (State.PROBLEM, "inbound and outbound share the key in1")
    assert (absent.state, absent.found) == (State.PROBLEM, "there is no outbound key")


async def _linked(make_hub: Callable[..., Any], clock: Any) -> None:
    rig = Rig(await make_hub(inbound=INBOUND, outbound=OUTBOUND), clock, None)  # type: ignore[arg-type]
    await rig.open()


@pytest.mark.parametrize(("days", "state"), [(200, State.OK), (30, State.WARNING), (0, State.PROBLEM)])
async def test_an_api_version_that_ends_is_told_in_time(hub: Hub, days: int, state: State) -> None:
    end = (hub.clock() + timedelta(days=days)).date()
    manifest = hub.registry["woocommerce"].manifest.model_copy(update={"api_sunset": end})
    hub.registry = {**hub.registry, "woocommerce": SimpleNamespace(manifest=manifest)}  # type: ignore[dict-item]

    assert (await of_work(hub))["api versions"].state is state


async def test_a_channel_that_is_not_installed_any_more_is_a_problem(hub: Hub) -> None:
    hub.registry = dict[str, Connector]()

    found = (await of_work(hub))["api versions"]

    assert (found.state, found.found) == (State.PROBLEM, "the channel woocommerce is not installed here")


@pytest.mark.parametrize(
    ("status", "account", "state", "words"),
    [
        (200, "Mia-one.example", State.OK, "answers as https://Mia-one.example"),
        (
            200,
            "other.example",
            State.PROBLEM,
            "the keys open https://other.example, not https://Mia-one.example",
        ),
        (401, "", State.PROBLEM, "unauthorized"),
    ],
)
async def test_each_channel_is_asked_whose_account_it_is(
    rig: Rig, hub: Hub, status: int, account: str, state: State, words: str
) -> None:
    async def answer(_method: str, url: str, _headers: Any, _body: bytes | None) -> Response:
        if "Mia-two" in url:
            raise ChannelError(ErrorCode.NOT_SENT, "cannot be reached")
        said: Any = {"code": "woocommerce_rest_authentication_error", "message": "Invalid signature"}
        if status == 200:
            here = f"https://{account}/wp-json/wc/v3/data/currencies/current"
            said = {"code": "EUR", "_links": {"self": [{"href": here}]}}
        return Response(status, {"content-type": "application/json"}, encode(said))

    hub.send = answer

    first, second = [item async for item in examine_channels(hub)]

    assert (first.check, second.check) == ("channel Mia-one", "channel Mia-two")
    assert (first.state, words in first.found) == (state, True)
    assert (second.state, "cannot be reached" in second.found) == (State.PROBLEM, True)
