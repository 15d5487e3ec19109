"""What a bench is held against. A missed figure is shown as missed; only what was lost or oversold is a failure."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Gate:
    """*got* is to be at least *want*, or at most where *most*. None: not measured."""

    name: str
    want: float
    got: float | None
    most: bool = False

    @property
    def ok(self) -> bool:
        if self.got is None:
            return False
        return self.got <= self.want if self.most else self.got >= self.want

    def row(self) -> dict[str, Any]:
        got = None if self.got is None else rounded(self.got)
        return {
            "name": self.name,
            "want": f"{'<=' if self.most else '>='} {self.want:g}",
            "got": got,
            "ok": self.ok,
        }


def rounded(value: float) -> float:
    """Three figures are more than a busy machine means."""
    return float(f"{value:.3g}") if abs(value) < 1000 else round(value)


def middle(values: list[float]) -> float:
    """The median, to three figures; 0 of nothing."""
    return rounded(median(values)) if values else 0.0
