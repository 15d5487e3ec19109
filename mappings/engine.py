"""Compiles a mapping file into plain closures: a payload in, canonical fields and problems out.

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
from collections.abc import Mapping as Words
from dataclasses import dataclass
from typing import Any

from core.connector import Problem
from mappings.paths import Path, Unmapped
from mappings.transforms import LIST_VERBS, VERBS

Field = Callable[[Any, Any, "Context"], Any]  # (the payload's root, the current item, the run) -> a value


class MappingMistake(ValueError):
    """A mapping file that cannot be compiled; the message names the field."""


@dataclass(slots=True)
class Context:
    """One run over one payload: merchant's lookup rows in, problems out."""

    overrides: Words[str, Words[str, str]]
    problems: list[Problem]
    place: str = ""


@dataclass(frozen=True, slots=True)
class Mapping:
    """A compiled mapping. *reads* are the paths it reads or ignores on purpose, for `unread_fields`."""

    reads: tuple[str, ...]
    fields: dict[str, Field]

    def apply(
        self, payload: Any, overrides: Words[str, Words[str, str]] | None = None
    ) -> tuple[dict[str, Any], list[Problem]]:
        """Canonical fields (None where one could not be read) and what could not be read, with its place."""
        context = Context(overrides or {}, [])
        return _object(self.fields, payload, payload, context), context.problems


def compile_mapping(source: str) -> Mapping:
    """Compile TOML text; raises `MappingMistake` for an unknown verb, table or shape."""
    document = tomllib.loads(source)
    reads: list[str] = list(document.get("ignore", {}).get("paths", []))
    tables: dict[str, dict[str, Any]] = document.get("tables", {})
    return Mapping(fields=_compile(document["map"], "", tables, reads), reads=tuple(reads))


def _compile(
    table: dict[str, Any], prefix: str, tables: dict[str, dict[str, Any]], reads: list[str]
) -> dict[str, Field]:
    compiled: dict[str, Field] = {}
    for name, rule in table.items():
        if name == "each":
            continue
        if isinstance(rule, str):
            compiled[name] = _rule(name, rule, prefix, tables, reads)
        elif "each" in rule:
            compiled[name] = _each(rule, prefix, tables, reads)
        else:
            compiled[name] = _nested(_compile(rule, prefix, tables, reads))
    return compiled


def _object(fields: dict[str, Field], root: Any, item: Any, context: Context) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, read in fields.items():
        try:
            values[name] = read(root, item, context)
        except Unmapped as unmapped:
            context.problems.append(unmapped.problem(context.place))
            values[name] = None
    return values


def _nested(fields: dict[str, Field]) -> Field:
    def read(root: Any, item: Any, context: Context) -> Any:
        values = _object(fields, root, item, context)
        for value in values.values():
            if value is not None:
                return values
        return None

    return read


def _each(rule: dict[str, Any], prefix: str, tables: dict[str, dict[str, Any]], reads: list[str]) -> Field:
    path = Path.of(rule["each"])
    where = path.below(prefix)
    fields = _compile(rule, f"{where}.*.", tables, reads)
    reads.append(where)
    walk, rooted = path.reader(), path.rooted

    def read(root: Any, item: Any, context: Context) -> Any:
        found = walk(root if rooted else item)
        if found is None:
            return ()
        if not isinstance(found, list):
            raise Unmapped("invalid_value", path, "is not a list")
        rows: list[dict[str, Any]] = []
        if not found:
            return rows
        outer = context.place
        place = path.pointer(outer)
        for index, row in enumerate(found):
            context.place = f"{place}/{index}"
            if isinstance(row, dict):
                rows.append(_object(fields, root, row, context))
            else:
                context.problems.append(
                    Problem(code="invalid_value", pointer=context.place, message="is not an object")
                )
        context.place = outer
        return rows

    return read


def _rule(name: str, rule: str, prefix: str, tables: dict[str, dict[str, Any]], reads: list[str]) -> Field:
    sources, *verbs = [part.strip() for part in rule.split("|")]
    paths = [Path.of(source.strip()) for source in sources.split(",")]
    reads.extend(path.below(prefix) for path in paths)
    chain = [_verb(name, verb, tables) for verb in verbs]
    several = len(paths) > 1
    if several and (not verbs or verbs[0] not in LIST_VERBS):
        raise MappingMistake(f"{name}: several paths need a verb that takes a list ({sorted(LIST_VERBS)})")
    walks = [(path.reader(), path.rooted) for path in paths]
    walk, rooted = walks[0]
    if len(chain) == 1 and not several and not chain[0][1]:
        return _plain(paths[0], chain[0][0])

    def read(root: Any, item: Any, context: Context) -> Any:
        if several:
            value: Any = [each(root if from_root else item) for each, from_root in walks]
        else:
            value = walk(root if rooted else item)
        try:
            for verb, looks_up in chain:
                if value is None:
                    return None
                value = verb(value, context.overrides) if looks_up else verb(value)
        except KeyError as error:
            raise Unmapped("unmapped_value", paths[0], f"{error.args[0]} is not known here") from None
        except ValueError as error:
            raise Unmapped("invalid_value", paths[0], _first_line(error)) from None
        return value

    return read


def _plain(path: Path, verb: Callable[[Any], Any]) -> Field:
    """One path and one verb: nearly every rule, so it is spelled out."""
    walk, rooted = path.reader(), path.rooted

    def read(root: Any, item: Any, _: Context) -> Any:
        value = walk(root if rooted else item)
        if value is None:
            return None
        try:
            return verb(value)
        except ValueError as error:
            raise Unmapped("invalid_value", path, _first_line(error)) from None

    return read


def _first_line(error: ValueError) -> str:
    return str(error).splitlines()[0][:200]


def _verb(name: str, verb: str, tables: dict[str, dict[str, Any]]) -> tuple[Callable[..., Any], bool]:
    """The verb's function, and whether it looks words up (then it takes the merchant's rows too)."""
    if verb.startswith("lookup:"):
        table = verb.removeprefix("lookup:")
        if table not in tables:
            raise MappingMistake(f"{name}: there is no [tables.{table}]")
        return _lookup(table, tables[table]), True
    if verb not in VERBS:
        raise MappingMistake(f"{name}: there is no verb {verb!r}")
    return VERBS[verb], False


def _lookup(name: str, table: dict[str, Any]) -> Callable[[Any, Words[str, Words[str, str]]], Any]:
    def read(value: Any, overrides: Words[str, Words[str, str]]) -> Any:
        word = value if isinstance(value, str) else str(value)
        own = overrides.get(name)
        if own and word in own:
            return own[word]
        if word in table:
            return table[word]
        raise KeyError(f"the word {word[:60]!r}")

    return read


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
