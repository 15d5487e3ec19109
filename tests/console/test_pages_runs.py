"""Runs on the status pages: the newest, those that did not end well, and one with every line it said."""

from __future__ import annotations

import re
import shutil

import pytest
from pages_rig import PAYLOAD, SHOP, Pages
from test_pages_browser import BROWSER, CHROMIUM

from core.log import Said
from core.store import run_log, runs
from core.store.run_log import Lines


async def run_of(pages: Pages, kind: str) -> int:
    _, listed, _ = await pages.get("runs")
    found = re.search(rf'<a href="/runs/(\d+)">{kind} #\1</a>', listed)
    assert found is not None
    return int(found.group(1))


async def say(pages: Pages, run_id: int, message: str, level: str = "warning", **fields: object) -> None:
    async with pages.admin.transaction([pages.merchant]) as tx:
        said = [Said(pages.hub.clock(), level, message, fields)]
        await run_log.add(tx, [Lines(pages.merchant, None, run_id, said)])


async def test_an_empty_hub_says_how_runs_come_about(pages: Pages) -> None:
    _, listed, _ = await pages.get("runs")
    _, bad, _ = await pages.get("runs?only=bad")

    assert "No job has run." in listed
    assert "See all runs" in bad


async def test_runs_are_listed_with_outcome_and_error_and_lead_to_their_page(busy: Pages) -> None:
    _, first, _ = await busy.get()
    _, listed, _ = await busy.get("runs")

    for text in (first, listed):
        row = re.search(r"<tr>\s*<th[^>]*><a href=\"/runs/\d+\">push.*?</tr>", text, re.DOTALL)
        assert row is not None
        assert SHOP.replace("&", "&amp;") in row.group()
        assert re.search(
            r"badge bad.*?failed.*?420 ms.*?told 1, refused 2.*?rejected", row.group(), re.DOTALL
        )
    assert "applied 7, claimed 8" in listed


async def test_only_runs_that_did_not_end_well_can_be_asked_for(busy: Pages) -> None:
    async with busy.admin.transaction([busy.merchant]) as tx:
        [died] = (await runs.start(tx, "pull", [(busy.merchant, 1)], busy.hub.clock())).values()

    _, bad, _ = await busy.get("runs?only=bad")

    assert re.findall(r'<a href="/runs/\d+">(\w+) #', bad) == ["pull", "push"]
    assert f'<a href="/runs/{died}">pull' in bad
    assert "died" in bad


async def test_a_run_opens_to_its_lines_and_they_to_their_order(busy: Pages) -> None:
    run_id = await run_of(busy, "push")
    _, orders, _ = await busy.get("orders")
    order_id = re.findall(r'href="/orders/(\d+)"', orders)[0]
    await say(busy, run_id, "a stock level was not taken", order=int(order_id), attempt=2, code="rejected")

    status, text, _ = await busy.get(f"runs/{run_id}")

    assert status == 200
    assert "a stock level was not taken" in text
    assert f'<a href="/orders/{order_id}">order #{order_id}</a> attempt 2, code rejected' in text
    assert "12:" in text  # the time of day, to compare lines with each other


async def test_a_run_without_lines_says_so(busy: Pages) -> None:
    _, drain, _ = await busy.get(f"runs/{await run_of(busy, 'relevel')}")

    assert "It said nothing: what it did is in its counts." in drain


@pytest.mark.parametrize("path", ["runs/999999", "runs/x", "runs/0"])
async def test_a_run_that_is_not_there_is_a_page_that_says_so(busy: Pages, path: str) -> None:
    status, text, _ = await busy.get(path)

    assert (status, "There is no such page" in text) == (404, True)


async def test_a_browser_shows_hostile_lines_as_text(busy: Pages) -> None:
    playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
    if not shutil.which(CHROMIUM):
        pytest.skip(f"there is no {CHROMIUM}: apt-get install chromium")
    run_id = await run_of(busy, "push")
    for level in ("info", "warning", "error", "critical"):
        await say(busy, run_id, PAYLOAD, level, channel_says=PAYLOAD)
    async with busy.admin.transaction([busy.merchant]) as tx:
        await tx.execute("UPDATE runs SET error = $1 WHERE run_id = $2", PAYLOAD, run_id)
    alarms: list[str] = []

    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=BROWSER)
        page = await browser.new_page()
        page.on("dialog", lambda dialog: alarms.append(dialog.message))
        page.on("console", lambda message: alarms.append(message.text))
        page.on("pageerror", lambda error: alarms.append(str(error)))
        await page.goto(f"{busy.url}?still")
        await page.click(f'a[href="/runs/{run_id}"]')
        body = await page.inner_text("body")
        rows = await page.locator("tbody tr").count()
        await browser.close()

    assert body.count(PAYLOAD) == 9  # four messages, four fields, the error of the run
    assert rows == 4
    assert alarms == []
