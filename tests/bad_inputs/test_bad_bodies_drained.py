"""Bad bodies that were authentic and stored, drained on a real database; the numbers are those of our list."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import asyncpg
import pytest
from accounts_rig import SETTINGS, TOPICS, Accounts
from bodies_rig import GOOD, body_with

from core.flow import encode


@pytest.fixture
async def accounts(fresh: str, make_hub: Callable[..., Any]) -> AsyncIterator[Accounts]:
    admin = await asyncpg.connect(fresh)
    made = Accounts(await make_hub(), admin)
    await made.open()
    yield made
    await admin.close()


XML = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>"""
LAUGHS = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha">' + b"".join(
    b'<!ENTITY a%d "&a%s;&a%s;">' % (n, str(n - 1 or "").encode(), str(n - 1 or "").encode()) for n in range(1, 40)
) + b"]><l>&a39;</l>"  # fmt: skip
SOAP = b'<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body/></soap:Envelope>'
BODIES = {
    "50 empty": b"",
    "50 null": b"null",
    "50 text": b'"x"',
    "50 number": b"0",
    "51 cut off": b'{"id":1,"line_items":[',
    "51 something behind it": b"{} x",
    "51 two documents": b"{}{}",
    "52 opened without end": b"[" * 100_000,
    "52 nested": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "53 five megabytes": b"[" + b"[]," * ((5 * 1024 * 1024) // 3 - 1) + b"[]]",
    "53 keys": b"{" + b",".join(b'"k%d":1' % n for n in range(200_000)) + b"}",
    "54 two ids": b'{"id":1,"id":2,"line_items":[],"tracking_code":"a","tracking_code":"b","object":"Tracker"}',
    "55 NaN": b'{"id":NaN,"line_items":[],"tracking_code":Infinity,"object":"Tracker"}',
    "55 1e999": b'{"id":1e999,"line_items":[],"tracking_code":1e999,"object":"Tracker"}',
    "56 5000 digits": b'{"id":%b,"line_items":[],"tracking_code":%b,"object":"Tracker"}' % (b"9" * 5000, b"9" * 5000),
    "67 another encoding": '{"id":1,"line_items":[]}'.encode("utf-16"),
    "75 an entity": XML,
    "75 a billion laughs": LAUGHS,
    "75 soap": SOAP,
    "76 a form": b"id=1&quantity=2",
    "76 multipart": b'--x\r\nContent-Disposition: form-data; name="id"\r\n\r\n1\r\n--x--\r\n',
}  # fmt: skip


@pytest.mark.parametrize("channel", SETTINGS)
async def test_50_to_56_67_75_76_what_cannot_be_read_is_parked_with_a_reason_and_holds_up_nothing(
    channel: str, accounts: Accounts
) -> None:
    await accounts.store(channel, *BODIES.values())
    await accounts.store("shopify", encode(GOOD["shopify"]))

    done = await accounts.drain()

    reasons = await accounts.reasons()
    assert (done.failed, len(reasons)) == (0, len(BODIES))
    assert all(code and code != "poison" and message for code, message in reasons)
    assert (await accounts.count("orders"), await accounts.count("todo")) == (1, 0)


@pytest.mark.parametrize("channel", SETTINGS)
async def test_53_a_giant_body_stops_the_loop_for_no_quarter_second(channel: str, accounts: Accounts) -> None:
    padding = b'"note":"' + b"x" * (4 * 1024 * 1024) + b'",'
    whole = b"{" + padding + encode(GOOD.get(channel, {"object": "Tracker"}))[1:]
    stopped_s = []
    for again in range(3):  # a machine that is busy with something else may stop it, too, but not each time
        bodies = (BODIES["53 five megabytes"], BODIES["53 keys"], whole)
        await accounts.store(channel, *(body + b" " * again for body in bodies))
        stopped_s.append(await longest_stop(accounts.drain()))

    assert min(stopped_s) < 0.25


async def longest_stop(work: Coroutine[Any, Any, Any]) -> float:
    """For how long at most, in seconds, nothing else could run while *work* did."""
    loop = asyncio.get_running_loop()
    working = asyncio.ensure_future(work)
    longest, last = 0.0, loop.time()
    while not working.done():
        await asyncio.sleep(0.005)
        longest, last = max(longest, loop.time() - last), loop.time()
    await working
    return longest


@pytest.mark.parametrize(
    "topic", ["shop/redact", "customers/redact", "customers/data_request", "app/uninstalled"]
)
async def test_38_an_order_under_a_destructive_topic_is_parked_and_destroys_nothing(
    topic: str, accounts: Accounts
) -> None:
    await accounts.store("shopify", encode(GOOD["shopify"]))
    await accounts.drain()
    before = await everything(accounts)

    await accounts.store("shopify", encode(GOOD["shopify"]), topic=topic)
    await accounts.drain()

    assert await accounts.reasons() == [("topic_shape", f"the body is not what {topic} sends")]
    assert await everything(accounts) == before


async def test_37_a_signed_body_of_another_shop_is_parked_and_asks_for_nothing(accounts: Accounts) -> None:
    theirs = body_with(
        "shopify", "name", '"#1","order_status_url":"https://b.example/8/orders/x/authenticate"'
    )
    redaction = b'{"shop_id":8,"shop_domain":"b.myshopify.com"}'

    await accounts.store("shopify", theirs)
    await accounts.store("shopify", redaction, topic="shop/redact")
    await accounts.drain()

    assert [code for code, _ in await accounts.reasons()] == ["tenant_mismatch"] * 2
    assert (await accounts.count("orders"), await accounts.count("fetches")) == (0, 0)


async def test_39_headers_of_another_shop_or_topic_are_not_read(accounts: Accounts) -> None:
    told = {"x-shopify-shop-domain": "b.myshopify.com", "x-shopify-topic": "shop/redact"}

    await accounts.store("shopify", encode(GOOD["shopify"]), headers=told)
    await accounts.drain()

    assert (await accounts.reasons(), await accounts.count("orders")) == ([], 1)


PRIVACY: list[tuple[str, dict[str, Any]]] = [
    ("customers/redact", {"customer": {"id": 99}, "orders_to_redact": [501]}),
    ("customers/redact", {"customer": {"id": None}, "orders_to_redact": []}),
    ("customers/data_request", {"customer": {"id": 99}, "orders_requested": [501]}),
    ("shop/redact", {}),
]


@pytest.mark.parametrize(("topic", "more"), PRIVACY)
async def test_90_91_a_privacy_request_is_kept_and_noticed_and_nothing_else_happens_yet(
    topic: str, more: dict[str, Any], accounts: Accounts
) -> None:
    await accounts.store("shopify", encode(GOOD["shopify"]))
    await accounts.drain()
    before = await everything(accounts)

    await accounts.store(
        "shopify", encode({"shop_id": 7, "shop_domain": "a.myshopify.com", **more}), topic=topic
    )
    done = await accounts.drain()

    assert (done.applied.notices, done.applied.parked, done.failed) == (1, 0, 0)
    assert await accounts.admin.fetchval("SELECT count(*) FROM deliveries WHERE topic = $1", topic) == 1
    assert await everything(accounts) == before


async def everything(accounts: Accounts) -> list[Any]:
    """What a destructive topic could destroy or set off."""
    queries = (
        "SELECT * FROM orders ORDER BY order_id",
        "SELECT * FROM order_events ORDER BY 1, 2",
        "SELECT * FROM connections ORDER BY connection_id",
        "SELECT * FROM credentials ORDER BY 1, 2, 3",
        "SELECT * FROM schedule ORDER BY 1, 2, 3",
        "SELECT * FROM fetches ORDER BY 1, 2, 3",
        "SELECT * FROM merchants",
    )
    return [[tuple(row) for row in await accounts.admin.fetch(query)] for query in queries]


def test_every_channel_and_carrier_is_tried(registry: dict[str, Any]) -> None:
    assert set(SETTINGS) == set(TOPICS) == set(registry)
