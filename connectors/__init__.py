"""Channels and carriers, one folder each: facts in a manifest, flows and pure functions, no I/O."""

from __future__ import annotations

import tomllib
from importlib import import_module
from importlib.resources import files
from pkgutil import iter_modules

from core.connector import Connector, Manifest


def discover() -> dict[str, Connector]:
    """Every connector that ships, by its slug."""
    found = {}
    for module in iter_modules(__path__):
        if module.ispkg:
            found[module.name] = import_module(f"connectors.{module.name}").CONNECTOR
    return found


def load_manifest(package: str) -> Manifest:
    """The manifest of the connector *package*; raises `ValidationError` when a fact is missing."""
    return Manifest.model_validate(tomllib.loads(files(package).joinpath("manifest.toml").read_text("utf-8")))
