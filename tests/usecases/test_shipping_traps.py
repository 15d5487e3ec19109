"""Traps on the way of a parcel: each of these once lost, doubled or delayed what a channel or a buyer had to know."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from effects_rig import POST, Carrier, Shop, World, allow_shipments, link_carrier, tell
from test_apply_tracking import call_back
from test_ship_order import ship
from usecase_rig import MUG, TEA, Rig

from connectors import discover
from connectors.shopify.fulfillments import _ours
from core.connector import Account
from core.errors import ChannelError, ErrorCode, UsageProblem
from core.flow import decode
from core.model.fulfillment import FulfillmentPush, LineQuantity, Parcel
from core.model.order import LineKind
from core.store import connections, outbox, schedule
from core.usecases import push_effects
from core.usecases.link_account import link_account
from core.usecases.ship_order import Box, ship_order


@pytest.fixture
def registry() -> dict[str, Any]:
    return {"woocommerce": Shop(discover()["woocommerce"]), POST: Carrier()}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def rig(fresh: str, make_hub: Callable[..., Any], clock: Any, world: World) -> AsyncIterator[Rig]:
    """Thirty orders of 3 mugs and 2 teas each."""
    admin = await asyncpg.connect(fresh)
    made = Rig(await make_hub(send=world), clock, admin)
    await made.open()
    await made.counted(mug=500, tea=100)
    await made.deliver(*(made.order(number, (MUG, 3), (TEA, 2)) for number in range(1, 31)))
    await made.drain()
    await allow_shipments(made, made.first)
    yield made
    assert await made.violations() == {}
    await admin.close()


async def ask_again(rig: Rig, kind: str) -> None:
    """A person has refused effects of *kind* told once more."""
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        rows = await tx.fetch("SELECT effect_id FROM outbox WHERE kind = $1", kind)
        concerned = await outbox.ask_again(
            tx, rig.merchant_id, [row["effect_id"] for row in rows], rig.clock()
        )
        await schedule.ring(tx, "effect", [(rig.merchant_id, one) for one in concerned], rig.clock())


async def link_first_again(rig: Rig) -> None:
    """The first shop, whose keys were refused, gets new ones."""
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        linked = await connections.linked(tx, rig.merchant_id, rig.first)

    def check_account() -> Any:
        yield from ()
        return Account(linked.account, linked.account)

    rig.hub.registry["woocommerce"].check_account = check_account  # type: ignore[method-assign]
    await link_account(
        rig.hub,
        merchant="Mia",
        channel="woocommerce",
        name="again",
        settings=dict(linked.settings),
        credentials={"consumer_key": "new", "consumer_secret": "new"},
    )


async def test_a_wish_behind_one_that_waits_does_not_make_its_connection_run_hot(
    rig: Rig, world: World
) -> None:
    await ship(rig, 1, Box("UPS", "N1"), units={"71": 1})
    await ship(rig, 1, Box("UPS", "N2"), units={"71": 1})
    world.refuse = [500]
    await tell(rig)  # the first is unknown and waits; the second stands behind it
    runs = 0
    while runs < 20 and await tell(rig):
        runs += 1
    assert runs == 0, f"{runs} runs at one instant, nothing told by any: {world.asked}"


async def test_a_carrier_linked_after_the_parcel_left_follows_it(rig: Rig, world: World) -> None:
    await ship(rig)
    await link_account(
        rig.hub,
        merchant="Mia",
        channel=POST,
        name="Pigeon",
        settings={"base_url": "https://pigeon.example"},
        credentials={},
    )
    await tell(rig)
    assert [row["number"] for row in world.trackers] == ["1Z999AA1"]


async def test_a_parcel_that_left_while_the_carrier_wanted_new_keys_is_followed_later(
    rig: Rig, world: World
) -> None:
    rig.carrier = await link_carrier(rig)
    await rig.admin.execute(
        "UPDATE connections SET status = 'reauth_required' WHERE connection_id = $1", rig.carrier
    )
    await ship(rig)
    await rig.admin.execute("UPDATE connections SET status = 'active' WHERE connection_id = $1", rig.carrier)
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        await schedule.ring(tx, "effect", [(rig.merchant_id, rig.carrier)], rig.clock())
    await tell(rig)
    assert [row["number"] for row in world.trackers] == ["1Z999AA1"]


async def test_the_second_order_in_a_parcel_on_its_way_hears_where_it_is(rig: Rig, world: World) -> None:
    rig.carrier = await link_carrier(rig)
    await ship(rig, 1)
    await tell(rig)
    await rig.drain()
    await call_back(rig, ["2026-11-24T13:00:00+00:00", "delivered"])
    await rig.drain()
    await tell(rig)
    await ship(rig, 2)
    for _ in range(3):
        rig.clock.forward(seconds=5)
        await tell(rig)
        await rig.drain()
    assert [(row["to"], row["status"]) for row in world.ways] == [
        ("id-0", "delivered"),
        ("id-1", "delivered"),
    ]


async def test_two_spellings_of_a_carrier_do_not_lose_what_it_says(rig: Rig, world: World) -> None:
    rig.carrier = await link_carrier(rig)
    await ship(rig, 1, Box("DHL", "N1"))
    await ship(rig, 2, Box("DHL Paket", "N1"))
    await tell(rig)
    await rig.drain()
    await call_back(rig, ["2026-11-24T13:00:00+00:00", "in_transit"], number="N1", carrier="DHLPaket")
    await rig.drain()
    rows = await rig.admin.fetch("SELECT carrier, status FROM parcels ORDER BY parcel_id")
    assert [row["status"] for row in rows] == ["in_transit"] * len(rows)


async def test_what_was_seen_under_a_reused_number_a_year_ago_says_nothing(rig: Rig, world: World) -> None:
    rig.carrier = await link_carrier(rig)
    await ship(rig)
    await tell(rig)
    await rig.drain()
    await call_back(rig, ["2025-10-01T13:00:00+00:00", "delivered"])
    await rig.drain()
    await tell(rig)
    assert await rig.admin.fetchval("SELECT status FROM parcels") == "pending"
    assert world.ways == []


async def test_an_edit_at_the_channel_after_shipping_is_no_violation(rig: Rig, world: World) -> None:
    await ship(rig, 1)
    await rig.deliver(rig.order(1, (MUG, 1), (TEA, 2), minute=5))
    await rig.drain()
    assert await rig.violations() == {}
    row = await rig.admin.fetchrow(
        "SELECT quantity, quantity_fulfilled FROM order_lines WHERE line_id='71' AND order_id=$1",
        (await rig.stored(1))["order_id"],
    )
    assert row["quantity_fulfilled"] == 3, dict(row)


@pytest.mark.parametrize("status", ["pending", "checkout-draft"])
async def test_an_order_that_is_not_to_ship_yet_does_not(rig: Rig, world: World, status: str) -> None:
    await rig.deliver(rig.order(99, (MUG, 1), status=status, date_paid_gmt=None))
    await rig.drain()
    with pytest.raises(UsageProblem):
        await ship(rig, 99)


class Died(BaseException):
    """The worker's process is gone."""


