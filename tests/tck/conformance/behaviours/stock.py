"""Writing stock: it arrives, once, and no unit that was sold meanwhile is put back on the shelf."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from conformance.behaviour import silver_channel
from conformance.behaviours.catalog import catalog
from conformance.conversations import listing, wanted
from conformance.kit import ChannelKit
from core.connector import WritesStock
from core.flow import Flow
from core.model.inventory import StockWrite, StockWritten

MOST_REQUESTS = 12  # of writing one value


stock_behaviour = partial(silver_channel, needs=(WritesStock,))


def flow(kit: ChannelKit, writes: Sequence[StockWrite]) -> Flow[tuple[StockWritten, ...]]:
    assert isinstance(kit.connector, WritesStock)
    return kit.connector.push_stock(writes)


async def push(kit: ChannelKit, shop: Any, *writes: StockWrite) -> tuple[StockWritten, ...]:
    done: tuple[StockWritten, ...] = await shop.wire.run(flow(kit, writes))
    assert [one.channel_stock_id for one in done] == [one.channel_stock_id for one in writes]
    return done


@stock_behaviour("stock-reaches", "A written quantity is what the channel shows, up and down and to zero.")
async def reaches(kit: ChannelKit) -> None:
    async with kit.open() as shop:
        mug, predicted = await listing(kit, shop, "MUG"), 10
        for desired in (7, 12, 0, 1):
            (done,) = await push(kit, shop, wanted(mug, desired=desired, predicted=predicted))
            assert (done.error, done.written, done.unseen) == (None, desired, 0)
            assert shop.shown("MUG") == desired
            predicted = desired


@stock_behaviour(
    "stock-sold-before", "Units sold before the write, of which nobody has told us, are not put back."
)
async def sold_before(kit: ChannelKit) -> None:
    async with kit.open() as shop:
        mug = await listing(kit, shop, "MUG")
        shop.sell("MUG", 2)
        (done,) = await push(kit, shop, wanted(mug, desired=9, predicted=10))
        assert (done.error, done.written, done.unseen) == (None, 7, 2)
        assert shop.shown("MUG") == 7


@stock_behaviour(
    "stock-sold-between",
    "Units sold between looking and writing are not put back.",
    where=lambda manifest: manifest.compare_and_set,
)
async def sold_between(kit: ChannelKit) -> None:
    for place in range(MOST_REQUESTS):
        async with kit.open() as shop:
            mug = await listing(kit, shop, "MUG")
            asked_before = len(shop.wire.sent)

            def sell_one(shop: Any = shop, at: int = asked_before + place) -> None:
                if len(shop.wire.sent) == at:
                    shop.sell("MUG", 1)

            shop.wire.meanwhile = sell_one
            (done,) = await push(kit, shop, wanted(mug, desired=9, predicted=10))
            if len(shop.wire.sent) - asked_before <= place:
                return
            assert (done.error, done.written, done.unseen) == (None, 8, 1)
            assert shop.shown("MUG") == 8
    raise AssertionError("writing one value does not end")


@stock_behaviour(
    "stock-bad-item", "An item that is not there spoils no other one of the batch, and is told by name."
)
async def bad_item(kit: ChannelKit) -> None:
    async with kit.open() as shop:
        mug, lamp = await listing(kit, shop, "MUG"), await listing(kit, shop, "LAMP")
        gone = wanted(mug, desired=3, predicted=3).model_copy(update={"channel_stock_id": "987654321"})
        done = await push(
            kit, shop, wanted(mug, desired=4, predicted=10), gone, wanted(lamp, desired=5, predicted=100_000)
        )
        assert [one.error is None for one in done] == [True, False, True]
        assert done[1].message
        assert (shop.shown("MUG"), shop.shown("LAMP")) == (4, 5)


@stock_behaviour("stock-nonsense", "A wish that cannot be is refused in words, and nothing is written.")
async def nonsense(kit: ChannelKit) -> None:
    async with kit.open() as shop:
        mug = await listing(kit, shop, "MUG")
        odd = wanted(mug, desired=1, predicted=10)
        done = await push(
            kit,
            shop,
            wanted(mug, desired=-1, predicted=10),
            odd.model_copy(update={"channel_stock_id": "../1"}),
            odd.model_copy(update={"channel_stock_id": ""}),
        )
        assert all(one.error and one.message for one in done)
        assert shop.shown("MUG") == 10


@stock_behaviour(
    "stock-full-batch", "As many writes as the manifest allows go in one batch and have one outcome each."
)
async def full_batch(kit: ChannelKit) -> None:
    size = kit.connector.manifest.stock_batch
    assert size > 0
    async with kit.open(listed=size) as shop:
        items = [one for one in await catalog(kit, shop) if one.sku not in ("MUG", "LAMP")]
        done = await push(kit, shop, *(wanted(one, desired=3, predicted=10) for one in items))
        assert len(done) == size
        assert {(one.error, one.written) for one in done} == {(None, 3)}
        assert {shop.shown(one.sku or "") for one in items} == {3}


@stock_behaviour("stock-repeated", "The same write sent twice has its effect once.")
async def repeated(kit: ChannelKit) -> None:
    async with kit.open() as shop:
        write = wanted(await listing(kit, shop, "MUG"), desired=6, predicted=10)
        await push(kit, shop, write)
        (done,) = await push(kit, shop, write.model_copy(update={"maybe": 6}))
        assert (done.error, done.written, done.unseen) == (None, 6, 0)
        assert shop.shown("MUG") == 6


@stock_behaviour(
    "stock-lost-answer",
    "Whichever answer is lost, writing again leaves the right quantity and invents no sale.",
)
async def lost_answer(kit: ChannelKit) -> None:
    for place in range(MOST_REQUESTS):
        async with kit.open() as shop:
            write = wanted(await listing(kit, shop, "MUG"), desired=6, predicted=10)
            before = len(shop.wire.sent)
            await shop.wire.run_losing(place, flow(kit, [write]))
            ended = len(shop.wire.sent) - before <= place
            (done,) = await push(kit, shop, write.model_copy(update={"maybe": 6}))
            assert (done.error, done.written, done.unseen) == (None, 6, 0), f"answer {place} lost"
            assert shop.shown("MUG") == 6
            if ended:
                return
    raise AssertionError("writing one value does not end")


@stock_behaviour(
    "stock-lost-answer-sale", "Units sold while an answer was lost are not put back by writing again."
)
async def lost_answer_and_sale(kit: ChannelKit) -> None:
    for place in range(MOST_REQUESTS):
        async with kit.open() as shop:
            write = wanted(await listing(kit, shop, "MUG"), desired=6, predicted=10)
            before = len(shop.wire.sent)
            await shop.wire.run_losing(place, flow(kit, [write]))
            ended = len(shop.wire.sent) - before <= place
            shop.sell("MUG", 1)
            (done,) = await push(kit, shop, write.model_copy(update={"maybe": 6}))
            assert done.error is None
            assert shop.shown("MUG") <= 5, f"answer {place} lost"
            if ended:
                return
    raise AssertionError("writing one value does not end")


@stock_behaviour("stock-unmoved", "Where the channel already shows the wish, nothing is changed.")
async def unmoved(kit: ChannelKit) -> None:
    async with kit.open() as shop:
        mug = await listing(kit, shop, "MUG")
        (done,) = await push(kit, shop, wanted(mug, desired=10, predicted=10))
        assert (done.error, done.written, done.unseen) == (None, 10, 0)
        assert shop.shown("MUG") == 10


@stock_behaviour("stock-says-so", "The request that changes a count is marked as one that does.")
async def says_so(kit: ChannelKit) -> None:
    async with kit.open() as shop:
        mug = await listing(kit, shop, "MUG")
        before, shown = len(shop.wire.sent), []
        shop.wire.meanwhile = lambda: shown.append(shop.shown("MUG"))
        await push(kit, shop, wanted(mug, desired=6, predicted=10))
        shown.append(shop.shown("MUG"))
        moves = zip(shop.wire.sent[before:], pairwise(shown), strict=True)
        changed = [one for one, (was, now) in moves if was != now]
        assert changed
        assert not any(one.request.reads for one in changed)
