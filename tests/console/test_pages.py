"""The status pages: what they say of an empty hub and of one with troubles."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from pages_rig import Pages

from core.store import drifts


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
    assert "2 stock levels not taken by Mug & Moss. The product is locked. MUG-1 TEA-2" in said
    assert "1 order may not ship yet: short stock." in said
    assert "1 order may not ship yet: unmapped sku." in said
    assert "1 delivery waits longer than a minute; the oldest came 1 min ago." in said


async def test_what_a_channel_refused_to_be_told_needs_a_person(busy: Pages) -> None:
    async with busy.admin.transaction([busy.merchant]) as tx:
        await tx.execute(
            """INSERT INTO outbox (merchant_id, connection_id, kind, entity, subject_id, op_key, key, status, next_at,
                 created_at, error)
               SELECT merchant_id, min(connection_id), 'fulfillment', 'order:1', 1, 'k', gen_random_uuid(), 'rejected',
                 now(), now(), 'rejected: 3 are left to ship' FROM connections GROUP BY merchant_id"""
        )
    _, text, _ = await busy.get()

    said = _plain(text)
    assert "8 things need you." in said
    assert "1 fulfillment not taken by Mug & Moss. rejected: 3 are left to ship See fairway outbox." in said


async def test_a_gap_needs_a_person_and_each_connection_says_until_when_it_is_certified(busy: Pages) -> None:
    _, before, _ = await busy.get()
    async with busy.admin.transaction([busy.merchant]) as tx:
        await tx.execute(
            """INSERT INTO certificates (merchant_id, connection_id, since, until, status, listed, missing,
                 behind, unlisted, gone, digest, first_read_at, read_at, next_at)
               SELECT merchant_id, min(connection_id), $1::timestamptz, $1::timestamptz + interval '1 hour',
                 'gap', 1, 1, 0, 0, 0,
                 'd', $1::timestamptz, $1::timestamptz, $1::timestamptz
               FROM connections GROUP BY merchant_id""",
            busy.hub.clock() - timedelta(hours=3),
        )
    _, text, _ = await busy.get()

    assert _plain(before).count("no hour yet") == 2
    said = _plain(text)
    assert "8 things need you." in said
    assert "Mug & Moss lists orders that are not here, in 1 hour. See fairway certificates." in said
    assert said.count("no hour yet") == 1


async def test_counts_at_a_channel_that_are_not_what_they_should_be_are_listed_until_and_after_they_are_healed(
    busy: Pages,
) -> None:
    _, before, _ = await busy.get()
    now = busy.hub.clock()
    about = {
        "kind": "channel_edit",
        "since": None,
        "undoes_write": False,
        "own_sales": 0,
        "words": "",
        "looked_at": now,
    }
    async with busy.admin.transaction([busy.merchant]) as tx:
        shop = await tx.fetchval("SELECT min(connection_id) FROM connections")
        ids = await tx.fetch("SELECT listing_id FROM listings WHERE connection_id = $1 ORDER BY sku", shop)
        mug, pot, tea = ({**about, "listing_id": row["listing_id"], "channel_location_id": ""} for row in ids)
        asked = {"status": "asked", "units": 3, "expected": 4, "live": 7, "closed_at": None, "healed_by": ""}
        over = {
            "status": "closed",
            "units": -2,
            "expected": 9,
            "live": 7,
            "closed_at": now,
            "healed_by": "hub",
        }
        found_at = now - timedelta(minutes=2)
        rows = [
            mug | asked | {"found_at": now},
            pot | asked | {"found_at": now},
            tea | over | {"found_at": found_at},
        ]
        await drifts.add(tx, busy.merchant, shop, None, rows)

    _, text, _ = await busy.get()

    said = _plain(text)
    assert "Drifts" not in _plain(before)
    assert "8 things need you." in said
    assert (
        "2 counts at Mug & Moss are not what they should be: channel edit. See fairway drifts. MUG-1 POT-3"
        in said
    )
    assert "TEA-2 The tea-2 Mug & Moss channel edit 9 7 2 min ago ● over told again, after 2 min" in said
    assert "MUG-1 The mug-1 Mug & Moss channel edit 4 7 just now ▲ asks you" in said


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

    assert {path.split("/")[1].split("?")[0] for path in seen} == {
        "",
        "orders",
        "deliveries",
        "stock",
        "runs",
    }


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


def _plain(html: str) -> str:
    """What a person reads: no tags, single blanks."""
    text = re.sub(r"<[^>]+>", "", html).replace("&amp;", "&").replace("&#39;", "'")
    return re.sub(r"\s+", " ", text)