async def test_one_wish_that_kills_its_worker_takes_no_others_with_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 6):
        await ship(rig, number, Box("UPS", f"N{number}"))
    poison = await rig.admin.fetchval("SELECT min(fulfillment_id) FROM fulfillments")
    real = push_effects._write_back

    async def die(hub: Any, lease: Any, account: Any, answers: Any) -> None:
        if any(answer.claimed.subject_id == poison for answer in answers):
            raise Died  # before it can say how anything ended
        await real(hub, lease, account, answers)

    with monkeypatch.context() as patched:
        patched.setattr(push_effects, "_write_back", die)
        for _ in range(8):
            with contextlib.suppress(Died):
                await tell(rig)
            await rig.admin.execute("UPDATE schedule SET lease_until = '-infinity'")
            rig.clock.forward(seconds=60)
    await tell(rig)

    rows = await rig.admin.fetch("SELECT status FROM outbox WHERE kind = 'fulfillment' ORDER BY effect_id")
    assert [row["status"] for row in rows] == ["rejected", "done", "done", "done", "done"]


async def test_two_parts_of_one_order_in_one_parcel_are_both_told(rig: Rig, world: World) -> None:
    there = {
        "id": "gid://shopify/Fulfillment/1",
        "status": "SUCCESS",
        "trackingInfo": [{"number": "N1"}],
        "fulfillmentLineItems": {
            "nodes": [{"quantity": 1, "lineItem": {"id": "gid://shopify/LineItem/71"}}],
            "pageInfo": {"hasNextPage": False},
        },
    }
    push = FulfillmentPush(
        key="k",
        channel_order_id="9",
        lines=(LineQuantity(line_id="71", quantity=1),),
        parcels=(Parcel(carrier="UPS", tracking_number="N1"),),
        shipped_at=rig.clock(),
        completes=True,
        others=("1",),
    )
    # The first wish had made fulfillment 1; this one, {71: 1} in N1, is another unit.
    ids, missing = _ours(push, {"fulfillments": [there]})
    assert missing == Counter({"71": 1}), (ids, missing)
    await ship(rig, 1, units={"71": 1})
    await tell(rig)
    again = await ship(rig, 1, units={"71": 2})
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        found = await outbox.fulfillment_subjects(tx, rig.merchant_id, [again.fulfillment_id])
    assert found[again.fulfillment_id]["others"] == ["id-0"]


