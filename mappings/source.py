"""Writes the rules of a mapping down as Python, once: reading an order then runs straight through, and looks no rule up.

One function reads the whole payload, one more each list in it. A field is read in a `try` of its own, for what cannot be
read is told with its place and leaves the other fields as they are. Knows no TOML and no channel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Mapping as Words
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from core.connector import Problem
from core.flow import Defect
from mappings.paths import Path, Unmapped

Overrides = Words[str, Words[str, str]]
Reader = Callable[
    [Any, Overrides, list[Problem]], dict[str, Any]
]  # (payload, merchant's rows, problems to add to)


@dataclass(frozen=True, slots=True)
class Verb:
    """One step of a rule. One that *looks_up* words takes the merchant's rows too."""

    run: Callable[..., Any]
    looks_up: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One value: from one path, or from several as a list, through the verbs one after the other."""

    paths: tuple[Path, ...]
    verbs: tuple[Verb, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """An object of several values: None when all of them are."""

    fields: dict[str, Field]


@dataclass(frozen=True, slots=True)
class Rows:
    """A list, each item of which is mapped."""

    path: Path
    fields: dict[str, Field]


Field = Rule | Part | Rows


def reader(fields: dict[str, Field]) -> Reader:
    """The function that reads *fields* from a payload; each is None where it could not be read."""
    module = _Module()
    body = _Body(module, fields, here='""')
    module.add(
        "def read(item, words, problems):",
        ["root = item", "place = ''", *body.lines, f"return {body.result}"],
    )
    exec(compile("\n".join(module.lines), "<mapping>", "exec"), module.names)  # noqa: S102 - our own words, written above
    made: Reader = module.names["read"]
    return made


@dataclass(slots=True)
class _Module:
    """The source so far, and what its names stand for."""

    lines: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)
    names: dict[str, Any] = field(
        default_factory=lambda: {
            "Defect": Defect,
            "NOTHING": {},
            "ERRORS": (Unmapped, ValueError, KeyError),
            "failed": _failed,
            "no_object": _no_object,
        }
    )

    def name(self, value: Any = None, prefix: str = "v") -> str:
        """A new name; it stands for *value* wherever the source says it, where there is one."""
        made = f"{prefix}{next(self.numbers)}"
        if value is not None:
            self.names[made] = value
        return made

    def add(self, head: str, body: list[str]) -> None:
        self.lines += [head, *_indented(body)]


class _Body:
    """The lines that read some fields of `item` into local names, and *result*, the object made of these."""

    def __init__(self, module: _Module, fields: dict[str, Field], *, here: str) -> None:
        self._module, self._here = module, here
        self._holders: dict[tuple[bool, tuple[str, ...]], str] = {}
        self._above: list[str] = []
        below, self.result = self._object(fields)
        self.lines = self._above + below

    def _object(self, fields: dict[str, Field]) -> tuple[list[str], str]:
        lines: list[str] = []
        values: dict[str, str] = {}
        for name, one in fields.items():
            values[name] = target = self._module.name()
            lines += self._field(target, one)
        return lines, "{" + ", ".join(f"{name!r}: {value}" for name, value in values.items()) + "}"

    def _field(self, target: str, one: Field) -> list[str]:
        if isinstance(one, Part):
            lines, result = self._object(one.fields)
            return [
                *lines,
                f"{target} = {result}",
                f"for value in {target}.values():",
                "    if value is not None:",
                "        break",
                "else:",
                f"    {target} = None",
            ]
        path = one.path if isinstance(one, Rows) else one.paths[0]
        lines = self._rows(target, one) if isinstance(one, Rows) else self._rule(target, one)
        return [
            "try:",
            *_indented(lines),
            "except ERRORS as error:",
            f"    {target} = failed(error, {self._module.name(path, 'p')}, {self._here}, problems)",
        ]

    def _rule(self, target: str, rule: Rule) -> list[str]:
        if len(rule.paths) == 1:
            calls = [
                f"{'' if first else 'if ' + target + ' is not None: '}{target} = {self._call(verb, target)}"
                for first, verb in zip((True, *[False] * len(rule.verbs)), rule.verbs, strict=False)
            ]
            return self._value(target, rule.paths[0], calls)
        sources = [self._module.name() for _ in rule.paths]
        lines = [
            line
            for source, path in zip(sources, rule.paths, strict=True)
            for line in self._value(source, path, [])
        ]
        lines.append(f"{target} = {self._call(rule.verbs[0], '[' + ', '.join(sources) + ']')}")
        return lines + [
            f"if {target} is not None: {target} = {self._call(verb, target)}" for verb in rule.verbs[1:]
        ]

    def _call(self, verb: Verb, argument: str) -> str:
        name = self._module.name(verb.run, verb.run.__name__)
        return f"{name}({argument}, words)" if verb.looks_up else f"{name}({argument})"

    def _value(self, target: str, path: Path, then: list[str]) -> list[str]:
        """Lines that walk *path*, and do *then* with what is there."""
        name = self._module.name(path, "p")
        lines = [
            f"{target} = {self._holder(path)}.get({path.steps[-1]!r})",
            f"if {target} is not None:",
            f"    if {target}.__class__ is Defect: raise {name}.spoiled({target})",
            *_indented(then),
        ]
        return (
            lines
            if path.optional
            else [*lines, f"else: raise {name}.missing({'root' if path.rooted else 'item'})"]
        )

    def _holder(self, path: Path) -> str:
        """The name of the object that the last step of *path* is taken from; an empty one where it is no object."""
        start = "root" if path.rooted else "item"
        name = self._checked((path.rooted, ()), start)
        for end in range(1, len(path.steps)):
            name = self._checked((path.rooted, path.steps[:end]), f"{name}.get({path.steps[end - 1]!r})")
        return name

    def _checked(self, key: tuple[bool, tuple[str, ...]], expression: str) -> str:
        if key not in self._holders:
            self._holders[key] = name = self._module.name(prefix="o")
            self._above += [f"{name} = {expression}", f"if not isinstance({name}, dict): {name} = NOTHING"]
        return self._holders[key]

    def _rows(self, target: str, rows: Rows) -> list[str]:
        name, path = self._module.name(prefix="rows"), self._module.name(rows.path, "p")
        inner = _Body(self._module, rows.fields, here="f'{place}/{index}'")
        loop = [
            "if not isinstance(item, dict):",
            "    problems.append(no_object(f'{place}/{index}'))",
            "    continue",
            *inner.lines,
            f"made.append({inner.result})",
        ]
        self._module.add(
            f"def {name}(items, place, root, words, problems):",
            ["made = []", "for index, item in enumerate(items):", *_indented(loop), "return made"],
        )
        found, below = self._module.name(), repr(rows.path.pointer(""))
        where = below if rows.path.rooted else f"{self._here} + {below}"
        return [
            *self._value(found, rows.path, []),
            f"if {found} is None: {target} = ()",
            f"elif not isinstance({found}, list): raise {path}.no_list()",
            f"elif not {found}: {target} = []",
            f"else: {target} = {name}({found}, {where}, root, words, problems)",
        ]


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _failed(error: Exception, path: Path, place: str, problems: list[Problem]) -> None:
    """Tell why the field at *path* could not be read; it is None."""
    if isinstance(error, Unmapped):
        unmapped = error
    elif isinstance(error, KeyError):
        unmapped = Unmapped("unmapped_value", path, f"{error.args[0]} is not known here")
    else:
        unmapped = Unmapped("invalid_value", path, str(error).splitlines()[0][:200])
    problems.append(unmapped.problem(place))


def _no_object(place: str) -> Problem:
    return Problem(code="invalid_value", pointer=place, message="is not an object")
