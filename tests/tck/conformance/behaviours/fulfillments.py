"""Telling a channel what was shipped: it is there, exactly once, whichever answer was lost."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from conformance.behaviour import silver_channel
from conformance.conversations import ordered, shipped
from conformance.kit import NOW, ChannelKit
from conformance.wire import value_or_error
from core.connector import PushesFulfillments, PushesTracking
from core.errors import ChannelError, ErrorCode
from core.flow import Flow
from core.model.fulfillment import FulfillmentPush, FulfillmentPushed, TrackingPush
from core.model.tracking import TrackingStatus

MOST_REQUESTS = 16  # of telling one shipment


ship_behaviour = partial(silver_channel, needs=(PushesFulfillments,))


def flow(kit: ChannelKit, push: FulfillmentPush) -> Flow[FulfillmentPushed]:
    assert isinstance(kit.connector, PushesFulfillments)
    return kit.connector.push_fulfillment(push)


async def tell(kit: ChannelKit, shop: Any, push: FulfillmentPush) -> FulfillmentPushed:
    found = await shop.wire.run(flow(kit, push))
    assert isinstance(found, FulfillmentPushed)
    return found


@ship_behaviour(
    "ship-arrives", "A shipment is at the channel with its tracking number, and the order is shipped there."
)
async def arrives(kit: ChannelKit) -> None:
    async with kit.open() as shop:
        order = await ordered(kit, shop, shop.sell(quantity=3))
        assert order.lines[0].quantity_open == 3
        told = await tell(kit, shop, shipped(order, "JD014600"))
        assert not told.repeated
        assert shop.told_of(order.channel_order_id, "JD014600") == 1
        after = await ordered(kit, shop, order.channel_order_id)
        assert after.lines[0].quantity_open == 0


@ship_behaviour("ship-repeated", "A shipment told again is found there, said to be, and not told twice.")
async def repeated(kit: ChannelKit) -> None:
    async with kit.open() as shop:
        order = await ordered(kit, shop, shop.sell(quantity=2))
        first = await tell(kit, shop, shipped(order, "JD014600"))
        again = await tell(kit, shop, shipped(order, "JD014600", look_first=True))
        assert again.repeated
        assert again.channel_fulfillment_ids == first.channel_fulfillment_ids
        assert shop.told_of(order.channel_order_id, "JD014600") == 1


@ship_behaviour(
    "ship-lost-answer", "Whichever answer is lost, telling again leaves each parcel there exactly once."
)
async def lost_answer(kit: ChannelKit) -> None:
    for numbers in ((), ("JD014600",), ("JD014600", "JD014601")):
        for place in range(MOST_REQUESTS):
            async with kit.open() as shop:
                order = await ordered(kit, shop, shop.sell(quantity=2))
                before = len(shop.wire.sent)
                await shop.wire.run_losing(place, flow(kit, shipped(order, *numbers)))
                ended = len(shop.wire.sent) - before <= place
                await tell(kit, shop, shipped(order, *numbers, look_first=True))
                for number in numbers:
                    assert shop.told_of(order.channel_order_id, number) == 1, f"answer {place} lost"
                after = await ordered(kit, shop, order.channel_order_id)
                assert after.lines[0].quantity_open == 0, f"answer {place} lost"
                if ended:
                    break
        else:
            raise AssertionError("telling one shipment does not end")


@ship_behaviour(
    "ship-partial",
    "A part of an order ships without the rest, and a second parcel is not taken for the first.",
)
async def in_parts(kit: ChannelKit) -> None:
    async with kit.open() as shop:
        order = await ordered(kit, shop, shop.sell(quantity=3))
        await tell(kit, shop, shipped(order, "JD014600", units=1, completes=False))
        between = await ordered(kit, shop, order.channel_order_id)
        assert between.lines[0].quantity_open > 0
        await tell(kit, shop, shipped(order, "JD014601", units=2, look_first=True))
        for number in ("JD014600", "JD014601"):
            assert shop.told_of(order.channel_order_id, number) == 1
        after = await ordered(kit, shop, order.channel_order_id)
        assert after.lines[0].quantity_open == 0


@ship_behaviour(
    "ship-too-many", "More units than the order has are refused in words, and nothing is shipped."
)
async def too_many(kit: ChannelKit) -> None:
    async with kit.open() as shop:
        order = await ordered(kit, shop, shop.sell(quantity=2))
        found = await value_or_error(shop.wire, flow(kit, shipped(order, "JD014600", units=3)))
        assert isinstance(found, ChannelError)
        assert found.code is ErrorCode.REJECTED
        assert found.message
        assert shop.told_of(order.channel_order_id, "JD014600") == 0


@ship_behaviour(
    "ship-cancelled", "Goods of an order that was cancelled are refused in words, and nothing is shipped."
)
async def cancelled(kit: ChannelKit) -> None:
    async with kit.open() as shop:
        order = await ordered(kit, shop, shop.sell(quantity=2))
        shop.cancel(order.channel_order_id)
        found = await value_or_error(shop.wire, flow(kit, shipped(order, "JD014600")))
        assert isinstance(found, ChannelError)
        assert found.code is ErrorCode.REJECTED
        assert found.message
        assert shop.told_of(order.channel_order_id, "JD014600") == 0


@ship_behaviour("ship-unknown-order", "A shipment of an order that is not there is told so.")
async def unknown_order(kit: ChannelKit) -> None:
    async with kit.open() as shop:
        order = await ordered(kit, shop, shop.sell())
        nobody = shipped(order, "JD014600").model_copy(update={"channel_order_id": shop.missing_order})
        for push in (nobody, nobody.model_copy(update={"look_first": True})):
            found = await value_or_error(shop.wire, flow(kit, push))
            assert isinstance(found, ChannelError)
            assert found.code is ErrorCode.NOT_FOUND


@ship_behaviour(
    "ship-without-number", "Goods that left without a tracking number complete the order all the same."
)
async def without_number(kit: ChannelKit) -> None:
    async with kit.open() as shop:
        order = await ordered(kit, shop, shop.sell(quantity=2))
        await tell(kit, shop, shipped(order))
        after = await ordered(kit, shop, order.channel_order_id)
        assert after.lines[0].quantity_open == 0


way_behaviour = partial(silver_channel, needs=(PushesFulfillments, PushesTracking))


async def moved(
    kit: ChannelKit, shop: Any, status: TrackingStatus = TrackingStatus.IN_TRANSIT
) -> Callable[..., Flow[None]]:
    """How the channel is told that the parcel of an order that was shipped is where *status* says."""
    assert isinstance(kit.connector, PushesTracking)
    order = await ordered(kit, shop, shop.sell())
    told = await tell(kit, shop, shipped(order, "JD014600"))
    push = TrackingPush(
        key=f"key {status}",
        channel_order_id=order.channel_order_id,
        channel_fulfillment_ids=told.channel_fulfillment_ids,
        tracking_number="JD014600",
        status=status,
        happened_at=NOW,
    )
    begin = kit.connector.push_tracking
    return lambda *, look_first=False: begin(push.model_copy(update={"look_first": look_first}))


@way_behaviour("way-once", "Where a parcel is, is told once, whichever answer is lost.")
async def told_once(kit: ChannelKit) -> None:
    for place in range(MOST_REQUESTS):
        async with kit.open() as shop:
            begin = await moved(kit, shop)
            before, noted = len(shop.wire.sent), shop.noted()
            await shop.wire.run_losing(place, begin())
            ended = len(shop.wire.sent) - before <= place
            await shop.wire.run(begin(look_first=True))
            assert shop.noted() == noted + 1, f"answer {place} lost"
            if ended:
                return
    raise AssertionError("telling where a parcel is does not end")


@way_behaviour("way-unknown", "A whereabouts that nobody knows is not told to the channel.")
async def unknown_way(kit: ChannelKit) -> None:
    async with kit.open() as shop:
        begin = await moved(kit, shop, TrackingStatus.UNKNOWN)
        before, noted = len(shop.wire.sent), shop.noted()
        await shop.wire.run(begin())
        assert all(one.request.reads for one in shop.wire.sent[before:])
        assert shop.noted() == noted