async def test_a_line_that_needs_no_parcel_goes_into_none_and_keeps_no_order_open(
    rig: Rig, world: World
) -> None:
    shop = rig.hub.registry["woocommerce"]
    read = shop._like.read

    class Like:
        def read(self, delivery: Any, overrides: Any) -> Any:
            reading = read(delivery, overrides)
            order = reading.order
            lines = tuple(
                x.model_copy(update={"kind": LineKind.TIP}) if x.sku == TEA else x for x in order.lines
            )
            return reading.__class__(order.model_copy(update={"lines": lines}))

    shop._like = Like()
    await rig.deliver(rig.order(98, (MUG, 1), (TEA, 1)))
    await rig.drain()
    await ship(rig, 98)
    await tell(rig)
    assert world.shipments[-1]["units"] == {"71": 1}  # Shopify has no work for a tip, and refuses all of it
    assert world.shipments[-1]["completes"]


async def test_an_old_refusal_does_not_pause_an_account_that_was_linked_again(rig: Rig, world: World) -> None:
    await ship(rig)

    async def refused_after_it_was_linked_again(*call: Any) -> Any:
        # Another worker has paused the connection and a person linked it again while this call was on its way.
        await rig.admin.execute(
            "UPDATE connections SET status = 'reauth_required' WHERE connection_id = $1", rig.first
        )
        await link_first_again(rig)
        rig.hub.send = world
        world.refuse = [401]
        return await world(*call)

    rig.hub.send = refused_after_it_was_linked_again
    await tell(rig)
    status = await rig.admin.fetchval("SELECT status FROM connections WHERE connection_id = $1", rig.first)
    rig.clock.forward(seconds=60)
    await tell(rig)

    assert status == "active"
    assert len(world.shipments) == 1


async def test_a_word_refused_while_its_parcel_was_refused_is_told_once_the_parcel_is(
    rig: Rig, world: World
) -> None:
    rig.carrier = await link_carrier(rig)
    world.refuse = [422, 422]
    await ship(rig)
    await tell(rig)
    world.refuse = []
    await ask_again(rig, "tracker")
    await call_back(rig, ["2026-11-24T13:00:00+00:00", "delivered"])
    await rig.drain()
    await tell(rig)

    await ask_again(rig, "fulfillment")
    for _ in range(3):
        rig.clock.forward(seconds=5)
        await tell(rig)

    assert len(world.shipments) == 1
    assert [row["status"] for row in world.ways] == ["delivered"]


async def test_a_call_that_lands_after_its_deadline_is_not_made_again_before(rig: Rig, world: World) -> None:
    """The shop is slow: the call gave up after its deadline (9 s), the shop ends it 10 s later."""
    rig.hub.settings = replace(rig.hub.settings, lease_s=20.0, call_deadline_s=9.0)
    late: list[Any] = []
    started = None

    async def slow(method: str, url: str, headers: Any, body: Any) -> Any:
        nonlocal started
        if late and rig.clock() - started >= timedelta(seconds=10):
            world.shipments.append(late.pop())
        if method == "POST" and started is None:
            started = rig.clock()
            late.append(decode(body))
            raise ChannelError(ErrorCode.TIMEOUT, "slow")
        return await world(method, url, headers, body)

    rig.hub.send = slow
    await ship(rig)
    for _ in range(20):
        rig.clock.forward(seconds=3)
        await tell(rig)
    world.shipments += late  # it ends, whoever looks
    assert len(world.shipments) == 1


async def test_many_shipments_at_once_do_not_wait_for_each_other_for_ever(rig: Rig) -> None:
    ids = [
        row["order_id"] for row in await rig.admin.fetch("SELECT order_id FROM orders ORDER BY 1 LIMIT 25")
    ]
    rig.hub._accounts.clear()  # a process that has just started, or five seconds later
    await asyncio.gather(
        *(ship_order(rig.hub, rig.merchant_id, i, Box("UPS", f"P{i}"), cause="t") for i in ids)
    )
    assert await rig.admin.fetchval("SELECT count(*) FROM fulfillments") == 25
