"""Tokens that are not known yet: looked up together when many come at once, and each for itself where one cannot be."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from edge_rig import Edge

from core.store import connections
from webhooks.directory import AT_ONCE, LOOKUPS, Directory

SHOPS = 40


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many tokens each look-up was about."""
    seen: list[int] = []
    really = Directory._ask

    async def counted(self: Directory, asked: Sequence[Any]) -> Any:
        seen.append(len(asked))
        return await really(self, asked)

    monkeypatch.setattr(Directory, "_ask", counted)
    return seen


async def test_many_shops_that_are_heard_of_for_the_first_time_are_looked_up_together(
    edge: Edge, together: list[int]
) -> None:
    """A web process that starts, or a quiet minute, must not cost a queue of look-ups with one shop each."""
    hooks = [await edge.tenants.link("penny-post") for _ in range(SHOPS)]

    replies = await asyncio.gather(*(edge.post(token=hook.token) for hook in hooks))

    assert {reply.status for reply in replies} == {200}
    assert all([len(await edge.tenants.stored(hook)) == 1 for hook in hooks])
    assert sum(together) == SHOPS
    assert max(together) <= AT_ONCE
    assert len(together) <= SHOPS // 2
    await asyncio.gather(*(edge.post(b'{"id":2}', token=hook.token) for hook in hooks))
    assert sum(together) == SHOPS  # they are known now


async def test_a_shop_whose_secret_cannot_be_opened_keeps_nobody_else_from_being_known(
    edge: Edge, together: list[int]
) -> None:
    hooks = [await edge.tenants.link("penny-post") for _ in range(SHOPS)]
    broken = hooks[0]
    async with edge.tenants.database.transaction([broken.merchant_id]) as tx:
        await tx.execute("UPDATE credentials SET sealed = '\\x00' WHERE merchant_id = $1", broken.merchant_id)

    replies = await asyncio.gather(*(edge.post(token=hook.token) for hook in hooks))

    assert replies[0].status == 503
    assert {reply.status for reply in replies[1:]} == {200}
    assert len(together) < SHOPS


async def test_tokens_asked_for_one_after_the_other_are_each_looked_up(
    edge: Edge, together: list[int]
) -> None:
    """No look-up that has just ended leaves one behind that nobody takes."""
    for number in range(3 * LOOKUPS):
        async with edge.tenants.database.transaction([edge.hook.merchant_id]) as tx:
            token = f"another-token-{number}"
            await connections.replace_token(tx, edge.hook.merchant_id, edge.hook.connection_id, token)
        assert (await edge.post(b'{"id":%d}' % number, token=token)).status == 200

    assert together == [1] * 3 * LOOKUPS
