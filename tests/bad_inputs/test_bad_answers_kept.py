"""What the hub keeps of bad answers: nothing under a wrong name, nothing twice, nothing dropped; numbers as in our list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from accounts_rig import Accounts
from bodies_rig import GOOD

from core.flow import Response, encode
from core.store import deliveries, schedule
from core.usecases.fetch_orders import fetch_orders, next_fetch
from core.usecases.lease import run_due
from core.usecases.relevel import relevel
from tests.usecases.usecase_rig import ITEMS, MUG, TEA, Rig, Shop

ASKED, OTHER = "501", "502"
GRAPHQL_ORDER: dict[str, Any] = {
    "__typename": "Order",
    "id": f"gid://shopify/Order/{OTHER}",
    "lineItems": {"nodes": [], "pageInfo": {"hasNextPage": False}},
}
ANOTHER_ORDER = {
    "shopify": {"data": {"order": GRAPHQL_ORDER}},
    "woocommerce": {**GOOD["woocommerce"], "id": int(OTHER)},
}


@dataclass
class World:
    """Answers every call with *value*."""

    value: Any = None
    asked: list[str] = field(default_factory=list)

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Response:
        self.asked.append(url)
        return Response(200, {"content-type": "application/json"}, encode(self.value))


@pytest.mark.parametrize("channel", ANOTHER_ORDER)
async def test_124_another_order_than_the_one_asked_for_is_an_error_and_is_stored_under_no_name(
    channel: str, fresh: str, make_hub: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    admin = await asyncpg.connect(fresh)
    world = World(ANOTHER_ORDER[channel])
    accounts = Accounts(await make_hub(send=world), admin)
    await accounts.open()
    await admin.execute("UPDATE schedule SET due_at = 'infinity'")
    where = (accounts.merchant_id, accounts.linked[channel])
    async with accounts.hub.database.transaction([accounts.merchant_id]) as tx:
        await schedule.ring(tx, "fetch", {where}, accounts.hub.clock())
        await deliveries.fetch_wanted(tx, [(*where, ASKED, "a test wants it")], accounts.hub.clock())

    assert await run_due(accounts.hub, "fetch", fetch_orders, next_fetch) == 1
    await accounts.drain()

    wanted = await admin.fetchrow("SELECT channel_order_id, attempts, next_at, last_error FROM fetches")
    assert wanted is not None
    assert (wanted["channel_order_id"], wanted["attempts"]) == (ASKED, 1)
    assert wanted["next_at"] > accounts.hub.clock()
    assert f"another thing than order {ASKED}" in wanted["last_error"]
    assert "an order could not be fetched" in caplog.messages
    assert [await accounts.count(table) for table in ("orders", "deliveries", "parked")] == [0, 0, 0]
    assert len(world.asked) == 1
    await admin.close()


@pytest.fixture
def shop() -> Shop:
    return Shop({ITEMS[MUG]: 100, ITEMS[TEA]: 0})


@pytest.fixture
async def rig(fresh: str, make_hub: Callable[..., Any], clock: Any, shop: Shop) -> AsyncIterator[Rig]:
    """Two shops that show the 100 mugs on the shelf, of which the second sold ten; stock is pushed to the first."""
    admin = await asyncpg.connect(fresh)
    made = Rig(await make_hub(send=shop), clock, admin)
    await made.open()
    await made.counted(mug=100)
    await made.shops_show(MUG, 100)
    await made.switch_push(made.first)
    await made.deliver(made.order(1, (MUG, 10)), connection=made.second)
    await made.drain()
    await relevel(made.hub)
    yield made
    assert await made.violations() == {}
    await admin.close()


SPOILED = {
    "108-a-page": Response(200, {"content-type": "text/html"}, b"<html>Log in</html>"),
    "108-nothing": Response(200, {}, b""),
    "108-other-json": Response(200, {}, b"{}"),
    "110-a-redirect": Response(302, {"location": "https://evil.example/"}, b""),
    "114-bad-gateway": Response(502, {}, b"<html>Bad Gateway</html>"),
    "114-gateway-timeout": Response(504, {}, b""),
}


@pytest.mark.parametrize("sold_meanwhile", [0, 3])
@pytest.mark.parametrize("spoiled", SPOILED.values(), ids=SPOILED)
async def test_a_write_with_a_spoiled_answer_is_unknown_and_is_looked_at_before_it_is_repeated(
    spoiled: Response, sold_meanwhile: int, *, rig: Rig, shop: Shop
) -> None:
    async def spoil(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        answer = await shop(method, url, headers, body)
        return answer if method == "GET" or len(shop.writes) > 1 else spoiled

    rig.hub.send = spoil
    await rig.push()
    outcomes = [row["outcome"] for row in await rig.admin.fetch("SELECT outcome FROM push_attempts")]
    shop.counts[ITEMS[MUG]] -= sold_meanwhile
    rig.clock.forward(minutes=20)
    await rig.push()

    level = await rig.level(rig.first)
    assert outcomes == ["unknown"]
    assert (level["maybe"], level["pending"]) == (None, False)
    assert level["confirmed"] == shop.counts[ITEMS[MUG]]
    if sold_meanwhile:
        # Whether the write or more buyers came first is not known: rather too few are for sale than too many.
        assert shop.counts[ITEMS[MUG]] <= 90 - sold_meanwhile
    else:
        assert (shop.writes, level["unseen"]) == ([{ITEMS[MUG]: 90}], 0)


@pytest.mark.parametrize(
    ("asked", "least_s", "most_s"),
    [
        ("0", 1, 1),
        ("-5", 1, 1),
        ("99999999", 900, 900),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 1, 900),
        ("NaN", 1, 900),
    ],
)
async def test_111_a_pause_is_never_shorter_than_a_second_nor_longer_than_a_quarter_of_an_hour(
    asked: str, least_s: float, most_s: float, *, rig: Rig
) -> None:
    async def throttle(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        return Response(429, {"retry-after": asked, "date": "Tue, 24 Nov 2026 12:00:00 GMT"}, b"")

    rig.hub.send = throttle
    await rig.push()

    due = await rig.admin.fetchrow(
        "SELECT due_at, failures FROM schedule WHERE kind = 'push' AND connection_id = $1", rig.first
    )
    assert due is not None
    assert timedelta(seconds=least_s) <= due["due_at"] - rig.clock() <= timedelta(seconds=most_s)
    assert due["failures"] == 0
    assert (await rig.level(rig.first))["pending"]
