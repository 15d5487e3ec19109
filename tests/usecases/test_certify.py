"""For each closed hour, what a shop lists is compared with what is here; what is missing is fetched, and it heals."""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from usecase_rig import MUG, Rig

from core.errors import ChannelError, ErrorCode
from core.flow import Response, encode
from core.rules.certificates import SETTLING, WINDOW
from core.store import certificates
from core.usecases.certify import certify, next_certify
from core.usecases.fetch_orders import fetch_orders, next_fetch
from core.usecases.lease import run_due


@dataclass
class OrderShop:
    """The order side of a WooCommerce shop. *binned* are in no list; *away*: it does not answer."""

    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    binned: set[int] = field(default_factory=set)
    away: bool = False
    clock: Callable[[], datetime] | None = None
    lists: list[tuple[str, str]] = field(default_factory=list)
    fetched: list[int] = field(default_factory=list)

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Response:
        if self.away:
            raise ChannelError(ErrorCode.UNAVAILABLE, "the shop is away")
        parts = urlsplit(url)
        if found := re.search(r"/orders/(\d+)$", parts.path):
            self.fetched.append(int(found[1]))
            order = self.orders.get(int(found[1]))
            if order is None:
                return self._answer(
                    404, {"code": "woocommerce_rest_shop_order_invalid_id", "message": "Invalid ID."}
                )
            return self._answer(200, order)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert query["_fields"] == "id,date_modified_gmt"
        after, before = query["modified_after"], query["modified_before"]
        self.lists.append((after, before))
        rows = [
            {"id": number, "date_modified_gmt": order["date_modified_gmt"]}
            for number, order in self.orders.items()
            if after < order["date_modified_gmt"] < before and number not in self.binned
        ]
        return self._answer(200, sorted(rows, key=lambda row: str(row["date_modified_gmt"]))[:100])

    def _answer(self, status: int, value: Any) -> Response:
        headers = {"content-type": "application/json"}
        if self.clock:
            headers["date"] = format_datetime(self.clock(), usegmt=True)
        return Response(status, headers, encode(value))


@dataclass
class CertifyRig(Rig):
    shop: OrderShop = field(default_factory=OrderShop)

    def sell(self, number: int, minute: int, **more: Any) -> dict[str, Any]:
        """An order that the shop has, changed so many minutes after the link: it is that late now."""
        changed = self.opened_at + timedelta(minutes=minute)
        self.clock.now = max(self.clock.now, changed)
        self.shop.orders[number] = self.order(number, (MUG, 1), changed=changed, placed=changed, **more)
        return self.shop.orders[number]

    async def known(self, *orders: dict[str, Any]) -> None:
        await self.deliver(*orders)
        await self.drain()

    async def certify(self) -> None:
        """All that is due now of the first shop."""
        await self.admin.execute(
            "UPDATE schedule SET due_at = 'infinity' WHERE connection_id <> $1", self.first
        )
        while await run_due(self.hub, "certify", certify, next_certify):
            pass

    async def fetch(self) -> None:
        await run_due(self.hub, "fetch", fetch_orders, next_fetch)
        await self.drain()

    async def heal(self) -> None:
        """What was asked for is fetched, and the window is read again."""
        await self.fetch()
        self.clock.forward(seconds=31)
        await self.certify()

    async def windows(self) -> list[dict[str, Any]]:
        async with self.hub.database.transaction([self.merchant_id]) as tx:
            rows = await certificates.newest(tx, [self.merchant_id], self.first, 1000)
            return sorted(rows, key=lambda row: row["since"])

    async def window(self) -> dict[str, Any]:
        (found,) = await self.windows()
        return found

    async def due(self) -> Any:
        return await self.admin.fetchval(
            "SELECT due_at FROM schedule WHERE kind = 'certify' AND connection_id = $1", self.first
        )


@pytest.fixture
async def rig(fresh: str, make_hub: Callable[..., Any], clock: Any) -> AsyncIterator[CertifyRig]:
    admin = await asyncpg.connect(fresh)
    shop = OrderShop()
    made = CertifyRig(await make_hub(send=shop), clock, admin, shop=shop)
    await made.open()
    await made.counted(mug=100)
    yield made
    assert await made.violations() == {}
    await admin.close()


async def test_an_hour_is_certified_once_it_is_closed_and_settled(rig: CertifyRig) -> None:
    await rig.known(rig.sell(1, minute=10), rig.sell(2, minute=59))
    rig.clock.now = rig.opened_at + WINDOW + SETTLING - timedelta(seconds=1)
    await rig.certify()
    before = await rig.windows()
    due = await rig.due()

    rig.clock.forward(seconds=1)
    await rig.certify()

    assert before == []
    assert due == rig.opened_at + WINDOW + SETTLING
    window = await rig.window()
    assert (window["since"], window["until"]) == (rig.opened_at, rig.opened_at + WINDOW)
    assert (window["status"], window["listed"], window["missing"]) == ("certified", 2, 0)
    assert rig.shop.fetched == []
    assert await rig.due() == due + WINDOW


