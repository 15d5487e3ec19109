"""Turns EasyPost trackers into canonical tracking: the mapping, and where the parcel is after all that was said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import mappings
from core.connector import Overrides, Problem
from core.model.tracking import Incident, Scan, Tracking, TrackingStatus
from core.rules.tracking import Standing, after, fold
from mappings.contracts import load_contract
from mappings.engine import compile_mapping

_FILES = Path(mappings.__file__).parent / "easypost"
MAPPING = compile_mapping((_FILES / "tracker.toml").read_text("utf-8"))
_GUARD = load_contract(_FILES / "tracker.schema.json")

_INSTANT = timedelta(microseconds=1)
_FLAGS = {"status": "unknown_status", "status_detail": "unknown_status_detail"}
_TIMES = ("datetime", "updated_at", "est_delivery_date")
_MARKS = {"tracking_code", "tracking_details"}  # of a tracker that does not say that it is one


def trackers_in(value: Any, pointer: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every tracker in a body with its place: bare, the result of an event, of a shipment, in a list."""
    if isinstance(value, dict):
        if value.get("object") == "Tracker" or ("object" not in value and _MARKS & value.keys()):
            yield pointer, value
            return
        for key, inner in value.items():
            yield from trackers_in(inner, f"{pointer}/{_escaped(key)}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from trackers_in(inner, f"{pointer}/{index}")


def read_tracker(tracker: dict[str, Any], overrides: Overrides, pointer: str) -> Tracking | list[Problem]:
    """The tracking in *tracker*, which stands at *pointer* of its body, or why there is none; never raises.

    What cannot be understood is left out and named in `flags`; only without a tracking code there is nothing.
    """
    broken = _GUARD(tracker)
    spoiled = {problem.pointer.split("/")[1] for problem in broken if problem.pointer}
    values, problems = MAPPING.apply({k: v for k, v in tracker.items() if k not in spoiled}, overrides)
    if values["tracking_number"] is None:
        why = [problem for problem in (*broken, *problems) if problem.pointer == "/tracking_code"]
        missing = Problem(code="missing_value", pointer="/tracking_code", message="is empty")
        told = why[0] if why else missing
        return [told.model_copy(update={"pointer": pointer + told.pointer})]
    flags = dict.fromkeys(_flag(problem) for problem in (*broken, *problems))
    details = [_finish(row, flags) for row in values.pop("scans") or ()]
    scans = tuple(sorted(map(_scan, details), key=_when))
    _finish(values, flags)
    said = Standing(values.pop("status"), values.pop("incident"))
    standing = _standing(scans, said, values.pop("updated_at"))
    del values["word"]
    return Tracking(
        **values,
        status=standing.status,
        incident=standing.incident,
        status_at=standing.at,
        scans=scans,
        flags=tuple(flags),
    )


def _standing(scans: tuple[Scan, ...], said: Standing, updated_at: datetime | None) -> Standing:
    """Where the parcel is: by its scans, and by EasyPost's own word, which comes after the scans of the newest time.

    A word that only repeats the newest scan takes no incident away from it.
    """
    told = fold(scans)
    times = [scan.scanned_at for scan in scans if scan.scanned_at is not None]
    newest = max(times) if times else updated_at
    if said.status is TrackingStatus.UNKNOWN or newest is None:
        return after(told, said)
    if told is not None and (told.status, told.at) == (said.status, newest):
        return after(told, replace(said, at=newest))
    last = after(told, replace(said, at=newest + _INSTANT))
    return replace(last, at=newest) if last.at and last.at > newest else last


def _finish(row: dict[str, Any], flags: dict[str, None]) -> dict[str, Any]:
    """Our words in place of texts. A merchant's own word that is none of ours is as good as unknown."""
    try:
        row["status"] = TrackingStatus(row["status"] or TrackingStatus.UNKNOWN)
    except ValueError:
        row["status"] = TrackingStatus.UNKNOWN
        flags["unknown_status"] = None
    try:
        row["incident"] = Incident(row["incident"]) if row["incident"] else None
    except ValueError:
        row["incident"] = None
        flags["unknown_status_detail"] = None
    return row


def _scan(row: dict[str, Any]) -> Scan:
    words = (row["code"], row["word"])
    first, second = reversed(words) if row["status"] is TrackingStatus.UNKNOWN else words
    place = ", ".join(row[part] for part in ("city", "region", "country") if row[part])
    return Scan(
        scanned_at=row["scanned_at"],
        status=row["status"],
        incident=row["incident"],
        code=first or second,
        message=row["message"] or "",
        place=place or None,
    )


def _when(scan: Scan) -> tuple[bool, float]:
    return (scan.scanned_at is not None, scan.scanned_at.timestamp() if scan.scanned_at else 0.0)


def _flag(problem: Problem) -> str:
    field = problem.pointer.rsplit("/", 1)[-1]
    if field in _FLAGS:
        return _FLAGS[field]
    return "unreadable_time" if field in _TIMES else "unreadable_field"


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
