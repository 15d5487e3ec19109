"""Compiles a mapping file: a payload in, canonical fields and problems out. `mappings.source` writes the code.

The language (and it ends here): `"path | verb | lookup:table"`.

- A path is dotted (`billing.first_name`); `?` at its end makes it optional, `$.` in front starts at the payload's
  root instead of the current item. Several paths separated by commas give a list to the first verb.
- A table with `each = "path"` maps every item of a list; one without maps one object (left out, as None, when all
  its values are None).
- `[tables.NAME]` are lookups; a word that is not there is a problem, never a default.
- `[ignore] paths` are fields left unread on purpose; `*` stands for any list item, and a path covers all below it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.connector import Overrides, Problem
from mappings.paths import Path
from mappings.source import Field, Part, Reader, Rows, Rule, Verb, reader
from mappings.transforms import LIST_VERBS, VERBS


class MappingMistake(ValueError):
    """A mapping file that cannot be compiled; the message names the field."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """A compiled mapping. *reads* are the paths it reads or ignores on purpose, for `unread_fields`."""

    reads: tuple[str, ...]
    read: Reader

    def apply(self, payload: Any, overrides: Overrides | None = None) -> tuple[dict[str, Any], list[Problem]]:
        """Canonical fields (None where one could not be read) and what could not be read, with its place."""
        problems: list[Problem] = []
        return self.read(payload, overrides or {}, problems), problems


def compile_mapping(source: str) -> Mapping:
    """Compile TOML text; raises `MappingMistake` for an unknown verb, table or shape."""
    document = tomllib.loads(source)
    reads: list[str] = list(document.get("ignore", {}).get("paths", []))
    tables: dict[str, dict[str, Any]] = document.get("tables", {})
    fields = _fields(document["map"], "", tables, reads)
    return Mapping(read=reader(fields), reads=tuple(reads))


def _fields(
    table: dict[str, Any], prefix: str, tables: dict[str, dict[str, Any]], reads: list[str]
) -> dict[str, Field]:
    fields: dict[str, Field] = {}
    for name, rule in table.items():
        if name == "each":
            continue
        if isinstance(rule, str):
            fields[name] = _rule(name, rule, prefix, tables, reads)
        elif "each" in rule:
            fields[name] = _rows(rule, prefix, tables, reads)
        else:
            fields[name] = Part(_fields(rule, prefix, tables, reads))
    return fields


def _rows(rule: dict[str, Any], prefix: str, tables: dict[str, dict[str, Any]], reads: list[str]) -> Rows:
    path = Path.of(rule["each"])
    where = path.below(prefix)
    fields = _fields(rule, f"{where}.*.", tables, reads)
    reads.append(where)
    return Rows(path, fields)


def _rule(name: str, rule: str, prefix: str, tables: dict[str, dict[str, Any]], reads: list[str]) -> Rule:
    sources, *verbs = [part.strip() for part in rule.split("|")]
    paths = tuple(Path.of(source.strip()) for source in sources.split(","))
    reads.extend(path.below(prefix) for path in paths)
    chain = tuple(_verb(name, verb, tables) for verb in verbs)
    if len(paths) > 1 and (not verbs or verbs[0] not in LIST_VERBS):
        raise MappingMistake(f"{name}: several paths need a verb that takes a list ({sorted(LIST_VERBS)})")
    return Rule(paths, chain)


def _verb(name: str, verb: str, tables: dict[str, dict[str, Any]]) -> Verb:
    if verb.startswith("lookup:"):
        table = verb.removeprefix("lookup:")
        if table not in tables:
            raise MappingMistake(f"{name}: there is no [tables.{table}]")
        return Verb(_lookup(table, tables[table]), looks_up=True)
    if verb not in VERBS:
        raise MappingMistake(f"{name}: there is no verb {verb!r}")
    return Verb(VERBS[verb], looks_up=False)


def _lookup(name: str, table: dict[str, Any]) -> Callable[[Any, Overrides], Any]:
    def look_up(value: Any, overrides: Overrides) -> Any:
        word = value if isinstance(value, str) else str(value)
        own = overrides.get(name)
        if own and word in own:
            return own[word]
        if word in table:
            return table[word]
        raise KeyError(f"the word {word[:60]!r}")

    return look_up


def unread_fields(payload: Any, reads: tuple[str, ...]) -> list[str]:
    """Paths of *payload* that the mapping neither reads nor ignores: a new field at the channel is noticed.

    An empty list, an empty object or a null where the mapping reads deeper is nothing unread.
    """
    known = {tuple(path.split(".")) for path in reads}
    inner = {path[:end] for path in known for end in range(len(path))}
    found: dict[str, None] = {}

    def walk(value: Any, path: tuple[str, ...]) -> None:
        if path in known and not (isinstance(value, list) and (*path, "*") in inner):
            return
        if isinstance(value, dict) and value:
            for key, item in value.items():
                walk(item, (*path, key))
        elif isinstance(value, list) and value:
            for item in value:
                walk(item, (*path, "*"))
        elif path not in inner or value not in (None, [], {}):
            found[".".join(path)] = None

    walk(payload, ())
    return list(found)
