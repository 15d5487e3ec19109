"""The command line where no hub runs: help, reading payloads, and errors that say what to do."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import click
import jsonschema
import pytest
from cli_rig import ROOT, Shell

from connectors import discover

PAYLOADS = ROOT / "tests" / "connectors"
SHOPIFY = str(PAYLOADS / "shopify" / "payloads" / "order.json")
WOO = str(PAYLOADS / "woocommerce" / "payloads" / "order.json")
BODY = Path(WOO).read_bytes()


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell({"FAIRWAY_DIRECTORY": str(tmp_path / "hub")})


def test_help_is_there_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    took = []

    for _ in range(5):
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "console.cli", "--help"], cwd=ROOT, capture_output=True, check=True
        )
        took.append(time.perf_counter() - begun)

    assert b"./fairway demo" in done.stdout
    assert min(took) < 1
    with capsys.disabled():
        print(f" [--help: {min(took) * 1000:.0f} ms]", end="")  # noqa: T201 - a number to watch, no bound


@pytest.mark.parametrize("words", [("--help",), ("parse", "--help"), ("connect", "--help")])
async def test_help_needs_no_hub(shell: Shell, words: tuple[str, ...]) -> None:
    said = await shell(*words)

    assert said.code == 0
    assert said.out.startswith("Usage: fairway")


async def test_what_the_database_took_back_again_and_again_is_a_sentence(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command
    def refused() -> None:
        raise asyncpg.SerializationError("could not serialize access")

    monkeypatch.setattr("console.cli.main.fairway", refused)
    said = await shell()

    assert said.code == 1
    assert said.err.startswith("fairway: The database took this back")
    assert "Traceback" not in said.err


def test_every_command_of_the_tables_has_its_help() -> None:
    from console.cli.main import fairway
    from console.cli.stock import stock

    for group in (fairway, stock):
        loaded = [group.get_command(None, name) for name in group.list_commands(None)]  # type: ignore[arg-type]
        assert loaded
        assert all(command is not None and command.help for command in loaded)


@pytest.mark.parametrize(
    ("channel", "topic", "file"),
    [("shopify", "orders/create", SHOPIFY), ("woocommerce", "order.created", WOO)],
)
async def test_an_order_is_shown_to_a_person_and_to_a_program(
    shell: Shell, channel: str, topic: str, file: str
) -> None:
    shown = await shell("parse", channel, topic, file)
    given = await shell("parse", channel, topic, file, "--json")

    assert (shown.code, given.code) == (0, 0)
    assert shown.out.startswith("Order ")
    assert given.json["kind"] == "order"
    assert given.json["order"]["channel"] == channel


async def test_a_payload_comes_from_standard_input(shell: Shell) -> None:
    from_file = await shell("parse", "woocommerce", "order.created", WOO, "--json")
    typed = await shell("parse", "woocommerce", "order.created", "-", "--json", typed=BODY)

    assert typed == from_file


async def test_a_notice_and_a_parked_payload_are_answers_too(shell: Shell) -> None:
    notice = await shell("parse", "woocommerce", "product.updated", "-", "--json", typed=b'{"id": 7}')
    parked = await shell("parse", "woocommerce", "order.updated", "-", "--json", typed=b'{"id": ')
    told = await shell("parse", "woocommerce", "order.updated", "-", typed=b'{"id": ')

    assert (notice.code, parked.code, told.code) == (0, 0, 0)
    assert (notice.json["kind"], notice.json["resource_id"]) == ("notice", "7")
    assert parked.json["kind"] == "parked"
    assert parked.json["reasons"]
    assert told.out.startswith("Parked:")


async def test_the_printed_schema_describes_what_parse_prints(shell: Shell) -> None:
    printed = (await shell("schema", "order")).json
    orders = [
        (await shell("parse", "shopify", "orders/create", SHOPIFY, "--json")).json["order"],
        (await shell("parse", "woocommerce", "order.created", WOO, "--json")).json["order"],
    ]

    jsonschema.Draft202012Validator.check_schema(printed)
    for order in orders:
        jsonschema.validate(order, printed, cls=jsonschema.Draft202012Validator)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**order, "lines": "none"}, printed, cls=jsonschema.Draft202012Validator)


async def test_a_file_that_is_not_there_is_a_sentence(shell: Shell, tmp_path: Path) -> None:
    missing = str(tmp_path / "order.json")

    said = await shell("parse", "shopify", "orders/create", missing)

    assert (said.code, said.out) == (2, "")
    assert said.err == f"fairway: {missing} cannot be read (No such file or directory).\n"


async def test_an_unknown_channel_is_a_sentence(shell: Shell) -> None:
    said = await shell("parse", "etsy", "x", SHOPIFY)

    assert said.code == 2
    assert said.err == "fairway: There is no channel 'etsy'. See `fairway channels`.\n"


async def test_a_word_that_is_nearly_a_command_is_answered_with_it(shell: Shell) -> None:
    near = await shell("order")
    far = await shell("xyzzy")

    assert (near.code, far.code) == (2, 2)
    assert "Did you mean orders?" in near.err
    assert "There is no command 'xyzzy'." in far.err


async def test_channels_are_told_from_their_manifests(shell: Shell) -> None:
    table = await shell("channels")
    given = await shell("channels", "--json")

    assert [row["channel"] for row in given.json] == list(discover())
    assert all(slug in table.out for slug in discover())


@pytest.mark.parametrize(
    "words",
    [
        ("orders",),
        ("stock",),
        ("catalog",),
        ("connections",),
        ("pull",),
        ("verify",),
        ("connect", "woocommerce"),
    ],
)
async def test_without_a_hub_a_command_says_how_to_start_one(shell: Shell, words: tuple[str, ...]) -> None:
    said = await shell(*words)

    assert (said.code, said.out) == (2, "")
    assert "No hub is running" in said.err
    assert "./fairway up" in said.err


async def test_a_missing_key_is_named(shell: Shell) -> None:
    said = await Shell({**shell.variables, "DATABASE_URL": "postgresql://localhost/x"})("verify")

    assert said.code == 2
    assert said.err.startswith("fairway: FAIRWAY_INBOUND_KEYS is not set.")


async def test_a_database_that_is_not_there_is_a_sentence(shell: Shell, tmp_path: Path) -> None:
    from core.sealing import Keyring

    nowhere = {
        "DATABASE_URL": f"postgresql://u@/x?host={tmp_path}",
        "FAIRWAY_INBOUND_KEYS": Keyring.generate("k"),
    }

    said = await Shell({**shell.variables, **nowhere})("verify")

    assert said.code != 0
    assert "Traceback" not in said.err
