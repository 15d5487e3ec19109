"""Bad contents that are orders all the same, drained on a real database: what is stored, reserved and logged."""

from __future__ import annotations

import io
import json
import logging
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from console.cli.orders import open_document
from core import log as core_log
from core.flow import decode
from core.model.inventory import ListingSeen
from core.model.order import Order
from core.store import deliveries, listings
from core.store.deliveries import Incoming
from core.usecases.count_stock import Counted, count_stock
from mappings.transforms import MAX_TEXT
from tests.usecases.usecase_rig import MUG, Rig

HOSTILE = [
    pytest.param("<script>alert(1)</script>", id="70-a-script"),
    pytest.param("{{7*7}} ${7*7} <%= 7*7 %>", id="70-templates"),
    pytest.param("${jndi:ldap://127.0.0.1/a}", id="70-a-lookup"),
    pytest.param("%n%s%x {0} {a.__class__}", id="70-formats"),
    pytest.param("'; DROP TABLE orders; --", id="70-sql"),
    pytest.param("=cmd|' /C calc'!A0", id="70-a-spreadsheet-formula"),
    pytest.param("a\r\nlevel: error\x1b[31m", id="71-line-breaks-and-terminal-codes"),
    pytest.param("a\u2028b\u2029c\x85d", id="71-unicode-line-breaks"),
    pytest.param("\u202eevil\u202c \u2066x\u2069", id="71-right-to-left"),
]


@pytest.fixture
async def rig(fresh: str, make_hub: Callable[..., Any], clock: Any) -> AsyncIterator[Rig]:
    admin = await asyncpg.connect(fresh)
    made = Rig(await make_hub(), clock, admin)
    await made.open()
    await made.counted(mug=20)
    yield made
    assert await made.violations() == {}
    await admin.close()


@contextmanager
def logged() -> Iterator[list[str]]:
    """What our log writes meanwhile, as lines of text."""
    out = io.StringIO()
    lines: list[str] = []
    handler = logging.StreamHandler(out)
    handler.setFormatter(core_log._Lines())
    ours = logging.getLogger("fairway")
    level = ours.level
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        ours.removeHandler(handler)
        ours.setLevel(level)
        lines += out.getvalue().split("\n")[:-1]


async def document(rig: Rig, number: int) -> Order:
    """A stored order out of its seal."""
    row = await rig.stored(number)
    account = await rig.hub.account(row["merchant_id"], row["connection_id"])
    return Order.model_validate(open_document(account, row["document"], dict(row)))


def named(rig: Rig, name: str, *lines: tuple[str, int], **more: Any) -> dict[str, Any]:
    """An order whose buyer, note and first title are *name*."""
    payload = rig.order(1, *(lines or ((MUG, 2),)), **more)
    payload["billing"] = payload["billing"] | {"first_name": name, "last_name": ""}
    payload["customer_note"] = name
    payload["line_items"][0]["name"] = name
    return payload


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_text_is_stored_as_it_is_and_logged_on_one_line(name: str, rig: Rig) -> None:
    with logged() as lines:
        await rig.deliver(named(rig, name))
        await rig.drain()
        core_log.get_log("test").warning("seen: %s", name, extra={"fields": {"name": name}})

    order = await document(rig, 1)
    assert (order.buyer_note, order.lines[0].title) == (name.strip(), name)
    assert order.customer is not None
    assert order.customer.name == name
    assert await rig.stock() == (20, 2)
    assert lines
    for line in lines:
        assert isinstance(decode(line.encode()), dict)
        assert not any(char in line for char in "\r\x1b\u2028\u2029\x85\u202e\u2066")


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        pytest.param("M\x00ia", "Mia", id="65-NUL-is-dropped"),
        pytest.param("M\ud800ia", "M\ufffdia", id="66-half-a-character-is-replaced"),
    ],
)
async def test_a_text_that_no_database_takes_is_repaired_and_flagged(
    name: str, stored: str, rig: Rig
) -> None:
    await _deliver_bytes(rig, json.dumps(named(rig, name)).encode())  # escaped, as channels write it
    await rig.drain()

    order = await document(rig, 1)
    assert order.buyer_note == stored
    assert "text_repaired" in order.flags


async def _deliver_bytes(rig: Rig, body: bytes) -> None:
    account = await rig.hub.account(rig.merchant_id, rig.first)
    key = deliveries.dedupe_key(rig.first, "order.updated", body)
    sealed = account.box.seal(body, deliveries.body_owner(rig.first, key))
    row = Incoming(rig.merchant_id, rig.first, "order.updated", "webhook", key, sealed, {}, rig.clock())
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        await deliveries.add(tx, [row])


async def test_69_a_name_of_a_megabyte_and_an_endless_address_are_capped(rig: Rig) -> None:
    payload = named(rig, "x" * 1_000_000)
    payload["shipping"] = payload["shipping"] | {"address_1": "line\n" * 4_000}

    await rig.deliver(payload)
    await rig.drain()

    order = await document(rig, 1)
    assert len(order.lines[0].title) == MAX_TEXT
    assert order.shipping_address is not None
    assert len(order.shipping_address.line1 or "") <= MAX_TEXT
    assert await rig.stock() == (20, 2)


