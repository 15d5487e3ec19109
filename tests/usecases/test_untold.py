"""A shop that does not accept our credentials goes on selling what it shows: the others leave it those units."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from offers_rig import ITEMS, MUG, Bench, Market

from core.flow import Response, encode
from core.usecases.explain_listing import explain_listing
from core.usecases.link_account import link_account
from core.usecases.tally_sales import tally_sales


@dataclass
class Doors(Market):
    """A market of which some shops do not let us in."""

    closed: set[str] = field(default_factory=set)

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Response:
        if urlsplit(url).netloc.lower() in self.closed:
            return Response(
                401, {"content-type": "application/json"}, b'{"code": "woocommerce_rest_cannot_view"}'
            )
        if method == "GET" and "include" not in url:  # who is this?
            home = "https://Mia-one.example/wp-json/wc/v3/data/currencies/EUR"
            who = {"code": "EUR", "_links": {"self": [{"href": home}]}}
            return Response(200, {"content-type": "application/json"}, encode(who))
        return await super().__call__(method, url, headers, body)


@pytest.fixture
def doors() -> Doors:
    return Doors()


@pytest.fixture
async def bench(fresh: str, make_hub: Callable[..., Any], clock: Any, doors: Doors) -> AsyncIterator[Bench]:
    """Two shops that show 20 mugs; the first has just closed its door."""
    admin = await asyncpg.connect(fresh)
    made = Bench(await make_hub(send=doors), clock, admin, market=doors)
    await made.open_shops(["one", "two"])
    await made.counted(mug=20)
    await made.settle()
    await tally_sales(made.hub)
    doors.closed.add("mia-one.example")
    yield made
    assert await made.violations() == {}
    await admin.close()


def shown(bench: Bench) -> list[int]:
    return [bench.shop(connection).counts[ITEMS[MUG]] for connection in bench.shops]


async def sold_at_the_other(bench: Bench) -> None:
    """One more mug, and with it a try to tell the shop that is closed."""
    await bench.deliver(await bench.sell(bench.shops[1]), connection=bench.shops[1])
    await bench.drain()
    await bench.settle()


async def test_what_a_closed_shop_may_sell_is_left_to_it(bench: Bench) -> None:
    await sold_at_the_other(bench)

    closed, other = shown(bench)
    assert closed == 20
    assert 0 < other < 19  # of 19 that are free some are kept


async def test_a_few_are_left_to_a_shop_that_was_never_measured(bench: Bench) -> None:
    await bench.admin.execute("DELETE FROM measured_until")
    await sold_at_the_other(bench)

    closed, other = shown(bench)
    assert closed == 20
    assert 10 < other < 19


async def test_a_person_is_told_why_the_other_sells_less(bench: Bench) -> None:
    await sold_at_the_other(bench)

    [mug] = await explain_listing(bench.hub, MUG)
    steps = [step for level in mug.levels for step in level.steps]
    assert any("kept for a channel that cannot be told" in step for step in steps)


async def test_all_is_for_everybody_again_once_the_account_is_linked_again(
    bench: Bench, doors: Doors
) -> None:
    await sold_at_the_other(bench)
    doors.closed.clear()

    await link_account(
        bench.hub,
        merchant="Mia",
        channel="woocommerce",
        name="one",
        settings={"base_url": "https://mia-one.example"},
        credentials={"consumer_key": "ck", "consumer_secret": "cs"},
    )
    await bench.settle()

    assert shown(bench) == [19, 19]
