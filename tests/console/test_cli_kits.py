"""Kits at the command line: defined one by one or from a file, and shown with how many there are."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_rig import Shell

from core.sealing import Keyring
from tests.conftest import as_role

KEYS = Keyring.generate("cli")


@pytest.fixture
async def fairway(fresh: str, tmp_path: Path) -> Shell:
    """A terminal at a hub where five mugs and three teas were counted."""
    shell = Shell(
        {
            "DATABASE_URL": as_role(fresh, "fairway_worker"),
            "FAIRWAY_INBOUND_KEYS": KEYS,
            "FAIRWAY_OUTBOUND_KEYS": KEYS,
            "FAIRWAY_DIRECTORY": str(tmp_path / "none"),
        }
    )
    (tmp_path / "count.csv").write_text("sku,on_hand\nMUG,5\nTEA,3\n")
    said = await shell("stock", "count", "--file", str(tmp_path / "count.csv"))
    assert said.code == 0, said.err
    return shell


async def test_a_kit_is_set_shown_and_removed(fairway: Shell) -> None:
    nothing = await fairway("stock", "kits")
    made = await fairway("stock", "kits", "set", "BOX", "MUG=2", "TEA=1")
    shown = await fairway("stock", "kits")
    listed = await fairway("stock", "kits", "list", "--json")
    gone = await fairway("stock", "kits", "remove", "BOX", "--json")

    assert "fairway stock kits set" in nothing.err
    assert (made.code, made.out.split("\n")[1].split()[:3]) == (0, ["BOX", "added", "-"])
    assert "No variant had the SKU BOX before" in made.err
    assert [line.split() for line in shown.out.splitlines()] == [
        ["KIT", "MADE_OF", "READY_MADE", "TO_BE_MADE"],
        ["BOX", "2", "MUG", "+", "1", "TEA", "0", "2"],
    ]
    assert listed.json["kits"] == [
        {
            "sku": "BOX",
            "made_of": {"MUG": 2, "TEA": 1},
            "needs": {"MUG": 2, "TEA": 1},
            "ready_made": 0,
            "to_be_made": 2,
        }
    ]
    assert [(row["outcome"], row["after"]) for row in gone.json["changes"]] == [("removed", {})]


async def test_a_file_defines_many_and_a_dry_run_writes_none(fairway: Shell, tmp_path: Path) -> None:
    path = tmp_path / "kits.csv"
    path.write_text("\ufeffkit,component,units\nBOX,MUG,2\nBOX,TEA,1\nCASE,BOX,6\n")

    planned = await fairway("stock", "kits", "--file", str(path), "--dry-run", "--json")
    before = await fairway("stock", "kits", "--json")
    done = await fairway("stock", "kits", "--file", str(path), "--json")
    after = await fairway("stock", "kits", "--json")

    assert planned.json == {**done.json, "dry_run": True}
    assert [row["outcome"] for row in done.json["changes"]] == ["added", "added"]
    assert before.json == {"kits": []}
    assert [kit["needs"] for kit in after.json["kits"]] == [{"MUG": 2, "TEA": 1}, {"MUG": 12, "TEA": 6}]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("kit,component,units\nBOX,MUG,2\nBOX,TEA,none\n", "Line 3 of"),
        ("kit,component,units\nBOX,MUG,2\nBOX,MUG,2\n", "names MUG again"),
        ("kit,component,units\n,MUG,2\n", "names no kit"),
        ("kit,component\nBOX,MUG\n", "no column 'units'"),
        ("kit,component,units\nBOX,MGU,2\n", "no variant with the SKU 'MGU'"),
        ("kit,component,units\nBOX,MUG,0\n", "cannot be"),
        ("kit,component,units\nBOX,CASE,1\nCASE,BOX,1\n", "BOX > CASE > BOX"),
    ],
)
async def test_a_file_with_a_wrong_line_changes_nothing(
    fairway: Shell, tmp_path: Path, text: str, sentence: str
) -> None:
    (tmp_path / "kits.csv").write_text(text)

    said = await fairway("stock", "kits", "--file", str(tmp_path / "kits.csv"))

    assert (said.code, "Traceback" in said.err) == (2, False)
    assert sentence in said.err
    assert (await fairway("stock", "kits", "--json")).json == {"kits": []}


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("set", "BOX", "MUG"), 2, "'MUG' is not a component"),
        (("set", "BOX", "MUG=two"), 2, "'MUG=two' is not a component"),
        (("set", "BOX"), 2, "Missing argument"),
        (("--dry-run",), 2, "goes with --file"),
        (("--merchant", "nobody"), 3, "no merchant 'nobody'"),
    ],
)
async def test_half_a_command_says_what_is_missing(
    fairway: Shell, words: tuple[str, ...], code: int, sentence: str
) -> None:
    said = await fairway("stock", "kits", *words)

    assert said.code == code
    assert sentence in said.err
