"""The matrix of channels, and measuring one: what is printed, what a program gets, and the exit codes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_rig import Said, Shell

from connectors import discover
from console.cli import channels
from console.cli.main import main
from core.connector import Manifest

SLUGS = list(discover())


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell({"FAIRWAY_DIRECTORY": str(tmp_path / "hub")})


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """`fairway` in this process, where the kit can be replaced."""

    def say(*words: str) -> Said:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        out, err = capsys.readouterr()
        return Said(int(ended.value.code or 0), out, err)

    return say


def measured(**changes: Any) -> dict[str, Any]:
    """A report as the kit writes it."""
    behaviours = [
        {"id": "read-order", "sentence": "An order is read whole.", "tier": "bronze", "result": "pass"},
        {"id": "read-odd", "sentence": "An odd one is held.", "tier": "bronze", "result": "not applicable"},
        {
            "id": "stock-reaches",
            "sentence": "Stock arrives.",
            "tier": "silver",
            "result": "fail",
            "why": "it did not",
        },
    ]
    report = {
        "channel": "shopify", "tier": "bronze", "claimed": "silver", "enough": False, "next": "silver",
        "missing": ["Stock arrives."], "behaviours": behaviours, "passed": 1, "failed": 1,
    }  # fmt: skip
    return report | changes


async def test_every_channel_states_every_fact_of_selling(shell: Shell) -> None:
    rows = (await shell("channels", "--json")).json

    assert [row["channel"] for row in rows] == SLUGS
    for row in rows:
        manifest = discover()[row["channel"]].manifest
        assert (row["kind"], row["tier"]) == (manifest.kind, manifest.tier)
        assert row["capabilities"] == list(manifest.capabilities)
        assert (set(Manifest.SELLING) <= row.keys()) == (manifest.kind == "channel")


async def test_carriers_are_apart_from_channels(shell: Shell) -> None:
    said = (await shell("channels")).out

    carriers = [slug for slug in SLUGS if discover()[slug].manifest.kind == "carrier"]
    of_channels, _, of_carriers = said.partition("Carriers")
    for slug in SLUGS:
        assert (slug in of_carriers) == (slug in carriers)
        assert (slug in of_channels) == (slug not in carriers)


async def test_the_matrix_fits_a_terminal(shell: Shell) -> None:
    assert max(map(len, (await shell("channels")).out.splitlines())) <= 120


async def test_a_channel_that_is_not_there_is_a_sentence(shell: Shell) -> None:
    said = await shell("channel", "check", "etsy")

    assert (said.code, said.err) == (2, "fairway: There is no channel 'etsy'. See `fairway channels`.\n")


def test_a_connector_is_measured_by_the_kit_in_a_process_of_its_own(here: Callable[..., Said]) -> None:
    said = here("channel", "check", "shopify", "--json")

    found = said.json
    results = [one["result"] for one in found["behaviours"]]
    assert set(found) >= {"channel", "tier", "claimed", "behaviours", "passed", "failed"}
    assert (found["channel"], found["claimed"]) == ("shopify", discover()["shopify"].manifest.tier)
    assert (found["passed"], found["failed"]) == (results.count("pass"), results.count("fail"))
    assert len(results) >= 45
    assert said.code == (0 if found["enough"] else 1)


@pytest.mark.parametrize(("enough", "code"), [(True, 0), (False, 1)])
def test_the_exit_code_says_whether_the_claim_holds(
    here: Callable[..., Said], monkeypatch: pytest.MonkeyPatch, enough: bool, code: int
) -> None:
    monkeypatch.setattr(channels, "_measure", lambda _: measured(enough=enough))

    assert here("channel", "check", "shopify").code == code
    assert here("channel", "check", "shopify", "--json").code == code


def test_every_behaviour_is_told_with_its_sentence_and_what_is_missing(
    here: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "_measure", lambda _: measured())

    said = here("channel", "check", "shopify").out

    assert "  holds  An order is read whole.  (read-order)" in said
    assert "  -      An odd one is held.  (read-odd)" in said
    assert "  FAILS  Stock arrives.  (stock-reaches)\n         it did not\n" in said
    assert "Tier: bronze, claimed: silver." in said
    assert said.endswith("Missing for silver:\n  - Stock arrives.\n")


def test_without_the_kit_it_says_how_to_get_it(
    here: Callable[..., Said], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(channels, "KIT", tmp_path / "nowhere")

    said = here("channel", "check", "shopify")

    assert said.code == 1
    assert "./fairway channel check" in said.err


def test_a_kit_that_breaks_shows_why(
    here: Callable[..., Said], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(channels, "KIT", tmp_path)

    said = here("channel", "check", "shopify")

    assert said.code == 1
    assert "unrecognized arguments: --channel=shopify" in said.err
    assert "could not measure shopify" in said.err