async def test_62_5000_lines_are_stored_and_reserved_and_5001_are_parked(rig: Rig) -> None:
    await rig.counted(mug=9_000)

    await rig.deliver(rig.order(1, *[(MUG, 1)] * 5_000), rig.order(2, *[(MUG, 1)] * 5_001))
    await rig.drain()

    assert await rig.stock() == (9_000, 5_000)
    assert await rig.admin.fetchval("SELECT count(*) FROM order_lines") == 5_000
    assert await rig.admin.fetchval("SELECT count(*) FROM parked") == 1


async def test_62_a_line_id_given_twice_reserves_both_lines_and_holds_the_order(rig: Rig) -> None:
    payload = rig.order(1, (MUG, 2), (MUG, 3))
    payload["line_items"][1]["id"] = payload["line_items"][0]["id"]

    await rig.deliver(payload)
    await rig.drain()

    assert await rig.stock() == (20, 5)
    assert "duplicate_line" in await rig.holds(1)


async def test_61_a_line_of_zero_units_moves_no_stock(rig: Rig) -> None:
    await rig.deliver(rig.order(1, (MUG, 0)))
    await rig.drain()

    assert await rig.stock() == (20, 0)
    assert await rig.holds(1) == set()


NEAR = "CAF\u00c9-K"
NEAR_MISSES = [
    pytest.param("\uff23AF\u00c9-K", id="68-fullwidth"),
    pytest.param("caf\u00e9-k", id="68-case"),
    pytest.param("CAF\u00c9-K\u200d", id="68-zero-width-joiner"),
    pytest.param("CAFE-K", id="68-no-accent"),
]


async def _near(rig: Rig, sku: str) -> set[str]:
    """The holds of an order for two of *sku*, where the shelf holds ten of `NEAR`."""
    seen = ListingSeen(channel_item_id="77", channel_stock_id="77", sku=NEAR, title="Coffee")
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        await listings.put_listings(tx, rig.merchant_id, rig.first, [seen], rig.clock())
        await listings.match_by_sku(tx, rig.merchant_id, rig.first)
    await count_stock(rig.hub, rig.merchant_id, [Counted(NEAR, 10)], cause="a person")
    await rig.deliver(rig.order(1, (sku, 2)))
    await rig.drain()
    return await rig.holds(1)


@pytest.mark.parametrize("sku", NEAR_MISSES)
async def test_a_sku_that_only_looks_alike_is_never_merged_and_holds_the_order(sku: str, rig: Rig) -> None:
    holds = await _near(rig, sku)

    assert "unmapped_sku" in holds
    assert await rig.stock(NEAR) == (10, 0)


@pytest.mark.parametrize(
    "sku",
    [
        pytest.param(NEAR + "\u00a0", id="68-a-blank-behind-it"),
        pytest.param(unicodedata.normalize("NFD", NEAR), id="68-decomposed"),
        pytest.param("CAF\u00c9-\u212a", id="68-kelvin-sign-is-k-in-nfc"),
    ],
)
async def test_a_sku_written_with_other_bytes_for_the_same_text_is_that_sku(sku: str, rig: Rig) -> None:
    holds = await _near(rig, sku)

    assert holds == set()
    assert await rig.stock(NEAR) == (10, 2)


async def test_73_a_change_time_in_the_future_is_capped_and_flagged_and_blocks_no_later_one(rig: Rig) -> None:
    await rig.deliver(rig.order(1, (MUG, 1), changed=rig.clock() + timedelta(days=1)))
    await rig.drain()
    stored = await rig.stored(1)
    rig.clock.forward(hours=1)

    await rig.deliver(rig.order(1, (MUG, 4), changed=rig.clock() - timedelta(minutes=1)))
    await rig.drain()

    assert stored["changed_at"] <= stored["stored_at"] + timedelta(minutes=5)
    assert "changed_at_in_future" in stored["flags"]
    assert await rig.stock() == (20, 4)


async def test_74_without_a_change_time_the_sale_is_reserved_and_the_channel_is_asked(rig: Rig) -> None:
    await rig.deliver(rig.order(1, (MUG, 3), changed=None))
    await rig.drain()

    assert await rig.stock() == (20, 3)
    assert await rig.admin.fetchval("SELECT channel_order_id FROM fetches") == "1"


async def test_two_states_of_one_change_time_are_not_guessed_about_but_asked_for(rig: Rig) -> None:
    await rig.deliver(rig.order(1, (MUG, 3), minute=5), rig.order(1, (MUG, 4), minute=5))
    await rig.drain()

    assert await rig.admin.fetchval("SELECT channel_order_id FROM fetches") == "1"
    assert await rig.stock() in {(20, 3), (20, 4)}
