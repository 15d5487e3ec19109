"""The comparison as a picture: units oversold against units left unsold, and hours without an offer. Writes SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, log10
from typing import Any

WIDTH, HEIGHT = 960, 470
COLOURS = {
    "fixed": "#8c8c8c",
    "pooled": "#c44e52",
    "lag_aware": "#2a9d55",
    "pooled_then_strict": "#8172b3",
    "strict": "#2f6db5",
}
_LEFT, _TOP, _PANEL_W, _PANEL_H = 70, 70, 420, 320
_BARS = 620

_FONT = 'font-family="sans-serif" font-size="12" fill="#222"'


def plot(found: Mapping[str, Any]) -> str:
    """The SVG of what `console.simulate.stock.simulate_stock` found."""
    policies = {name: dict(figures) for name, figures in found["policies"].items()}
    policies["strict"] = dict(policies["strict"]["same_buyers"])
    fixed = sorted(
        [{"buffer": 0, **policies["pooled"]}, *found["fixed_tried"]], key=lambda each: each["buffer"]
    )
    title = f"{policies['pooled']['sales']:,} orders with a pooled count, seed {found['seed']}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {_FONT}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(_LEFT, 26, "What each way of sharing stock costs", size=16),
        _text(_LEFT, 46, escape(f"The same buyers for all: {title}"), fill="#666"),
        *_scatter(fixed, policies),
        *_bars(fixed, policies),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _scatter(fixed: Sequence[Mapping[str, Any]], policies: Mapping[str, Any]) -> list[str]:
    """Right: more is left unsold. Up: more is oversold; the scale is logarithmic, with a row of its own for none."""
    shown = [*fixed, *policies.values()]
    rates = [each["oversold_per_10k_orders"] for each in shown if each["oversold"]]
    lowest = floor(log10(min(rates))) if rates else -1
    highest = max(lowest + 1, ceil(log10(max(rates)))) if rates else 1
    most = max(0.01, *(1 - each["sell_through"] for each in shown)) * 1.08
    none_at = _TOP + _PANEL_H

    def x(each: Mapping[str, Any]) -> float:
        return float(_LEFT + _PANEL_W * (1 - each["sell_through"]) / most)

    def y(each: Mapping[str, Any]) -> float:
        if not each["oversold"]:
            return none_at
        height = (log10(each["oversold_per_10k_orders"]) - lowest) / (highest - lowest)
        return none_at - 40 - (_PANEL_H - 40) * height

    parts = [_text(_LEFT, _TOP - 6, "units oversold in 10,000 orders", fill="#666")]
    for power in range(lowest, highest + 1):
        at = none_at - 40 - (_PANEL_H - 40) * (power - lowest) / (highest - lowest)
        parts += [
            _line(_LEFT, at, _LEFT + _PANEL_W, at),
            _text(_LEFT - 8, at + 4, f"{10.0**power:g}", anchor="end"),
        ]
    parts += [
        _line(_LEFT, none_at, _LEFT + _PANEL_W, none_at, "#222"),
        _text(_LEFT - 8, none_at + 4, "0", anchor="end"),
    ]
    for percent in _ticks(100 * most):
        at = _LEFT + _PANEL_W * percent / 100 / most
        parts.append(_text(at, none_at + 20, f"{percent:g} %", anchor="middle"))
    parts.append(
        _text(_LEFT + _PANEL_W / 2, none_at + 42, "scarce units left unsold", anchor="middle", fill="#666")
    )
    points = " ".join(f"{x(each):.1f},{y(each):.1f}" for each in fixed)
    parts.append(
        f'<polyline points="{points}" fill="none" stroke="{COLOURS["fixed"]}" stroke-dasharray="4 3"/>'
    )
    for each in fixed[1:]:
        parts += [_dot(x(each), y(each), COLOURS["fixed"], 4)]
        parts.append(_text(x(each), y(each) - 9, f"buffer {each['buffer']}", anchor="middle", fill="#666"))
    for name, each in policies.items():
        if name != "fixed":
            parts += [_dot(x(each), y(each), COLOURS[name], 6)]
            parts.append(_text(x(each) + 10, y(each) - 6, _words(name), fill=COLOURS[name]))
    return parts


def _bars(fixed: Sequence[Mapping[str, Any]], policies: Mapping[str, Any]) -> list[str]:
    """Hours in which units were there and a channel with buyers showed none."""
    rows = [(f"fixed, {each['buffer']}", "fixed", each) for each in fixed[1:]]
    rows += [(_words(name), name, each) for name, each in policies.items() if name != "fixed"]
    rows.sort(key=lambda row: float(row[2]["lost_listing_hours"]))
    longest = max(1.0, *(float(row[2]["lost_listing_hours"]) for row in rows))
    step = _PANEL_H / len(rows)
    parts = [_text(_BARS, _TOP - 6, "hours without an offer though units were there", fill="#666")]
    for place, (words, name, each) in enumerate(rows):
        hours = float(each["lost_listing_hours"])
        top = _TOP + place * step
        width = max(1.0, 200 * hours / longest)
        parts += [
            _text(_BARS - 8, top + step / 2 + 4, words, anchor="end"),
            f'<rect x="{_BARS}" y="{top + 4:.1f}" width="{width:.1f}" height="{step - 8:.1f}" fill="{COLOURS[name]}"/>',
            _text(_BARS + width + 6, top + step / 2 + 4, f"{hours:,.0f} h"),
        ]
    return parts


def _ticks(most: float) -> list[float]:
    step = next(step for step in (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0) if most / step <= 8)
    return [round(step * number, 1) for number in range(int(most / step) + 1)]


def _words(name: str) -> str:
    return name.replace("_", " ").replace("lag aware", "lag-aware")


def _dot(x: float, y: float, colour: str, radius: int) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}"/>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str = "#ddd") -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def _text(
    x: float, y: float, words: str, *, anchor: str = "start", fill: str = "#222", size: int = 12
) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}" font-size="{size}">{words}</text>'
