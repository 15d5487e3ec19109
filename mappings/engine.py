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
from collections.abc import Callable, Mapping as Words
from dataclasses import dataclass
from typing import Any

from core.connector import Problem
from core.flow import Defect
from mappings.transforms import LIST_VERBS, VERBS

Field = Callable[[Any, Any, "Context"], Any]  # (the payload's root, the current item, the run) -> a value


class MappingMistake(ValueError):
    """A mapping file that cannot be compiled; the message names the field."""


class _Unmapped(Exception):
    """What a path or a verb cannot answer; only then a pointer is written."""

    def __init__(self, code: str, path: _Path, message: str) -> None:
        self.code, self.path, self.message = code, path, message

    def problem(self, place: str) -> Problem:
        return Problem(code=self.code, pointer=self.path.pointer(place), message=self.message)


@dataclass(frozen=True, slots=True)
class _Path:
    """One path of a rule, compiled."""

    steps: tuple[str, ...]
    optional: bool
    rooted: bool

    @staticmethod
    def of(source: str) -> _Path:
        bare = source.removesuffix("?")
        return _Path(tuple(bare.removeprefix("$.").split(".")), source.endswith("?"), bare.startswith("$."))

    def below(self, prefix: str) -> str:
        return ("" if self.rooted else prefix) + ".".join(self.steps)

    def pointer(self, place: str) -> str:
        return "".join(("" if self.rooted else place, *(f"/{step}" for step in self.steps)))

    def reader(self) -> Callable[[Any, Any], Any]:
        """A function of root and item that walks the path."""
        steps, optional, rooted = self.steps, self.optional, self.rooted

        def read(root: Any, item: Any) -> Any:
            value = root if rooted else item
            for step in steps:
                if isinstance(value, dict):
                    value = value.get(step)
                elif value is None or optional:
                    value = None
                    break
                else:
                    raise _Unmapped("invalid_value", self, "lies below something that is not an object")
            if value is None:
                if not optional:
                    raise _Unmapped("missing_value", self, "is missing")
            elif isinstance(value, Defect):
                raise _Unmapped("invalid_value", self, value.message)
            return value

        return read


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
        except _Unmapped as unmapped:
            context.problems.append(unmapped.problem(context.place))
            values[name] = None
    return values


def _nested(fields: dict[str, Field]) -> Field:
    def read(root: Any, item: Any, context: Context) -> Any:
        values = _object(fields, root, item, context)
        return None if all(value is None for value in values.values()) else values

    return read


def _each(rule: dict[str, Any], prefix: str, tables: dict[str, dict[str, Any]], reads: list[str]) -> Field:
    path = _Path.of(rule["each"])
    where = path.below(prefix)
    fields = _compile(rule, f"{where}.*.", tables, reads)
    reads.append(where)
    walk = path.reader()

    def read(root: Any, item: Any, context: Context) -> Any:
        found = walk(root, item)
        if found is None:
            return ()
        if not isinstance(found, list):
            raise _Unmapped("invalid_value", path, "is not a list")
        outer = context.place
        place = path.pointer(outer)
        rows = []
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
    paths = [_Path.of(source.strip()) for source in sources.split(",")]
    reads.extend(path.below(prefix) for path in paths)
    chain = [_verb(name, verb, tables) for verb in verbs]
    takes_list = bool(verbs) and verbs[0] in LIST_VERBS and len(paths) > 1
    if len(paths) > 1 and not takes_list:
        raise MappingMistake(f"{name}: several paths need a verb that takes a list ({sorted(LIST_VERBS)})")
    walks = [path.reader() for path in paths]
    walk, place = walks[0], paths[0]

    def read(root: Any, item: Any, context: Context) -> Any:
        value = [each(root, item) for each in walks] if takes_list else walk(root, item)
        try:
            for verb in chain:
                if value is None:
                    return None
                value = verb(value, context)
        except KeyError as error:
            raise _Unmapped("unmapped_value", place, f"{error.args[0]} is not known here") from None
        except ValueError as error:
            raise _Unmapped("invalid_value", place, _first_line(error)) from None
        return value

    return read


def _first_line(error: ValueError) -> str:
    return str(error).splitlines()[0][:200]


def _verb(name: str, verb: str, tables: dict[str, dict[str, Any]]) -> Callable[[Any, Context], Any]:
    if verb.startswith("lookup:"):
        table = verb.removeprefix("lookup:")
        if table not in tables:
            raise MappingMistake(f"{name}: there is no [tables.{table}]")
        return _lookup(table, tables[table])
    if verb not in VERBS:
        raise MappingMistake(f"{name}: there is no verb {verb!r}")
    function = VERBS[verb]
    return lambda value, _: function(value)


def _lookup(name: str, table: dict[str, Any]) -> Callable[[Any, Context], Any]:
    def read(value: Any, context: Context) -> Any:
        word = value if isinstance(value, str) else str(value)
        own = context.overrides.get(name)
        if own and word in own:
            return own[word]
        if word in table:
            return table[word]
        raise KeyError(f"the word {word[:60]!r}")

    return read


def unread_fields(payload: Any, reads: tuple[str, ...]) -> list[str]:
    """Paths of *payload* that the mapping neither reads nor ignores: a new field at the channel is noticed."""
    known = {tuple(path.split(".")) for path in reads}
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
        else:
            found[".".join(path)] = None

    inner = {path[: index + 1] for path in known for index, step in enumerate(path) if step == "*"}
    walk(payload, ())
    return list(found)
