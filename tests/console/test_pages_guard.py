"""The status pages: who may read them, how, and what every answer carries."""

from __future__ import annotations

import pytest
from pages_rig import Pages

from console.pages.app import create_pages, serve_pages
from core.errors import UsageProblem
from core.store.database import Database
from tests.conftest import TestClock, as_role


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
