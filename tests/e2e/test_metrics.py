"""What /metrics says while orders come in, are understood and are told: the right numbers, and nobody's name."""

from __future__ import annotations

import math
import socket
from collections.abc import Callable
from datetime import timedelta

import aiohttp
import pytest
from loop_rig import SUPPLY, open_loop
from prometheus_client.parser import text_string_to_metric_families

from console.admin import State, admin_port
from console.demo import shops as world
from core.errors import UsageProblem
from core.hub import Hub
from core.store.database import Database
from core.store.gauges import waiting
from tests.conftest import settings_for

Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def figures(text: str) -> Figures:
    """Every sample by its name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def scrape(port: int) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        return await answer.text()


async def test_a_sale_is_counted_from_its_webhook_to_what_the_other_shop_is_told(
    make_hub: Callable[..., object], fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.admin.KEPT_S", 0.0)
    hub: Hub = await make_hub()  # type: ignore[misc]
    settings = settings_for(fresh, metrics_port=0)
    async with open_loop(hub, fresh, seed=9) as loop, admin_port(settings, works=True) as port:
        before = figures(await scrape(port))
        loop.woocommerce.checkout([("MUG", 2)])
        await loop.shops.courier.settled()
        waits = figures(await scrape(port))
        await loop.turn()
        text = await scrape(port)
        after = figures(text)

    def grew(name: str, **labels: str) -> float:
        key = (name, tuple(sorted(labels.items())))
        return after[key] - before.get(key, 0.0)

    came = waits["fairway_deliveries_waiting", ()]
    assert came >= 1
    assert after["fairway_deliveries_waiting", ()] == 0
    assert after["fairway_database_up", ()] == 1
    assert grew("fairway_deliveries_total", outcome="accepted", reason="") == came
    assert grew("fairway_request_seconds_count") == came
    assert grew("fairway_commit_deliveries_sum") == came
    assert grew("fairway_drained_total", outcome="applied") >= 1
    assert grew("fairway_told_total", what="stock", outcome="ok") >= 1
    assert grew("fairway_calls_total", channel="shopify", code="ok") >= 1
    assert grew("fairway_call_seconds_count", channel="shopify") >= 1
    assert grew("fairway_runs_total", kind="push", outcome="ok") >= 1
    assert grew("fairway_run_seconds_count", kind="push") >= 1
    assert grew("fairway_spells_total", kind="drain", outcome="done") >= 1
    assert after["fairway_connections", (("channel", "shopify"), ("status", "active"))] == 1
    for secret in ('"loop"', world.SHOP, world.TOKEN, world.KEY, *SUPPLY):
        assert secret not in text


async def test_an_oversold_unit_and_a_refused_signature_show_as_what_they_are(
    make_hub: Callable[..., object], fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.admin.KEPT_S", 0.0)
    hub: Hub = await make_hub()  # type: ignore[misc]
    async with (
        open_loop(hub, fresh, seed=10) as loop,
        admin_port(settings_for(fresh, metrics_port=0), works=True) as port,
        aiohttp.ClientSession() as session,
    ):
        before = figures(await scrape(port))
        for shop in (loop.shopify, loop.woocommerce):
            shop.checkout([("TEA", SUPPLY["TEA"])])  # both sell all there is before either is told
        await loop.turn()
        async with session.post(f"{loop.running.url}/hooks/nobody/order.created", data=b"{}") as answer:
            assert answer.status == 404
        after = figures(await scrape(port))

    refused = ("fairway_deliveries_total", (("outcome", "refused"), ("reason", "not-found")))
    assert after["fairway_incidents_open", (("kind", "oversold"),)] == 1
    assert after[refused] - before.get(refused, 0.0) == 1


async def test_what_is_due_is_told_by_its_kind_with_how_long_it_is_due(
    make_hub: Callable[..., object], fresh: str
) -> None:
    hub: Hub = await make_hub()  # type: ignore[misc]
    async with open_loop(hub, fresh, seed=11) as loop:
        await loop.running.admin.execute(
            "UPDATE schedule SET due_at = CASE kind WHEN 'pull' THEN $1::timestamptz ELSE 'infinity' END",
            hub.clock() - timedelta(seconds=90),
        )
        async with hub.database.transaction([]) as tx:
            found = await waiting(tx, hub.clock())

    assert found.due == {("pull",): 2}
    assert found.due_age_s["pull",] == pytest.approx(90)


async def test_a_web_process_tells_no_queue_since_its_role_may_not_see_them(fresh: str) -> None:
    settings = settings_for(fresh, role="fairway_web", metrics_port=0)
    async with admin_port(settings, works=False) as port:
        told = figures(await scrape(port))

    assert told["fairway_database_up", ()] == 1
    assert not any(name.startswith("fairway_deliveries_waiting") for name, _ in told)


async def test_when_the_database_is_away_that_is_said_and_nothing_old_is(fresh: str) -> None:
    database = await Database.connect(settings_for(fresh).database_url, size=1)
    state = State(True, database, None)
    await state.look()
    first = {family.name: family.samples for family in state.collect()}
    await database.close()
    state._looked_at = -math.inf

    await state.look()

    second = {family.name: family.samples for family in state.collect()}
    assert [sample.value for sample in first["fairway_database_up"]] == [1]
    assert "fairway_deliveries_waiting" in first
    assert [sample.value for sample in second["fairway_database_up"]] == [0]
    assert "fairway_deliveries_waiting" not in second


async def test_nobody_listens_unless_a_port_is_given_and_one_that_is_taken_is_named(fresh: str) -> None:
    async with admin_port(settings_for(fresh), works=False) as port:
        assert port == 0
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        with pytest.raises(UsageProblem, match=str(number)):
            async with admin_port(settings_for(fresh, metrics_port=number), works=False):
                pass
