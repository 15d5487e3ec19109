"""The command line at a hub: linking a simulated shop, its catalogue, counts, orders and checks."""

from __future__ import annotations

import csv
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from cli_rig import Said, Shell

from core.clock import wall_clock
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


async def test_a_shop_is_linked_once_its_keys_have_proved_to_work(desk: Desk) -> None:
    linked = await desk.link("--public-url", desk.url, "--json")

    assert linked.code == 0, linked.err
    assert linked.json["webhook_address"].startswith(f"{desk.url}/hooks/")
    assert sorted(linked.json["topics"]) == sorted(hook.topic for hook in desk.shop.hooks.hooks.values())
    assert "cs_test" not in linked.out + linked.err


async def test_wrong_keys_are_a_sentence_and_nothing_is_stored(desk: Desk) -> None:
    wrong = desk.file("wrong", "cs_other")

    said = await desk.link("--secret", f"consumer_secret=@{wrong}")

    assert said.code == 1
    assert "refused" in said.err
    assert "Traceback" not in said.err
    assert await desk.admin.fetchval("SELECT count(*) FROM connections") == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--secret", "consumer_key=ck_test"), "stays in the history"),
        (("--secret", "consumer_key"), "is not KEY=VALUE"),
        (("--secret", "consumer_key=@/nowhere/key"), "/nowhere/key cannot be read"),
        (("--secret", "password=@/dev/null"), "has no secret 'password'"),
        (("--set", "url=x"), "has no setting 'url'"),
        ((), "needs consumer_key, consumer_secret"),
    ],
)
async def test_linking_with_half_of_what_is_needed_says_what_is_missing(
    desk: Desk, words: tuple[str, ...], sentence: str
) -> None:
    said = await desk.fairway("connect", "woocommerce", *words)

    assert said.code == 2
    assert sentence in said.err


async def test_pushes_are_off_until_a_person_allows_them(desk: Desk) -> None:
    await desk.link()

    before = await desk.fairway("connections", "--json")
    on = await desk.fairway("connections", "--push-on", "woocommerce", "--json")
    off = await desk.fairway("connections", "--push-off", "woocommerce", "--json")
    unknown = await desk.fairway("connections", "--push-on", "nobody")

    assert [row["push_stock"] for said in (before, on, off) for row in said.json] == [False, True, False]
    assert (unknown.code, unknown.err) == (
        3, "fairway: There is no connection 'nobody'. See `fairway connections`.\n",
    )  # fmt: skip


async def _catalogue(desk: Desk, make_hub: Callable[..., Any]) -> None:
    """What a worker does with the catalogue that is due."""
    from core.settings import read_settings
    from core.store import connections, schedule

    settings = read_settings(desk.fairway.variables)
    hub: Hub = await make_hub(inbound=settings.inbound, outbound=settings.outbound)
    hub.clock = wall_clock
    async with hub.database.transaction([]) as tx:
        merchants = await connections.merchant_ids(tx)
    async with hub.database.transaction(merchants) as tx:
        [lease] = await schedule.claim(tx, ["catalog"], hub.clock(), 20.0, 1)
    await pull_catalog(hub, lease)


async def test_a_catalogue_goes_to_a_spreadsheet_and_comes_back(
    desk: Desk, make_hub: Callable[..., Any]
) -> None:
    await desk.link()
    await _catalogue(desk, make_hub)

    out = (await desk.fairway("catalog", "--csv")).out
    rows = list(csv.DictReader(StringIO(out)))
    rows[0]["units"] = "6"
    edited = StringIO()
    writer = csv.DictWriter(edited, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    matched = await desk.fairway("catalog", "--match", desk.file("edited.csv", edited.getvalue()), "--json")

    assert [row["sku"] for row in rows] == ["MUG", f"'{FORMULA}"]
    assert rows[1]["title"] == "'-Danger"
    assert matched.json["matched_now"] == 2
    assert [(row["variant"], row["units"]) for row in matched.json["rows"]] == [("MUG", 6), (FORMULA, 1)]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("connection,channel_item_id,variant,units\nwoocommerce,1,A,1\nwoocommerce,2,B,none\n", "Line 3 of"),
        ("connection,channel_item_id,variant,units\nwoocommerce,1,A,99999999999\n", "Line 2 of"),
        ("connection,channel_item_id,variant\nwoocommerce,1,A\nwoocommerce,1,B\n", "matches a listing again"),
        ("connection,channel_item_id,variant\nwocommerce,1,A\n", "not there: 'wocommerce'"),
        ("connection;channel_item_id;variant\nwoocommerce;1;A\n", "no column 'connection'"),
    ],
)
async def test_a_match_with_a_wrong_line_changes_nothing(desk: Desk, text: str, sentence: str) -> None:
    await desk.link()

    said = await desk.fairway("catalog", "--match", desk.file("match.csv", text))

    assert said.code == 2
    assert sentence in said.err
    assert await desk.admin.fetchval("SELECT count(*) FROM variants") == 0