async def test_an_order_that_never_came_is_fetched_and_the_hour_is_certified_again(rig: CertifyRig) -> None:
    await rig.known(rig.sell(1, minute=10))
    rig.sell(2, minute=20)
    rig.clock.now = rig.opened_at + WINDOW + SETTLING
    await rig.certify()
    seen = await rig.window()

    await rig.heal()

    assert (seen["status"], seen["listed"], seen["missing"], seen["asked"]) == (
        "healing",
        2,
        1,
        {"2": "missing"},
    )
    assert rig.shop.fetched == [2]
    healed = await rig.window()
    assert (healed["status"], healed["missing"], healed["healed"], healed["looks"]) == ("certified", 0, 1, 2)
    assert (await rig.stored(2))["intake"] == "ship"


async def test_an_older_version_of_an_order_is_a_gap_too(rig: CertifyRig) -> None:
    await rig.known(rig.sell(1, minute=10))
    rig.sell(1, minute=30, status="completed")
    rig.clock.now = rig.opened_at + WINDOW + SETTLING
    await rig.certify()
    seen = await rig.window()

    await rig.heal()

    assert (seen["status"], seen["behind"], seen["asked"]) == ("healing", 1, {"1": "behind"})
    assert (await rig.window())["status"] == "certified"
    assert (await rig.stored(1))["channel_status"] == "completed"


async def test_an_order_that_moved_on_after_the_hour_makes_no_gap(rig: CertifyRig) -> None:
    await rig.known(rig.sell(1, minute=10))
    await rig.known(rig.sell(1, minute=65, status="completed"))  # known here
    await rig.known(rig.sell(2, minute=20))
    rig.sell(2, minute=70, status="completed")  # not known here yet: by our word it is of the first hour
    rig.clock.now = rig.opened_at + WINDOW + SETTLING
    await rig.certify()
    seen = await rig.window()

    await rig.heal()

    assert (seen["status"], seen["missing"], seen["asked"]) == ("healing", 0, {"2": "unlisted"})
    after = await rig.window()
    assert (after["status"], after["listed"], after["unlisted"], after["healed"]) == ("certified", 0, 0, 0)


async def test_an_order_that_is_gone_is_told_apart_from_one_in_the_bin(rig: CertifyRig) -> None:
    await rig.known(rig.sell(1, minute=10), rig.sell(2, minute=20), rig.sell(3, minute=30))
    del rig.shop.orders[1]
    rig.shop.binned.add(2)
    rig.clock.now = rig.opened_at + WINDOW + SETTLING
    await rig.certify()

    await rig.heal()

    window = await rig.window()
    assert (window["status"], window["listed"], window["gone"], window["unlisted"]) == ("certified", 1, 1, 1)
    assert sorted(rig.shop.fetched) == [1, 2]


async def test_what_cannot_be_understood_stays_a_gap_and_is_fetched_once(rig: CertifyRig) -> None:
    order = rig.sell(1, minute=10)
    order["line_items"] = "none"
    rig.clock.now = rig.opened_at + WINDOW + SETTLING
    await rig.certify()

    await rig.heal()
    await rig.heal()
    open_still = await rig.window()
    order["line_items"] = rig.sell(2, minute=11)["line_items"]
    await rig.known(order, rig.shop.orders[2])
    rig.clock.forward(hours=1)
    await rig.certify()

    assert (open_still["status"], open_still["missing"]) == ("gap", 1)
    assert rig.shop.fetched == [1]
    assert (await rig.windows())[0]["status"] == "certified"


async def test_a_hub_that_is_behind_asks_for_nothing_that_waits_here(rig: CertifyRig) -> None:
    rig.clock.now = rig.opened_at + WINDOW
    await rig.deliver(rig.sell(1, minute=10))
    rig.clock.forward(minutes=15)
    await rig.certify()
    seen = await rig.window()

    await rig.drain()
    await rig.heal()

    assert (seen["status"], seen["missing"], seen["asked"]) == ("healing", 1, {})
    assert rig.shop.fetched == []
    assert (await rig.window())["status"] == "certified"


async def test_no_hour_is_left_out_while_a_shop_is_away_or_an_hour_has_a_gap(rig: CertifyRig) -> None:
    await rig.known(rig.sell(1, minute=10))
    rig.sell(2, minute=10)["line_items"] = "none"
    rig.shop.away = True
    rig.clock.now = rig.opened_at + timedelta(hours=3)
    await rig.certify()
    away = await rig.windows()

    rig.shop.away = False
    rig.clock.now = rig.opened_at + timedelta(hours=49, minutes=20)
    for _ in range(5):  # the shop is not asked for all of it at once
        await rig.certify()
        await rig.heal()
        rig.clock.forward(minutes=5)

    assert away == []
    found = await rig.windows()
    assert [row["status"] for row in found] == ["gap"] + ["certified"] * 48
    assert all(one["until"] == two["since"] for one, two in itertools.pairwise(found))
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        (said,) = await certificates.summary(tx, [rig.merchant_id])
    assert (said["windows"], said["gaps"], said["certified_until"]) == (49, 1, rig.opened_at)


async def test_an_hour_is_closed_by_the_clock_of_the_shop(rig: CertifyRig) -> None:
    rig.shop.clock = lambda: rig.clock() - timedelta(minutes=20)
    rig.clock.now = rig.opened_at + WINDOW + SETTLING
    await rig.certify()
    early = await rig.windows()

    rig.clock.forward(minutes=20)
    await rig.certify()

    assert early == []
    assert (await rig.window())["status"] == "certified"
