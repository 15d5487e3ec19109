"""`fairway parse` of what a carrier sends: one object a line for programs, a table with the newest scan first."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_rig import ROOT, Shell

from core.flow import decode, encode

EVENT = ROOT / "tests" / "connectors" / "easypost" / "payloads" / "event.json"
FIXTURES = ROOT.parent / "shared" / "fixtures" / "easypost"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell({"FAIRWAY_DIRECTORY": str(tmp_path / "hub")})


async def test_a_tracker_is_given_to_a_program(shell: Shell) -> None:
    said = await shell("parse", "easypost", "callback", str(EVENT), "--json")

    assert (said.code, said.err) == (0, "")
    assert said.json["kind"] == "tracking"
    tracking = said.json["tracking"]
    assert (tracking["carrier"], tracking["tracking_number"]) == ("UPS", "1Z999AA10123456784")
    assert (tracking["status"], tracking["incident"]) == ("out_for_delivery", None)
    assert tracking["status_at"] == "2026-11-24T08:14:00Z"
    assert [scan["status"] for scan in tracking["scans"]] == ["pending", "in_transit", "out_for_delivery"]
    assert [scan["incident"] for scan in tracking["scans"]] == [None, "weather", None]


async def test_a_tracker_is_shown_to_a_person_newest_scan_first(shell: Shell) -> None:
    said = await shell("parse", "easypost", "callback", str(EVENT))

    head, *rest = said.out.splitlines()
    assert head == "Parcel UPS 1Z999AA10123456784: out_for_delivery since 2026-11-24T08:14:00Z"
    assert "  estimated delivery at: 2026-11-24T17:00:00Z" in rest
    places = [next((p for p in ("BONN", "HERNE") if p in line), "") for line in rest if line[:4] == "2026"]
    assert places == ["BONN", "HERNE", ""]


async def test_several_trackers_are_a_line_each(shell: Shell) -> None:
    tracker = decode(EVENT.read_bytes())["result"]
    listed = encode({"trackers": [tracker, {**tracker, "tracking_code": "OTHER"}], "has_more": False})

    given = await shell("parse", "easypost", "callback", "-", "--json", typed=listed)
    shown = await shell("parse", "easypost", "callback", "-", typed=listed)

    objects = [decode(line.encode()) for line in given.out.splitlines()]
    assert [one["tracking"]["tracking_number"] for one in objects] == ["1Z999AA10123456784", "OTHER"]
    assert shown.out.count("Parcel UPS ") == 2


async def test_what_is_wrong_with_a_parcel_is_said(shell: Shell) -> None:
    body = b'{"object":"Tracker","tracking_code":"1Z","status":"failure","status_detail":"lost","carrier":5}'

    said = await shell("parse", "easypost", "callback", "-", typed=body)

    assert said.out.startswith("Parcel 1Z: delivery_failed, incident: lost\n")
    assert "flags: unreadable_field" in said.out
    assert "Nobody has scanned it yet." in said.err


async def test_a_callback_without_a_tracker_is_a_notice_and_a_broken_one_is_parked(shell: Shell) -> None:
    notice = await shell("parse", "easypost", "callback", "-", "--json", typed=b'{"object":"Event"}')
    parked = await shell("parse", "easypost", "callback", "-", "--json", typed=b'{"object":"Tracker"}')
    told = await shell("parse", "easypost", "callback", "-", typed=b'{"object":"Tracker"}')

    assert notice.json["kind"] == "notice"
    assert parked.json["kind"] == "parked"
    assert parked.json["reasons"][0]["pointer"] == "/tracking_code"
    assert told.out.startswith("Parked:")


@pytest.mark.skipif(not FIXTURES.exists(), reason="EasyPost's examples are not beside this checkout")
async def test_every_example_of_easypost_is_parsed(shell: Shell) -> None:
    kinds: dict[str, list[str]] = {}
    for path in sorted(FIXTURES.glob("*.json")):
        said = await shell("parse", "easypost", "callback", str(path), "--json")
        assert (said.code, said.err) == (0, ""), path.name
        kinds[path.stem] = [decode(line.encode())["kind"] for line in said.out.splitlines()]

    assert kinds["recorded-trackers-page"] == ["tracking"] * 5
    assert kinds["order-bought"] == ["tracking"] * 2
    silent = {name for name, found in kinds.items() if found == ["notice"]}
    assert silent == {
        "event-example",
        "event-post-example",
        "events-list",
        "recorded-events",
        "refunds-created",
    }
    assert len(kinds) == 16
    assert all(found == ["notice"] or set(found) == {"tracking"} for found in kinds.values())
