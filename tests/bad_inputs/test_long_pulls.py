"""Pulls that a channel's limits put off half-way, or that fail there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from paging_rig import Pages, PagingShop, pull

from connectors import discover
from core.errors import ChannelError, ErrorCode
from core.flow import Response
from tests.usecases.usecase_rig import MUG, Rig


class Grudging(Pages):
    """A shop that turns away what is asked for after *bears* pages, with *code*; then it has to be left alone."""

    bears: int = 2
    code: ErrorCode = ErrorCode.RATE_LIMITED

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Response:
        if self.bears == 0:
            raise ChannelError(self.code, "not now", retry_after_s=4)
        self.bears -= 1
        return await super().__call__(method, url, headers, body)


@pytest.fixture
def registry() -> dict[str, Any]:
    return {"woocommerce": PagingShop(discover()["woocommerce"])}


@pytest.fixture
def pages() -> Grudging:
    return Grudging()


@pytest.fixture
async def rig(fresh: str, make_hub: Callable[..., Any], clock: Any, pages: Grudging) -> AsyncIterator[Rig]:
    admin = await asyncpg.connect(fresh)
    made = Rig(await make_hub(send=pages), clock, admin)
    await made.open()
    await made.counted(mug=20)

    def page(number: int) -> tuple[list[Any], str | None]:
        """Seven pages, by the cursor that is asked for."""
        place = int(pages.asked[number - 1]["cursor"] or "0")
        return [made.order(place + 1, (MUG, 1))], str(place + 1) if place < 6 else None

    pages.page = page
    yield made
    assert await made.violations() == {}
    await admin.close()


async def test_a_pull_that_is_put_off_goes_on_with_the_page_it_was_at(rig: Rig, pages: Grudging) -> None:
    began = rig.clock()
    ends = []
    for _ in range(4):
        pages.bears = 2
        ends.append(await pull(rig))
        rig.clock.forward(seconds=30)
    assert ends == ["put_off rate_limited"] * 3 + ["ok"]
    assert [asked["cursor"] for asked in pages.asked] == ["", "1", "2", "3", "4", "5", "6"]
    assert len({(asked["since"], asked["until"]) for asked in pages.asked}) == 1
    # What changed since it began is for the next one, which begins there.
    assert await rig.admin.fetchval("SELECT finished_until FROM checkpoints") - began < timedelta(seconds=1)
    await rig.drain()
    assert await rig.admin.fetchval("SELECT count(*) FROM orders") == 7
    pages.bears = 9
    await pull(rig)
    assert pages.asked[7]["cursor"] == ""


@pytest.mark.parametrize(
    "code", [ErrorCode.TIMEOUT, ErrorCode.UNAVAILABLE, ErrorCode.NOT_SENT, ErrorCode.PAUSED]
)
async def test_a_channel_that_fails_now_and_then_does_not_make_a_long_pull_begin_anew(
    rig: Rig, pages: Grudging, code: ErrorCode
) -> None:
    pages.code = code
    for _ in range(4):
        pages.bears = 2
        last = await pull(rig)
        rig.clock.forward(hours=1)
    assert last == "ok"
    assert [asked["cursor"] for asked in pages.asked] == ["", "1", "2", "3", "4", "5", "6"]


async def test_a_pull_whose_page_is_refused_begins_anew(rig: Rig, pages: Grudging) -> None:
    assert await pull(rig) == "put_off rate_limited"
    rig.clock.forward(seconds=30)
    pages.code = ErrorCode.REJECTED
    assert await pull(rig) == "failed rejected"
    pages.bears = 9
    assert await pull(rig) == "ok"
    assert [asked["cursor"] for asked in pages.asked] == ["", "1", "", "1", "2", "3", "4", "5", "6"]
