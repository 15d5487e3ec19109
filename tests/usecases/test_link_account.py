"""An account that was paused is linked again: with new keys, under its old name, and nothing that waited is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
from effects_rig import POST, Carrier, Shop, World, allow_shipments, tell
from test_ship_order import ship
from usecase_rig import MUG, Rig

from connectors import discover
from core.connector import Connector
from core.errors import UsageProblem
from core.store import database, schedule
from core.usecases.link_account import NewLink, link_account


@pytest.fixture
def registry() -> dict[str, Any]:
    shop: Connector = discover()["woocommerce"]
    return {"woocommerce": Shop(shop), POST: Carrier()}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def rig(fresh: str, make_hub: Callable[..., Any], clock: Any, world: World) -> AsyncIterator[Rig]:
    admin = await asyncpg.connect(fresh)
    made = Rig(await make_hub(send=world), clock, admin)
    await made.open()
    await made.counted(mug=10)
    yield made
    assert await made.violations() == {}
    await admin.close()


async def link(rig: Rig, *, merchant: str = "Mia", name: str = "shop", **settings: str) -> NewLink:
    return await link_account(
        rig.hub,
        merchant=merchant,
        channel="woocommerce",
        name=name,
        settings={"base_url": "https://shop.example", **settings},
        credentials={"consumer_key": "k", "consumer_secret": "s"},
    )


async def test_what_waited_for_a_paused_account_is_told_once_it_is_linked_again(
    rig: Rig, world: World
) -> None:
    first = await link(rig)
    await allow_shipments(rig, first.connection_id)
    await rig.deliver(rig.order(1, (MUG, 1)), connection=first.connection_id)
    await rig.drain()
    world.refuse = [401]
    await ship(rig, 1)
    await tell(rig)
    paused = await rig.admin.fetchval(
        "SELECT status FROM connections WHERE connection_id = $1", first.connection_id
    )

    again = await link(rig, name="another name")
    await tell(rig)

    assert paused == "reauth_required"
    assert again.connection_id == first.connection_id
    assert len(world.shipments) == 1
    row = await rig.admin.fetchrow(
        "SELECT status, name FROM connections WHERE connection_id = $1", first.connection_id
    )
    assert row is not None
    assert tuple(row.values()) == ("active", "shop")
    assert (
        await rig.admin.fetchval("SELECT count(*) FROM hooks WHERE connection_id = $1", first.connection_id)
        == 2
    )


async def test_who_saw_no_answer_links_again_under_the_same_name_and_has_an_address_that_works(
    rig: Rig,
) -> None:
    first = await link(rig)

    again = await link(rig)

    assert again.connection_id == first.connection_id
    tokens = "SELECT count(*) FROM hooks WHERE connection_id = $1"
    assert await rig.admin.fetchval(tokens, first.connection_id) == 2
    assert again.token != first.token


@pytest.mark.undisturbed("a circle of locks has to be seen, not got over")
async def test_who_links_again_while_the_shop_is_read_back_waits_and_stands_in_nobodys_way(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "TRIES", 1)
    first = await link(rig)
    where = (first.merchant_id, first.connection_id)
    async with rig.hub.database.transaction([first.merchant_id]) as sweep:
        await schedule.hold(sweep, *where, "reconcile")
        linking = asyncio.create_task(link(rig))
        waits = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock')"
        while not await rig.admin.fetchval(waits):
            await asyncio.sleep(0.01)

        await schedule.hold(
            sweep, *where, "push"
        )  # as a sweep does: in a circle one of the two would be ended

    assert (await linking).connection_id == first.connection_id


async def test_an_account_that_works_is_linked_once(rig: Rig) -> None:
    await link(rig)

    with pytest.raises(UsageProblem, match="is linked already"):
        await link(rig, name="another name")


async def test_another_merchant_cannot_take_a_paused_account(rig: Rig) -> None:
    await link(rig)
    await rig.admin.execute("UPDATE connections SET status = 'reauth_required'")

    with pytest.raises(UsageProblem, match="is linked already"):
        await link(rig, merchant="Noa")


async def test_a_rate_that_is_no_number_is_refused_before_anything_is_asked(rig: Rig, world: World) -> None:
    world.asked.clear()

    with pytest.raises(UsageProblem, match="calls_per_s"):
        await link(rig, calls_per_s="fast")

    assert world.asked == []
