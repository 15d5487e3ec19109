"""What a run measured, and what each figure may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured, and what it may be: at most *want*, or at least where *least*. None: anything, others go by it."""

    name: str
    got: float
    want: float | None
    least: bool = False

    @property
    def ok(self) -> bool:
        return self.want is None or (self.got >= self.want if self.least else self.got <= self.want)

    def row(self) -> dict[str, Any]:
        want = "" if self.want is None else f"{'>=' if self.least else '<='} {self.want:g}"
        return {"ok": self.ok, "name": self.name, "want": want, "got": round(self.got, 2)}
