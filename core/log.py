"""One JSON object per line on standard error; fields are allow-listed by the caller, texts are made harmless.

What is said while a run goes on is also kept for it (`keep_lines`); `core.usecases.run_log` stores that.
"""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

MAX_FIELD = 2048  # characters of one field in a log line

_BIDI = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029, 0x85], "\ufffd")
_LONE_SURROGATES = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")  # no encoder takes them
_UNSAFE = {**{code: f"\\x{code:02x}" for code in [*range(32), *range(127, 160)]}, **_BIDI, **_LONE_SURROGATES}


@dataclass(frozen=True, slots=True)
class Said:
    """One line of a log, made harmless; *fields* hold texts, finite numbers, booleans and None only."""

    at: datetime
    level: str
    message: str
    fields: dict[str, Any]


_said: ContextVar[list[Said] | None] = ContextVar("said", default=None)


def clean(value: Any) -> Any:
    """Text that cannot break a log line or a terminal: control and bidirectional characters shown, not sent."""
    match value:
        case None | bool():
            return value
        case int() if -(1 << 63) <= value < 1 << 63:
            return value
        case float() if math.isfinite(value):
            return value
    return str(value)[:MAX_FIELD].translate(_UNSAFE)


def line_of(record: logging.LogRecord) -> Said:
    """What *record* says. Of an exception only its type and place: its text may quote a payload or a secret."""
    told = getattr(record, "fields", None)
    fields = {str(key): clean(value) for key, value in told.items()} if isinstance(told, dict) else {}
    if record.exc_info and record.exc_info[0]:
        fields["error"] = record.exc_info[0].__name__
        trace = record.exc_info[2]
        while trace and trace.tb_next:
            trace = trace.tb_next
        if trace:
            fields["where"] = f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}"
    at = datetime.fromtimestamp(record.created, UTC)
    return Said(at, record.levelname.lower(), clean(record.getMessage()), fields)


@contextmanager
def keep_lines() -> Iterator[list[Said]]:
    """Keep what Fairway's loggers say in the block, from INFO on, also in tasks that are started in it.

    The list is the caller's: it takes out what it has stored. Blocks within a block keep for themselves.
    """
    logger = logging.getLogger("fairway")
    logger.addHandler(_KEEPER)  # once: a handler that is there is not added again
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
    said: list[Said] = []
    token = _said.set(said)
    try:
        yield said
    finally:
        _said.reset(token)


def kept_lines() -> list[Said]:
    """The list of the innermost `keep_lines` around us; one of its own where there is none."""
    said = _said.get()
    return [] if said is None else said


class _Keeper(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        said = _said.get()
        if said is not None:
            said.append(line_of(record))


_KEEPER = _Keeper()


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        said = line_of(record)
        line = {
            "at": said.at.isoformat(timespec="milliseconds"),
            "level": said.level,
            "logger": record.name,
            "message": said.message,
            **said.fields,
        }
        return orjson.dumps(line).decode()


def set_up_logging(level: int = logging.INFO) -> None:
    """Send everything to standard error as JSON lines; libraries speak from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("arq", "aiohttp.access", "aiohttp.server", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # it quotes request headers


def get_log(name: str) -> logging.Logger:
    return logging.getLogger(f"fairway.{name}")
