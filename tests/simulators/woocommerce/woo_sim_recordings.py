"""Reads traffic recorded from a real store, where it lies beside this checkout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

RECORDED = Path(__file__).resolve().parents[3] / ".." / "shared" / "fixtures" / "recorded" / "woocommerce"
needs_recordings = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="no recorded traffic beside this checkout"
)

# What the web server in front adds, not the shop.
SERVER = {"host", "date", "connection", "server", "content-length", "x-powered-by"}


def exchanges(name: str) -> list[dict[str, Any]]:
    with (RECORDED / f"{name}.json").open() as file:
        found: list[dict[str, Any]] = json.load(file)["exchanges"]
    return found


def decoded(text: str) -> Any:
    return json.JSONDecoder().decode(text)


def keys(value: Any) -> Any:
    """The shape of a value: keys of objects, and the shapes of the objects in a list."""
    if isinstance(value, dict):
        return {key: keys(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return sorted({repr(keys(inner)) for inner in value if isinstance(inner, dict | list)})
    return None


def named(headers: Any) -> set[str]:
    return {name.lower() for name in headers} - SERVER
