"""Paths into a payload: what they are, and what is said where one leads nowhere. Knows no verb and no field."""

from __future__ import annotations

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
    """One path of a rule."""

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

    def missing(self, start: Any) -> Unmapped:
        """Why this path, which is not optional, leads nowhere from *start*."""
        value = start
        for step in self.steps:
            if value is not None and not isinstance(value, dict):
                return Unmapped("invalid_value", self, "lies below something that is not an object")
            value = value.get(step) if value else None
        return Unmapped("missing_value", self, "is missing")

    def spoiled(self, found: Defect) -> Unmapped:
        return Unmapped("invalid_value", self, found.message)

    def no_list(self) -> Unmapped:
        return Unmapped("invalid_value", self, "is not a list")
