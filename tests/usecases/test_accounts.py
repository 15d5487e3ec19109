"""What deliveries are understood with is read for many connections at once, and one that cannot be opened harms no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from usecase_rig import MUG, Rig

from core.errors import Missing
from core.sealing import SealBroken


async def _word(rig: Rig, connection_id: int, word: str, meaning: str) -> None:
    await rig.admin.execute(
        "INSERT INTO overrides VALUES ($1, $2, 'order_status', $3, $4)",
        rig.merchant_id,
        connection_id,
        word,
        meaning,
    )


async def test_words_of_a_connection_win_over_those_of_all_its_merchants(rig: Rig) -> None:
    await _word(rig, 0, "packed", "for all")
    await _word(rig, 0, "picked", "for all")
    await _word(rig, rig.second, "packed", "for the second")
    pairs = [(rig.merchant_id, rig.first), (rig.merchant_id, rig.second)]

    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        read = await rig.hub.accounts(tx, pairs)

    assert {pair[1]: account.overrides["order_status"] for pair, account in read.items()} == {
        rig.first: {"packed": "for all", "picked": "for all"},
        rig.second: {"packed": "for the second", "picked": "for all"},
    }


async def test_a_slice_of_many_merchants_reads_all_their_accounts_in_one_transaction(
    rig: Rig, make_hub: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [Rig(await make_hub(), rig.clock, rig.admin) for _ in range(3)]
    for number, one in enumerate(others):
        await one.open(f"Other {number}")
    for one in (rig, *others):
        await one.deliver(one.order(1, (MUG, 1)))
    hub = await make_hub()
    opened = []
    real = hub.database.transaction

    def transaction(merchants: Any) -> Any:
        opened.append(set(merchants))
        return real(merchants)

    monkeypatch.setattr(type(hub.database), "transaction", lambda _self, merchants: transaction(merchants))
    done = await rig.drain(hub)

    assert done.applied.applied == 4
    assert {rig.merchant_id} not in opened


async def test_an_account_whose_key_does_not_open_is_left_out_and_says_why_when_it_is_asked_for(
    rig: Rig, make_hub: Callable[..., Any]
) -> None:
    other = Rig(await make_hub(), rig.clock, rig.admin)
    await other.open("Noah")
    await rig.admin.execute(
        "UPDATE merchants SET data_key = set_byte(data_key, 20, get_byte(data_key, 20) # 1) WHERE merchant_id = $1",
        other.merchant_id,
    )
    hub = await make_hub()
    broken, good = (other.merchant_id, other.first), (rig.merchant_id, rig.first)

    async with hub.database.transaction([rig.merchant_id, other.merchant_id]) as tx:
        read = await hub.accounts(tx, [broken, good])
    with pytest.raises(SealBroken):
        await hub.account(*broken)

    assert set(read) == {good}


async def test_a_connection_there_is_not_is_named(rig: Rig) -> None:
    with pytest.raises(Missing, match="no connection 999"):
        await rig.hub.account(rig.merchant_id, 999)


async def test_a_merchant_whose_key_does_not_open_holds_up_nobody_elses_orders(
    rig: Rig, make_hub: Callable[..., Any]
) -> None:
    other = Rig(await make_hub(), rig.clock, rig.admin)
    await other.open("Noah")
    await rig.deliver(rig.order(1, (MUG, 1)))
    await other.deliver(other.order(1, (MUG, 1)))
    await rig.admin.execute(
        "UPDATE merchants SET data_key = set_byte(data_key, 20, get_byte(data_key, 20) # 1) WHERE merchant_id = $1",
        other.merchant_id,
    )

    done = await rig.drain(await make_hub())

    assert (done.applied.applied, done.failed) == (1, 1)
