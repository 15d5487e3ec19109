"""A linked shop, and a person at a terminal who sees after its stock."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
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


@asynccontextmanager
async def open_desk(fresh: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk over the empty database *fresh*."""
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
