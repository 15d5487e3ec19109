"""The words of the EasyPost mapping are all of ours: no table leads to a word the model does not have."""

from __future__ import annotations

import tomllib
from pathlib import Path

import jsonschema
import pytest

import mappings
from core.flow import decode
from core.model.tracking import Incident, TrackingStatus
from mappings.contracts import load_contract

FILES = Path(mappings.__file__).parent / "easypost"
TABLES = tomllib.loads((FILES / "tracker.toml").read_text("utf-8"))["tables"]
CARRIERS = tomllib.loads((FILES / "carrier.toml").read_text("utf-8"))["tables"]["carriers"]


def test_every_word_leads_to_one_of_ours() -> None:
    assert set(TABLES["status"].values()) <= set(TrackingStatus)
    assert set(TABLES["incident"].values()) <= {*Incident, ""}
    assert (len(TABLES["status"]), len(TABLES["incident"])) == (10, 28)  # as many as EasyPost documents


def test_no_carriers_own_name_leads_to_another() -> None:
    for name in CARRIERS.values():
        assert CARRIERS.get(name.lower(), name) == name
    assert all(word.isascii() and word.isalnum() and word == word.lower() for word in CARRIERS)


def test_the_contract_is_a_schema_and_names_what_breaks_it() -> None:
    jsonschema.Draft202012Validator.check_schema(decode((FILES / "tracker.schema.json").read_bytes()))
    check = load_contract(FILES / "tracker.schema.json")

    assert check({"tracking_code": "1Z", "public_url": "https://track.easypost.com/x", "id": "trk_1"}) == []
    assert [problem.pointer for problem in check({"tracking_code": 1, "public_url": "javascript:x"})] == [
        "/tracking_code",
        "/public_url",
    ]


@pytest.mark.parametrize("name", ["tracking_code", "public_url", "id", "carrier"])
def test_the_contract_bounds_each_text(name: str) -> None:
    check = load_contract(FILES / "tracker.schema.json")

    assert {problem.pointer for problem in check({name: "x" * 5000})} == {f"/{name}"}