async def test_a_count_is_booked_and_shown(desk: Desk) -> None:
    path = desk.file("count.csv", "\ufeffsku,on_hand,note\nMUG,5,top shelf\n'=LAMP,0,\n")

    first = await desk.fairway("stock", "count", "--file", path, "--json")
    again = await desk.fairway("stock", "count", "--file", path)
    as_csv = await desk.fairway("stock", "--csv")

    assert first.code == 0, first.err
    assert first.json["changed"] == 1
    assert [(row["sku"], row["after"]["on_hand"], row["after"]["free"]) for row in first.json["changes"]] == [
        ("MUG", 5, 5),
        ("=LAMP", 0, 0),
    ]
    assert "0 balances changed" in again.err
    assert [row["sku"] for row in csv.DictReader(StringIO(as_csv.out))] == ["'=LAMP", "MUG"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("sku,on_hand\nMUG,5\nLAMP,-1\n", "Line 3 of"),
        ("sku,on_hand\nMUG,5\nLAMP\n", "Line 3 of"),
        ("sku,on_hand\nMUG,5\nMUG,6\n", "MUG at Main is counted again"),
        ("sku,on_hand\nMUG,99999999999999999999\n", "cannot be a count"),
        ("MUG,5\n", "no column 'sku'"),
    ],
)
async def test_a_count_with_a_wrong_line_books_nothing(desk: Desk, text: str, sentence: str) -> None:
    said = await desk.fairway("stock", "count", "--file", desk.file("count.csv", text))

    assert said.code == 2
    assert sentence in said.err
    assert await desk.admin.fetchval("SELECT count(*) FROM stock_ledger") == 0


async def test_a_count_that_is_no_text_is_a_sentence(desk: Desk) -> None:
    (desk.folder / "count.csv").write_bytes(b"sku,on_hand\n\xff\xfe,5\n")

    said = await desk.fairway("stock", "count", "--file", str(desk.folder / "count.csv"))

    assert said.code == 2
    assert "not a CSV file in UTF-8" in said.err


async def test_an_empty_hub_has_answers_for_programs_and_hints_for_people(desk: Desk) -> None:
    orders = await desk.fairway("orders", "--json")
    shown = await desk.fairway("orders")
    missing = await desk.fairway("orders", "7")

    assert (orders.code, orders.json) == (0, [])
    assert (shown.out, shown.err) == ("", "No order yet. `fairway pull` asks the channels.\n")
    assert (missing.code, missing.err) == (3, "fairway: There is no order 7.\n")


async def test_a_pull_is_asked_for_by_name(desk: Desk) -> None:
    await desk.link()

    named = await desk.fairway("pull", "woocommerce", "--json")
    unknown = await desk.fairway("pull", "nobody")

    assert (named.code, named.json) == (0, {"pulling": ["woocommerce"]})
    assert unknown.code == 3
    assert await desk.admin.fetchval("SELECT rung FROM schedule WHERE kind = 'pull'") > 0


async def test_verify_fails_only_when_an_invariant_is_broken(desk: Desk) -> None:
    await desk.fairway("stock", "count", "--file", desk.file("count.csv", "sku,on_hand\nMUG,5\n"))

    whole = await desk.fairway("verify", "--json")
    unsettled = await desk.fairway("verify", "--at-rest")
    await desk.admin.execute("UPDATE stock SET on_hand = on_hand + 1")
    broken = await desk.fairway("verify", "--json")

    assert (whole.code, whole.json["violations"]) == (0, {})
    assert (unsettled.code, unsettled.out.splitlines()[1:]) == (1, ["  dirty_left: 1"])
    assert broken.code == 1
    assert broken.json["violations"]


async def test_rules_and_words_are_shown_tried_and_loaded(desk: Desk) -> None:
    await desk.link()
    rules = desk.file("rules.json", '[{"conditions": {"tag": "wholesale"}, "action": "reserve_only"}]')
    wrong = desk.file("wrong.json", '[{"conditions": {"colour": "red"}, "action": "ship"}]')
    words = desk.file("words.csv", "connection,lookup,word,meaning\n,payment_status,lay-by,pending\n")

    refused = await desk.fairway("rules", "--load", wrong)
    loaded = await desk.fairway("rules", "--load", rules, "--json")
    tried = await desk.fairway("words", "--load", words, "--dry-run", "--json")
    kept = await desk.fairway("words", "--load", words, "--json")

    assert refused.code == 2
    assert "Nothing was changed" in refused.err
    assert loaded.json["own"] == [{"conditions": {"tag": "wholesale"}, "action": "reserve_only"}]
    assert tried.json["words"] == []
    assert kept.json["words"][0]["meaning"] == "pending"
