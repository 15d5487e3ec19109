"""The status pages: what they say of a hub with troubles, who may read them, what a browser makes of them."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from console.pages import words
from console.pages.app import create_pages, serve_pages
from core.errors import UsageProblem
from core.flow import encode
from core.hub import Hub
from core.model.inventory import ListingSeen
from core.store import connections, deliveries, levels, listings, runs, stock
from core.store.database import Database
from core.store.deliveries import Incoming
from core.store.stock import Entry
from core.usecases.drain import drain
from core.usecases.relevel import relevel
from tests.conftest import TestClock, as_role

CHROMIUM = "/usr/bin/chromium"
BROWSER = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PAYLOAD = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'>"
SHOP = "Mug & Moss"


@dataclass(slots=True)
class Pages:
    """The served pages and the hub behind them."""

    url: str
    hub: Hub
    admin: Database
    merchant: int

    async def get(self, path: str = "", **options: Any) -> tuple[int, str, Any]:
        async with (
            aiohttp.ClientSession() as session,
            session.request(options.pop("method", "GET"), self.url + path, **options) as answer,
        ):
            return answer.status, await answer.text(), answer.headers


@pytest.fixture
async def pages(fresh: str, make_hub: Callable[..., Any], clock: TestClock) -> AsyncIterator[Pages]:
    """The pages of a hub with one merchant and no connection."""
    hub = await make_hub()
    admin = await Database.connect(fresh, size=2, admin=True)
    async with admin.transaction([]) as tx:
        merchant = await connections.add_merchant(tx, "Moss & Daughters", hub.settings.inbound, clock())
    reader = await Database.connect(as_role(fresh, "fairway_read"), size=2)
    runner, url = await serve_pages(create_pages(reader, clock), "127.0.0.1", 0)
    yield Pages(url, hub, admin, merchant)
    await runner.cleanup()
    await reader.close()
    await admin.close()


@pytest.fixture
async def busy(pages: Pages, clock: TestClock) -> Pages:
    """The pages of a hub with two shops, sales on both, and one of each trouble."""
    shop = await _link(pages, SHOP)
    other = await _link(pages, "Second shop")
    await _stock(pages, [shop, other], {"MUG-1": 5, "TEA-2": 40, "POT-3": 1})
    sold = [("MUG-1", 2), ("TEA-2", 1), ("POT-3", 1), ("MUG-1", 1), ("POT-3", 1), ("NEW-9", 1)]
    for number, (sku, quantity) in enumerate(sold):
        clock.forward(minutes=3)
        await _deliver(pages, (shop, other)[number % 2], encode(_order(101 + number, sku, quantity, clock())))
    await _deliver(pages, shop, encode(_order(900, "TEA-2", 3, clock(), title=PAYLOAD)))
    await _deliver(pages, other, b'{"id": 77, "status": ')
    while (await drain(pages.hub)).claimed:
        pass
    await relevel(pages.hub)
    await _troubles(pages, shop, other, clock())
    await _deliver(pages, other, encode(_order(901, "TEA-2", 1, clock())))
    clock.forward(seconds=95)
    return pages


async def test_an_empty_hub_teaches_the_next_command(pages: Pages) -> None:
    status, text, _ = await pages.get()

    assert status == 200
    assert "No shop is connected yet." in text
    assert "<code>./fairway connect</code>" in text


async def test_the_first_page_says_what_is_broken_and_why(busy: Pages) -> None:
    _, text, _ = await busy.get()

    said = _plain(text)
    assert "None of 2 connections is healthy; 7 things need you." in said
    assert "Second shop needs new credentials." in said
    assert "1 delivery from Second shop could not be understood" in said
    assert "Mug & Moss: push has failed 3 times in a row" in said
    assert "2 stock levels not taken by Mug & Moss. The product is locked. MUG-1 POT-3" in said
    assert "1 order may not ship yet: short stock." in said
    assert "1 order may not ship yet: unmapped sku." in said
    assert "1 delivery waits longer than a minute; the oldest came 1 min ago." in said


async def test_stock_is_listed_with_the_least_free_first(busy: Pages) -> None:
    _, text, _ = await busy.get()

    rows = re.findall(r'<th scope="rowgroup".*?>([A-Z]+-\d)</a>', text)
    assert rows == ["POT-3", "MUG-1", "TEA-2"]


async def test_every_link_of_every_page_leads_somewhere(busy: Pages) -> None:
    seen: set[str] = set()
    todo = {"/"}

    while todo:
        path = todo.pop()
        seen.add(path)
        status, text, _ = await busy.get(path.lstrip("/"))
        assert status == 200, path
        links = {link.replace("&amp;", "&") for link in re.findall(r'href="(/[^"]*)"', text)}
        todo |= {link for link in links if not link.startswith("/static")} - seen

    assert {path.split("/")[1].split("?")[0] for path in seen} == {"", "orders", "deliveries", "stock"}


async def test_an_order_opens_down_to_its_delivery_without_personal_data(busy: Pages) -> None:
    _, first, _ = await busy.get("orders")
    links = re.findall(r'<a href="/(orders/\d+)">W-(\d+)</a>', first)
    held = next(link for link, number in links if number == "105")

    _, order, _ = await busy.get(held)
    source = re.search(r"deliveries/\d+", order)
    assert source is not None
    _, delivery, _ = await busy.get(source.group())

    assert "short stock" in order
    assert "Sommer" not in order + delivery
    assert "order.updated" in delivery
    assert re.search(r"<code>[0-9a-f]{64}</code>", delivery)
    assert "order placed" in delivery


async def test_a_parked_delivery_shows_its_reasons(busy: Pages) -> None:
    _, listed, _ = await busy.get("deliveries?only=parked")
    links = re.findall(r"deliveries/\d+", listed)

    _, text, _ = await busy.get(links[0])

    assert len(links) == 1
    assert "Why it was parked" in text


@pytest.mark.parametrize(
    "path", ["nowhere", "orders/999999", "deliveries/999999", "stock/999999", "orders/x"]
)
async def test_what_is_not_there_is_a_page_that_says_so(pages: Pages, path: str) -> None:
    status, text, headers = await pages.get(path)

    assert (status, "There is no such page" in text) == (404, True)
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("path", ["", "static/fairway.css", "orders"])
async def test_every_answer_carries_the_strict_headers(pages: Pages, path: str) -> None:
    _, _, headers = await pages.get(path)

    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.nip.io"]
)
async def test_a_foreign_host_name_is_refused(pages: Pages, host: str) -> None:
    status, text, _ = await pages.get(headers={"Host": host})

    assert (status, "Fairway" in text) == (421, False)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8401", "127.0.0.1:1", "[::1]:8401", "[::1]"])
async def test_loopback_names_are_served(pages: Pages, host: str) -> None:
    status, _, _ = await pages.get(headers={"Host": host})

    assert status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
async def test_the_pages_can_only_be_read(pages: Pages, method: str) -> None:
    status, _, headers = await pages.get(method=method)

    assert (status, headers["Allow"]) == (405, "GET")


async def test_a_database_that_is_gone_is_said_in_words(pages: Pages, fresh: str, clock: TestClock) -> None:
    reader = await Database.connect(as_role(fresh, "fairway_read"), size=1)
    runner, url = await serve_pages(create_pages(reader, clock), "127.0.0.1", 0)
    await reader.close()

    status, text, _ = await Pages(url, pages.hub, pages.admin, 0).get()

    assert (status, "The database does not answer" in text) == (503, True)
    await runner.cleanup()


async def test_they_are_not_served_to_other_machines(pages: Pages) -> None:
    with pytest.raises(UsageProblem, match="on this machine only"):
        await serve_pages(create_pages(pages.admin, TestClock()), "0.0.0.0", 0)


async def test_a_browser_shows_a_hostile_title_as_text(busy: Pages) -> None:
    playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
    if not shutil.which(CHROMIUM):
        pytest.skip(f"there is no {CHROMIUM}: apt-get install chromium")
    _, listed, _ = await busy.get("orders")
    found = re.search(r'<a href="/(orders/\d+)">W-900</a>', listed)
    assert found is not None
    alarms: list[str] = []

    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=BROWSER)
        page = await browser.new_page()
        page.on("dialog", lambda dialog: alarms.append(dialog.message))
        page.on("console", lambda message: alarms.append(message.text))
        page.on("pageerror", lambda error: alarms.append(str(error)))
        await page.goto(busy.url + found.group(1))
        body = await page.inner_text("body")
        await page.click("text=delivery #")
        heading = await page.inner_text("h1")
        await page.goto(f"{busy.url}?still")
        refreshing = await page.locator("meta[http-equiv=refresh]").count()
        await page.keyboard.press("Tab")
        focused = await page.evaluate("document.activeElement.textContent")
        fonts = await page.evaluate("getComputedStyle(document.querySelector('table')).fontVariantNumeric")
        await browser.close()

    assert PAYLOAD in body
    assert heading.startswith("Delivery #")
    assert (refreshing, focused, fonts) == (0, "Skip to the content", "tabular-nums")
    assert alarms == []


@pytest.mark.parametrize(
    ("health", "needs", "said"),
    [
        ([], 0, "No shop is connected yet."),
        (["active"], 0, "Your connection is healthy; nothing needs you."),
        (["active", "active"], 3, "All 2 connections are healthy; 3 things need you."),
        (["active", "failing"], 1, "1 of 2 connections is healthy; 1 thing needs you."),
        (["reauth_required"], 1, "Your connection is not healthy; 1 thing needs you."),
    ],
)
def test_the_state_is_one_sentence(health: list[str], needs: int, said: str) -> None:
    linked = [{"health": word} for word in health]

    _, sentence = words.headline(linked, needs)

    assert sentence == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (59, "59 s"), (61, "1 min"), (7300, "2 h"), (90000, "1 day"), (2e5, "2 days")],
)
def test_spans_are_said_as_a_person_says_them(seconds: float, said: str) -> None:
    assert words.span(seconds) == said


@pytest.mark.parametrize("kind", ["not_pushed", "count", "channel_lag", "our_lag", None])
def test_every_cause_of_a_shortage_has_words(kind: str | None) -> None:
    row = {"connection_id": 1, "cause": {"kind": kind, "competing_connection": 2} if kind else {}}

    said = words.shortage_cause(row, {1: "Here", 2: "There"})

    assert said.endswith(".")
    assert (kind is None) == (said == "The cause was not recorded.")


async def _link(pages: Pages, name: str) -> int:
    now = pages.hub.clock()
    async with pages.admin.transaction([pages.merchant]) as tx:
        return await connections.add_connection(
            tx,
            merchant_id=pages.merchant,
            channel="woocommerce",
            name=name,
            account=f"https://{name[:3].lower()}.example",
            settings={},
            token=name,
            stock_since=now - timedelta(days=1),
            now=now,
        )


async def _stock(pages: Pages, shops: list[int], counts: dict[str, int]) -> None:
    """Both shops list every SKU; the shelf holds *counts*."""
    now = pages.hub.clock()
    async with pages.admin.transaction([pages.merchant]) as tx:
        place = await listings.default_location(tx, pages.merchant)
        for shop in shops:
            await connections.switch_push(tx, pages.merchant, shop, on=True)
            await listings.map_location_once(tx, pages.merchant, shop, "", place, "")
            seen = [_listing(sku) for sku in counts]
            await listings.put_listings(tx, pages.merchant, shop, seen, now)
            await listings.match_by_sku(tx, pages.merchant, shop)
            live = [(sku, "", count) for sku, count in counts.items()]
            await listings.put_levels(tx, pages.merchant, shop, live, now)
        ids = await listings.put_variants(tx, pages.merchant, list(counts))
        entries = [
            Entry(pages.merchant, ids[sku], place, count, 0, "count", "first count", f"first:{sku}")
            for sku, count in counts.items()
        ]
        await stock.post(tx, entries, now)


def _listing(sku: str) -> ListingSeen:
    return ListingSeen(
        channel_item_id=sku, channel_stock_id=sku, sku=sku, title=f"The {sku.lower()}", tracked=True
    )


def _order(number: int, sku: str, quantity: int, placed: datetime, title: str = "A thing") -> dict[str, Any]:
    """A paid order in the shape the shop documents."""
    when = placed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    person = {
        "first_name": "Mia",
        "last_name": "Sommer",
        "address_1": "Am Markt 9",
        "city": "Bonn",
        "country": "DE",
    }
    total = f"{10 * quantity}.00"
    line = {
        "id": number * 10,
        "name": title,
        "product_id": 1,
        "variation_id": 0,
        "quantity": quantity,
        "sku": sku,
    }
    amounts = {"subtotal": total, "total": total, "total_tax": "0.00", "price": 10, "meta_data": []}
    return {
        "id": number,
        "number": f"W-{number}",
        "status": "processing",
        "currency": "EUR",
        "created_via": "checkout",
        "prices_include_tax": True,
        "date_created_gmt": when,
        "date_modified_gmt": when,
        "date_paid_gmt": when,
        "date_completed_gmt": None,
        "discount_total": "0.00",
        "shipping_total": "0.00",
        "total_tax": "0.00",
        "total": total,
        "billing": person,
        "shipping": person,
        "line_items": [line | amounts],
        "shipping_lines": [],
        "tax_lines": [],
        "coupon_lines": [],
        "fee_lines": [],
        "refunds": [],
        "meta_data": [],
    }


async def _deliver(pages: Pages, connection_id: int, body: bytes) -> None:
    account = await pages.hub.account(pages.merchant, connection_id)
    key = deliveries.dedupe_key(connection_id, "order.updated", body)
    now = pages.hub.clock()
    async with pages.admin.transaction([pages.merchant]) as tx:
        await deliveries.add(
            tx,
            [
                Incoming(
                    merchant_id=pages.merchant,
                    connection_id=connection_id,
                    topic="order.updated",
                    via="webhook",
                    dedupe_key=key,
                    sealed=account.box.seal(body, deliveries.body_owner(connection_id, key)),
                    headers={},
                    received_at=now,
                )
            ],
        )
        await deliveries.count_intake(tx, {(pages.merchant, now.replace(second=0, microsecond=0)): (1, 0, 0)})


async def _troubles(pages: Pages, shop: int, other: int, now: datetime) -> None:
    """A refused push, a job that fails, credentials that are not accepted."""
    async with pages.admin.transaction([0, pages.merchant]) as tx:
        await connections.set_status(tx, pages.merchant, other, "reauth_required", "Link the account again.")
        wanted = await levels.claim(tx, pages.merchant, shop, 1, 2, now)
        refused = [
            {**row, "sure": True, "message": "The product is locked.", "next_at": now + timedelta(minutes=5)}
            for row in wanted
        ]
        await levels.refuse(tx, pages.merchant, shop, refused)
        await tx.execute(
            "UPDATE schedule SET failures = 3, last_error = 'rejected: The product is locked.', due_at = $2"
            " WHERE connection_id = $1 AND kind = 'push'",
            shop,
            now + timedelta(minutes=5),
        )
        run = await runs.start(tx, pages.merchant, shop, "push", now)
        ended = now + timedelta(milliseconds=420)
        await runs.finish(
            tx,
            pages.merchant,
            run,
            ended,
            outcome="failed",
            detail={"told": 1, "refused": 2},
            error="rejected",
        )
        run = await runs.start(tx, 0, None, "drain", now)
        await runs.finish(tx, 0, run, ended, outcome="ok", detail={"claimed": 8, "applied": {"applied": 7}})


def _plain(html: str) -> str:
    """What a person reads: no tags, single blanks."""
    text = re.sub(r"<[^>]+>", "", html).replace("&amp;", "&").replace("&#39;", "'")
    return re.sub(r"\s+", " ", text)
