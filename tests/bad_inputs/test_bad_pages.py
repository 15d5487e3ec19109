"""Lists that do not end, that leave orders out, and that are dated by another clock; numbers are those of our list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest
from paging_rig import Pages, PagingShop, catalog, pull

from connectors import discover
from core.errors import ChannelError
from core.flow import Flow, Response, encode
from core.usecases import pull_catalog, pull_orders
from tests.usecases.usecase_rig import MUG, Rig


@pytest.fixture
def registry() -> dict[str, Any]:
    return {"woocommerce": PagingShop(discover()["woocommerce"])}


@pytest.fixture
def pages() -> Pages:
    return Pages()


@pytest.fixture
async def rig(fresh: str, make_hub: Callable[..., Any], clock: Any, pages: Pages) -> AsyncIterator[Rig]:
    admin = await asyncpg.connect(fresh)
    made = Rig(await make_hub(send=pages), clock, admin)
    await made.open()
    await made.counted(mug=20)
    yield made
    assert await made.violations() == {}
    await admin.close()


async def checkpoint(rig: Rig) -> datetime | None:
    found: datetime | None = await rig.admin.fetchval("SELECT finished_until FROM checkpoints")
    return found


async def stored(rig: Rig) -> set[str]:
    return {row["channel_order_id"] for row in await rig.admin.fetch("SELECT channel_order_id FROM orders")}


Numbers = Callable[[int], tuple[list[int], str]]  # what is on the n-th page, and the cursor of the next one

MAX_PAGES = 10
ENDLESS: list[Any] = [
    pytest.param(lambda n: ([n], "a"), 2, id="the-cursor-again"),
    pytest.param(lambda n: ([n], "ab"[n % 2]), 3, id="two-cursors-in-turn"),
    pytest.param(lambda n: ([n], str(n)), MAX_PAGES, id="ever-new-pages"),
    pytest.param(lambda n: ([1], str(n)), 2, id="the-page-again-under-new-cursors"),
]
EMPTY = pytest.param(lambda n: ([1] if n == 1 else [], str(n)), 2, id="empty-pages-that-have-a-next-one")


@pytest.mark.parametrize(("numbers", "pages_asked"), [*ENDLESS, EMPTY])
async def test_117_a_list_of_orders_without_an_end_is_left_and_the_checkpoint_stays(
    numbers: Numbers,
    pages_asked: int,
    *,
    rig: Rig,
    pages: Pages,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(pull_orders, "MAX_PAGES", MAX_PAGES)

    def page(number: int) -> tuple[list[Any], str]:
        found, following = numbers(number)
        return [rig.order(one, (MUG, 1)) for one in found], following

    pages.page = page
    ended = await pull(rig)
    await rig.drain()

    assert (ended, len(pages.asked)) == ("failed unexpected", pages_asked)
    assert await checkpoint(rig) is None
    assert "1" in await stored(rig)
    assert await rig.admin.fetchval("SELECT max(failures) FROM schedule WHERE kind = 'pull'") == 1
    assert "pull failed and is tried again" in caplog.messages


@pytest.mark.parametrize(("numbers", "pages_asked"), ENDLESS)
async def test_117_a_catalogue_without_an_end_is_left(
    numbers: Numbers, pages_asked: int, *, rig: Rig, pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull_catalog, "MAX_PAGES", MAX_PAGES)

    def page(number: int) -> tuple[list[str], str]:
        found, following = numbers(number)
        return [str(1000 + one) for one in found], following

    pages.page = page
    ended = await catalog(rig)

    assert (ended, len(pages.asked)) == ("failed unexpected", pages_asked)


async def test_117_a_page_of_a_catalogue_may_list_nothing_that_is_for_sale(rig: Rig, pages: Pages) -> None:
    pages.page = lambda n: ([], "2") if n == 1 else (["1001"], None)

    assert await catalog(rig) == "ok"
    assert await rig.admin.fetchval("SELECT count(*) FROM listings WHERE sku = 'SKU-1001'") == 1


FULL_PAGE = encode([{"id": number, "type": "variation"} for number in range(100)])


@pytest.mark.parametrize("list_of", ["variations", "webhooks"])
def test_117_a_list_within_a_conversation_that_gives_one_page_for_ever_is_left(list_of: str) -> None:
    woocommerce: Any = discover()["woocommerce"]
    if list_of == "variations":
        flow = woocommerce.pull_catalog(None)
        next(flow)
        flow.send(Response(200, {}, encode([{"id": 1, "type": "variable", "variations": [2]}])))
    else:
        flow = woocommerce.subscribe("https://hub.example", "secret", ["order.created"])
        next(flow)

    with pytest.raises(ChannelError, match="same page"):
        _send_again(flow, Response(200, {}, FULL_PAGE))


def _send_again(flow: Flow[Any], answer: Response) -> None:
    for _ in range(MAX_PAGES):
        flow.send(answer)


async def test_118_an_order_that_a_list_leaves_out_is_not_taken_for_deleted(rig: Rig, pages: Pages) -> None:
    at = rig.clock()
    pages.orders = [(at, rig.order(number, (MUG, 1))) for number in (1, 2, 3)]
    await pull(rig)
    await rig.drain()
    rig.clock.forward(minutes=5)

    pages.orders = pages.orders[:1]
    first = await pull(rig)
    pages.orders = []
    rig.clock.forward(minutes=5)
    second = await pull(rig)
    await rig.drain()

    assert (first, second) == ("ok", "ok")
    assert await stored(rig) == {"1", "2", "3"}
    assert await rig.admin.fetchval("SELECT count(*) FROM orders WHERE gone_at IS NOT NULL") == 0
    assert await rig.stock() == (20, 3)


@pytest.mark.parametrize("slow_min", [-60, 0, 2, 10, 25, 120])
async def test_119_a_change_dated_by_a_clock_that_is_slow_is_found_all_the_same(
    slow_min: int, rig: Rig, pages: Pages
) -> None:
    def theirs() -> datetime:
        now: datetime = rig.clock()
        return now - timedelta(minutes=slow_min)

    pages.date = theirs
    assert await pull(rig) == "ok"
    rig.clock.forward(minutes=1)
    pages.orders = [(theirs(), rig.order(1, (MUG, 1)))]

    for _ in range(max(1, -slow_min // 5)):
        rig.clock.forward(minutes=5)
        assert await pull(rig) == "ok"
    await rig.drain()

    assert await stored(rig) == {"1"}


async def test_119_a_change_dated_by_a_clock_that_was_set_back_is_found_all_the_same(
    rig: Rig, pages: Pages
) -> None:
    pages.date = rig.clock
    await pull(rig)
    before = await checkpoint(rig)
    pages.date = lambda: rig.clock() - timedelta(minutes=45)
    rig.clock.forward(minutes=1)
    pages.orders = [(rig.clock() - timedelta(minutes=45), rig.order(1, (MUG, 1)))]

    for _ in range(2):
        rig.clock.forward(minutes=5)
        assert await pull(rig) == "ok"
    await rig.drain()

    assert await stored(rig) == {"1"}
    assert before is not None
    assert await checkpoint(rig) == before


@pytest.mark.parametrize(
    "date", ["", "soon", "Tue, 24 Nov 2026 11:59:00 -0000", "Thu, 01 Jan 1970 00:00:00 GMT"]
)
async def test_119_a_date_that_nobody_can_mean_moves_no_checkpoint(date: str, rig: Rig, pages: Pages) -> None:
    pages.date = lambda: date

    assert await pull(rig) == "ok"
    assert await checkpoint(rig) == rig.clock()
