"""The status pages in a real browser."""

from __future__ import annotations

import re
import shutil

import pytest
from pages_rig import PAYLOAD, Pages

CHROMIUM = "/usr/bin/chromium"
BROWSER = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


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
