"""What time it is at a channel: changes there are dated by its own clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from core.flow import Response
from core.hub import Hub
from core.net import Line

CLOCKS_APART = timedelta(days=1)  # a Date that differs more is a cache's, or nobody's


def with_their_clock(line: Line, hub: Hub) -> tuple[Line, list[datetime]]:
    """*line*, and the channel's own time at each answer that tells it."""
    theirs: list[datetime] = []

    async def send(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        response = await line.send(method, url, headers, body)
        told = _date(response)
        if told is not None and abs(told - hub.clock()) < CLOCKS_APART:
            theirs.append(told)
        return response

    return replace(line, send=send), theirs


def _date(response: Response) -> datetime | None:
    try:
        told = parsedate_to_datetime(response.headers.get("date", ""))
    except (ValueError, TypeError, OverflowError):
        return None
    return told if told.tzinfo else None
