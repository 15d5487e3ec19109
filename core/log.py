"""One JSON object per line on standard error; fields are allow-listed by the caller, texts are made harmless."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import orjson

MAX_FIELD = 2048  # characters of one field in a log line

_BIDI = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029, 0x85], "\ufffd")
_UNSAFE = {**{code: f"\\x{code:02x}" for code in [*range(32), 127]}, **_BIDI}


def clean(value: Any) -> Any:
    """Text that cannot break a log line or a terminal: control and bidirectional characters shown, not sent."""
    if isinstance(value, str):
        return value[:MAX_FIELD].translate(_UNSAFE)
    return (
        value if isinstance(value, int | float | bool | None) else str(value)[:MAX_FIELD].translate(_UNSAFE)
    )


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": clean(record.getMessage()),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line.update({key: clean(value) for key, value in fields.items()})
        if record.exc_info and record.exc_info[0]:
            # The text of an exception may quote a payload: its type and place are enough to find it.
            line["error"] = record.exc_info[0].__name__
            trace = record.exc_info[2]
            while trace and trace.tb_next:
                trace = trace.tb_next
            if trace:
                line["where"] = f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}"
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
