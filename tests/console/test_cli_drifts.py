"""Reading back what a shop shows from a terminal, and saying whose count is right."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from cli_rig import Said, Shell

from core.clock import wall_clock
from core.sealing import Keyring
from simulators.courier import Courier
from simulators.serving import serve
from simulators.woocommerce import WooCommerceSimulator
from tests.conftest import as_role

KEYS = Keyring.generate("cli")


@dataclass
class Desk:
    """A shop that shows five mugs, as it should, and a person at a terminal without any worker."""

    fairway: Shell
    shop: WooCommerceSimulator
    admin: asyncpg.Connection[Any]

    async def reconcile(self, *words: str) -> Any:
        said = await self.fairway("reconcile", *words, "--json")
        assert said.code == 0, said.err
        (sweep,) = said.json["sweeps"]
        return sweep

    async def ask(self) -> int:
        """The mugs differ, and a person is asked; returns the difference's id."""
        said = await self.fairway("drifts", "policy", "ask", "--json")
        assert said.code == 0, said.err
        self.shop.set_stock("MUG", 9)
        sweep = await self.reconcile("--wait")
        assert (sweep["asked"], sweep["open"]) == (1, 0)
        (drift,) = (await self.fairway("drifts", "list", "--json")).json
        return int(drift["drift_id"])


@pytest.fixture
async def desk(fresh: str, tmp_path: Path) -> AsyncIterator[Desk]:
    courier = Courier(random.Random(1))
    shop = WooCommerceSimulator(
        consumer_key="ck_test", consumer_secret="cs_test", webhook_secret="whsec", seed=7, courier=courier,
        now=wall_clock,
    )  # fmt: skip
    shop.add_product(sku="MUG", name="Coffee mug", price="12.90", quantity=5)
    served = await serve(shop.app())
    admin = await asyncpg.connect(fresh)
    shell = Shell(
        {
            "DATABASE_URL": as_role(fresh, "fairway_worker"),
            "FAIRWAY_INBOUND_KEYS": KEYS,
            "FAIRWAY_OUTBOUND_KEYS": KEYS,
            "FAIRWAY_ALLOW_PRIVATE_HOSTS": "1",
            "FAIRWAY_UNSEEN_PATIENCE_S": "0.5",
            "FAIRWAY_DIRECTORY": str(tmp_path / "none"),
        }
    )
    made = Desk(shell, shop, admin)
    await _linked(made, served.url, tmp_path)
    yield made
    await admin.close()
    await served.close()
    await courier.close()


async def _linked(desk: Desk, url: str, folder: Path) -> None:
    key, secret, counts = folder / "key", folder / "secret", folder / "counts.csv"
    key.write_text("ck_test\n")
    secret.write_text("cs_test\n")
    counts.write_text("sku,on_hand\nMUG,5\n")
    for words in (
        ("connect", "woocommerce", "--set", f"base_url={url}",
         "--secret", f"consumer_key=@{key}", "--secret", f"consumer_secret=@{secret}"),
        ("connections", "--push-on", "woocommerce"),
        ("stock", "count", "--file", str(counts)),
    ):  # fmt: skip
        said: Said = await desk.fairway(*words)
        assert said.code == 0, said.err
    # The catalogue is read, the mugs levelled and told; long enough ago that no look crosses it.
    for _ in range(3):
        await desk.fairway("reconcile", "--wait")
    await desk.admin.execute(
        "UPDATE listing_levels SET confirmed_at = now() - interval '1 hour', desired_at = now() - interval '1 hour'"
    )


async def test_what_a_shop_shows_is_read_back_and_told_again(desk: Desk) -> None:
    as_it_should = await desk.reconcile()
    desk.shop.set_stock("MUG", 9)

    healed = await desk.reconcile("--wait")
    now, ever = [(await desk.fairway("drifts", "list", *more, "--json")).json for more in ((), ("--all",))]

    assert (as_it_should["done"], as_it_should["total"], as_it_should["found"]) == (1, 1, {"none": 1})
    assert (healed["found"], healed["healed"]) == ({"channel_edit": 1}, 1)
    assert 0 < healed["heal_p95_s"] < 30
    assert desk.shop.stock_of("MUG") == 5
    assert now == []
    assert [(row["sku"], row["kind"], row["units"], row["healed_by"]) for row in ever] == [
        ("MUG", "channel_edit", 4, "hub")
    ]


async def test_a_person_books_what_the_shop_shows(desk: Desk) -> None:
    drift = await desk.ask()
    table = await desk.fairway("drifts")

    said = await desk.fairway("drifts", "heal", str(drift), "--by", "channel", "--name", "Mia", "--json")
    stock = (await desk.fairway("stock", "--json")).json["stock"]

    assert "channel_edit" in table.out
    assert said.json == {"drift_id": drift, "status": "closed"}
    assert [(row["sku"], row["on_hand"]) for row in stock] == [("MUG", 9)]


async def test_a_person_leaves_a_difference_as_it_is(desk: Desk) -> None:
    drift = await desk.ask()

    said = await desk.fairway("drifts", "ignore", str(drift))
    again = await desk.reconcile("--wait")

    assert said.code == 0
    assert (again["found"], again["asked"]) == ({"channel_edit": 1}, 0)
    assert [row["status"] for row in (await desk.fairway("drifts", "list", "--json")).json] == ["ignored"]
    assert desk.shop.stock_of("MUG") == 9


async def test_words_that_cannot_be_are_refused_in_sentences(desk: Desk) -> None:
    unknown = await desk.fairway("drifts", "heal", "99", "--by", "hub")
    nowhere = await desk.fairway("reconcile", "nobody")
    await desk.fairway("connections", "--push-off", "woocommerce")
    nothing = await desk.fairway("reconcile")

    assert (unknown.code, "no difference 99" in unknown.err) == (3, True)
    assert (nowhere.code, "Nothing of 'nobody' can be compared" in nowhere.err) == (2, True)
    assert (nothing.code, "--push-on" in nothing.err) == (2, True)


async def test_what_was_said_about_whose_count_is_right_is_shown(desk: Desk) -> None:
    await desk.fairway(
        "drifts", "policy", "channel", "--kind", "channel_restock", "--connection", "woocommerce"
    )

    said = (await desk.fairway("drifts", "policy", "--json")).json

    assert [(row["connection"], row["kind"], row["wins"]) for row in said] == [
        ("woocommerce", "channel_restock", "channel")
    ]


async def test_a_shop_that_does_not_answer_is_named(desk: Desk) -> None:
    desk.shop.revoke_key()

    said = await desk.fairway("reconcile")

    assert said.code != 0
    assert "woocommerce" in said.err
    assert "Traceback" not in said.err
