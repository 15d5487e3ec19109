"""The command line at a hub: linking a simulated shop, its catalogue, counts, orders and checks."""

from __future__ import annotations

import csv
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from cli_rig import Said, Shell

from core.clock import wall_clock
from core.connector import Connector
from core.hub import Hub
from core.sealing import Keyring
from core.usecases.pull_catalog import pull_catalog
from simulators.courier import Courier
from simulators.serving import serve
from simulators.woocommerce import WooCommerceSimulator
from tests.conftest import as_role

KEYS = Keyring.generate("cli")
FORMULA = '=HYPERLINK("http://evil.example","SKU")'


@dataclass
class Desk:
    """A person at a terminal, a shop on loopback, and the hub's own database."""

    fairway: Shell
    shop: WooCommerceSimulator
    url: str
    admin: asyncpg.Connection[Any]
    folder: Path

    async def link(self, *more: str) -> Said:
        key, secret = self.folder / "key", self.folder / "secret"
        key.write_text("ck_test\n")
        secret.write_text("cs_test\n")
        return await self.fairway(
            "connect", "woocommerce", "--set", f"base_url={self.url}",
            "--secret", f"consumer_key=@{key}", "--secret", f"consumer_secret=@{secret}", *more,
        )  # fmt: skip

    def file(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text, "utf-8")
        return str(self.folder / name)


@pytest.fixture
async def desk(fresh: str, tmp_path: Path) -> AsyncIterator[Desk]:
    courier = Courier(random.Random(1))
    shop = WooCommerceSimulator(
        consumer_key="ck_test",
        consumer_secret="cs_test",
        webhook_secret="whsec",
        seed=7,
        courier=courier,
        now=wall_clock,
    )
    shop.add_product(sku="MUG", name="Coffee mug", price="12.90", quantity=5)
    shop.add_product(sku=FORMULA, name="-Danger", price="9.00", quantity=2)
    served = await serve(shop.app())
    admin = await asyncpg.connect(fresh)
    shell = Shell(
        {
            "DATABASE_URL": as_role(fresh, "fairway_worker"),
            "FAIRWAY_INBOUND_KEYS": KEYS,
            "FAIRWAY_OUTBOUND_KEYS": KEYS,
            "FAIRWAY_ALLOW_PRIVATE_HOSTS": "1",
            "FAIRWAY_DIRECTORY": str(tmp_path / "none"),
        }
    )
    yield Desk(shell, shop, served.url, admin, tmp_path)
    await admin.close()
    await served.close()
    await courier.close()
