"""Paths into a payload, compiled: walking one, and saying where it failed. Knows no verb and no field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.connector import Problem
from core.flow import Defect


class Unmapped(Exception):
    """What a path or a verb cannot answer; only then a pointer is written."""

    def __init__(self, code: str, path: Path, message: str) -> None:
        self.code, self.path, self.message = code, path, message

    def problem(self, place: str) -> Problem:
        return Problem(code=self.code, pointer=self.path.pointer(place), message=self.message)


@dataclass(frozen=True, slots=True)
class Path:
    """One path of a rule, compiled."""

    steps: tuple[str, ...]
    optional: bool
    rooted: bool

    @staticmethod
    def of(source: str) -> Path:
        bare = source.removesuffix("?")
        return Path(tuple(bare.removeprefix("$.").split(".")), source.endswith("?"), bare.startswith("$."))

    def below(self, prefix: str) -> str:
        return ("" if self.rooted else prefix) + ".".join(self.steps)

    def pointer(self, place: str) -> str:
        return "".join(("" if self.rooted else place, *(f"/{step}" for step in self.steps)))

    def reader(self) -> Callable[[Any], Any]:
        """A function that walks the path from where it starts: the payload's root or the current item."""
        *outer, last = self.steps
        return _one_step(last, self) if not outer else _many_steps(self)


def _one_step(step: str, path: Path) -> Callable[[Any], Any]:
    """The shape of nearly every path; it runs a hundred times per order, so nothing in it is general."""
    optional = path.optional

    def read(value: Any) -> Any:
        found = value.get(step) if isinstance(value, dict) else _off(value, path)
        if found is None and not optional:
            raise Unmapped("missing_value", path, "is missing")
        if isinstance(found, Defect):
            raise Unmapped("invalid_value", path, found.message)
        return found

    return read


def _many_steps(path: Path) -> Callable[[Any], Any]:
    *outer, last = path.steps
    read_last = _one_step(last, path)

    def read(value: Any) -> Any:
        for step in outer:
            value = value.get(step) if isinstance(value, dict) else _off(value, path)
        return read_last(value)

    return read


def _off(value: Any, path: Path) -> Any:
    """Below nothing is nothing, and so it is below something else where the path is optional."""
    if value is None or path.optional:
        return None
    raise Unmapped("invalid_value", path, "lies below something that is not an object")
