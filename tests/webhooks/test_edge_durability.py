"""200 means committed: when the database is slow, refuses or is gone, and when we are told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from edge_rig import SIGNATURE, Clock, Edge, PennyPost, Tenants, run_edge, sign

from core.settings import Settings
from core.store.database import Database
from core.usecases import accept_delivery
from webhooks.app import POOL_SIZE, create_app
from webhooks.edge import EDGE
from webhooks.server import serve


@asynccontextmanager
async def _commits_blocked(database: Database) -> AsyncIterator[None]:
    """Nothing can be added to the deliveries while the block runs."""
    async with database.transaction([]) as tx:
        await tx.execute("LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE")
        yield


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def test_25_a_sender_that_hangs_up_during_the_commit_is_stored_all_the_same(edge: Edge) -> None:
    await edge.post(b"first")
    body = b'{"id":25}'
    lines = [f"{SIGNATURE}: {sign(edge.hook.secret, body)}", f"Content-Length: {len(body)}"]
    async with _commits_blocked(edge.tenants.database), edge.dial() as (_, writer):
        writer.write(edge.head(*lines) + body)
        await _until(lambda: edge.app[EDGE].in_flight == 1)
        writer.transport.abort()
    await _until(lambda: edge.app[EDGE].in_flight == 0)

    assert len(await edge.tenants.stored(edge.hook)) == 2


async def test_no_200_before_the_commit_and_503_when_it_does_not_come(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accept_delivery, "COMMIT_S", 0.3)
    async with _commits_blocked(edge.tenants.database):
        late = await edge.post()
    again = await edge.post()

    assert late.slug == "overloaded"
    assert late.headers["Retry-After"] == "5"
    assert again.status == 200
    assert len(await edge.tenants.stored(edge.hook)) == 1


async def test_a_refused_commit_is_answered_503_and_the_next_one_is_fine(
    edge: Edge, caplog: pytest.LogCaptureFixture
) -> None:
    async with edge.tenants.database.transaction([]) as tx:
        await tx.execute("REVOKE INSERT ON todo FROM fairway_web")
    refused = await edge.post()
    async with edge.tenants.database.transaction([]) as tx:
        await tx.execute("GRANT INSERT ON todo TO fairway_web")
    again = await edge.post()

    assert (refused.status, again.status) == (503, 200)
    assert [record.getMessage() for record in caplog.records] == ["a batch was not stored"]
    assert len(await edge.tenants.stored(edge.hook)) == 1


async def test_sessions_that_the_database_ended_are_replaced_unnoticed(edge: Edge) -> None:
    await edge.post(b"first")
    async with edge.tenants.database.transaction([]) as tx:
        await tx.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'fairway_web'"
        )

    assert (await edge.post(b"second")).status == 200
    assert len(await edge.tenants.stored(edge.hook)) == 2


async def test_the_bell_rings_after_the_commit(edge: Edge) -> None:
    await edge.post()
    await edge.app[EDGE].intake.close()

    assert edge.rung == ["drain"]


async def test_accepted_duplicate_and_rejected_are_counted_per_minute(edge: Edge) -> None:
    await edge.post(b"one")
    await asyncio.gather(*(edge.post(b"two") for _ in range(10)))
    await edge.post(b"forged", signature="")
    await edge.app[EDGE].intake.close()

    assert await edge.tenants.counted(edge.hook) == (2, 9, 1)


async def test_health_and_readiness_are_answered(edge: Edge) -> None:
    replies = [await edge.send("GET", path) for path in ("/healthz", "/readyz")]

    assert [(reply.status, reply.body) for reply in replies] == [(200, b"ok\n"), (200, b"ready\n")]


async def test_a_process_without_a_database_is_alive_but_not_ready_and_takes_nothing(
    tenants: Tenants, role_url: Callable[[str], str], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    hook = await tenants.link("penny-post")
    async with (
        aiohttp.ClientSession() as session,
        run_edge(tenants, role_url("fairway_web"), clock, hook, session=session) as edge,
    ):
        await edge.app[EDGE].database.close()

        alive = await edge.send("GET", "/healthz")
        ready = await edge.send("GET", "/readyz")
        taken = await edge.post()

    assert alive.status == 200
    assert (ready.status, ready.slug) == (503, "dependency-down")
    assert (taken.status, taken.slug) == (503, "dependency-down")
    assert "SELECT" not in caplog.text


async def test_sigterm_finishes_what_is_being_served_and_then_ends(
    tenants: Tenants, role_url: Callable[[str], str], clock: Clock
) -> None:
    hook = await tenants.link("penny-post")
    settings = Settings(
        database_url=role_url("fairway_web"), redis_url=None, inbound=tenants.ring, outbound=None, port=0
    )
    database = await Database.connect(settings.database_url, size=POOL_SIZE)
    addresses: list[str] = []

    async def ring(kind: str, _merchants: object) -> None:
        raise ConnectionError(kind)

    channels = {"penny-post": PennyPost()}
    app = create_app(settings, database=database, registry=channels, clock=clock, ring=ring)  # type: ignore[arg-type]
    serving = asyncio.create_task(serve(app, settings, announce=addresses.append))
    await _until(lambda: bool(addresses))
    body = b'{"id":1}'

    async with aiohttp.ClientSession() as session:
        url = f"{addresses[0]}/hooks/{hook.token}/orders/create"
        async with _commits_blocked(tenants.database):
            sending = asyncio.create_task(
                session.post(url, data=body, headers={SIGNATURE: sign(hook.secret, body)})
            )
            await _until(lambda: app[EDGE].in_flight == 1)
            os.kill(os.getpid(), signal.SIGTERM)
            await _until(lambda: app[EDGE].draining)
        async with await sending as answer:
            assert answer.status == 200
            assert answer.headers["Connection"] == "close"
    await asyncio.wait_for(serving, 5)
    await database.close()

    assert len(await tenants.stored(hook)) == 1
    assert await tenants.counted(hook) == (1, 0, 0)
    assert app[EDGE].intake.ring_failures == 1


async def test_a_process_that_leaves_says_so_first_and_takes_what_still_comes_until_then(
    tenants: Tenants, role_url: Callable[[str], str], clock: Clock
) -> None:
    hook = await tenants.link("penny-post")
    settings = Settings(
        database_url=role_url("fairway_web"),
        redis_url=None,
        inbound=tenants.ring,
        outbound=None,
        port=0,
        leave_s=0.5,
    )
    database = await Database.connect(settings.database_url, size=POOL_SIZE)
    addresses: list[str] = []

    async def ring(kind: str, _merchants: object) -> None:
        """Nobody listens."""

    channels = {"penny-post": PennyPost()}
    app = create_app(settings, database=database, registry=channels, clock=clock, ring=ring)  # type: ignore[arg-type]
    serving = asyncio.create_task(serve(app, settings, announce=addresses.append))
    await _until(lambda: bool(addresses))
    body = b'{"id":1}'
    headers = {SIGNATURE: sign(hook.secret, body)}

    async with aiohttp.ClientSession() as session:
        url = f"{addresses[0]}/hooks/{hook.token}/orders/create"
        async with session.get(f"{addresses[0]}/readyz") as answer:
            assert answer.status == 200
        os.kill(os.getpid(), signal.SIGTERM)
        await _until(lambda: app[EDGE].draining)
        async with session.get(f"{addresses[0]}/readyz") as answer:
            assert answer.status == 503
        async with session.post(url, data=body, headers=headers) as answer:
            assert answer.status == 200
            assert answer.headers["Connection"] == "close"
        await asyncio.wait_for(serving, 5)
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.post(url, data=body, headers=headers)
    await database.close()

    assert len(await tenants.stored(hook)) == 1
