"""A REST API that fails on its way, and a key that is taken back."""

from __future__ import annotations

import aiohttp
import pytest
from woo_sim_rig import Rest

from simulators.faults import NO_FAULTS, CallFaults
from simulators.woocommerce import SimOrder, WooCommerceSimulator


def bought(shop: WooCommerceSimulator) -> SimOrder:
    order = shop.checkout([("MUG", 1)])
    assert order is not None
    return order


async def test_a_note_whose_answer_is_lost_was_written(shop: WooCommerceSimulator, rest: Rest) -> None:
    path = f"orders/{bought(shop).order_id}/notes"
    shop.call_faults = CallFaults(lost_replies=1.0)

    with pytest.raises(aiohttp.ServerDisconnectedError):
        await rest("POST", path, {"note": "Shipped"})
    shop.call_faults = NO_FAULTS
    _, notes, _ = await rest("GET", path)

    assert [note["note"] for note in notes] == ["Shipped"]
    assert len(shop.books.noted) == 1


async def test_a_revoked_key_makes_its_owner_a_stranger_to_every_route(
    shop: WooCommerceSimulator, rest: Rest
) -> None:
    path = f"orders/{bought(shop).order_id}"
    shop.revoke_key()

    answers = [
        await rest("GET", "orders"),
        await rest("GET", path),
        await rest("PUT", path, {"status": "completed"}),
        await rest("POST", f"{path}/notes", {"note": "x"}),
        await rest("POST", "products/batch", {}),
    ]

    assert [(status, body["code"].removeprefix("woocommerce_rest_")) for status, body, _ in answers] == [
        (401, "cannot_view"),
        (401, "cannot_view"),
        (401, "cannot_edit"),
        (401, "cannot_create"),
        (401, "cannot_batch"),
    ]
    assert shop.books.noted == []
