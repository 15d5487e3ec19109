"""How the shop shows values: the look of its JSON, money strings, dates and links."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

_ALL = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "PLN": "zł"}


def encode(body: Any) -> bytes:
    """JSON as PHP writes it: ASCII only, and every slash escaped."""
    text = json.dumps(body, separators=(",", ":"))
    return text.replace("/", "\\/").encode()


@dataclass(frozen=True, slots=True)
class Face:
    """How the shop shows itself: its address, currency, price decimals (as *step*) and time zone."""

    home: str
    currency: str
    step: Decimal
    zone: ZoneInfo

    @property
    def api(self) -> str:
        return f"{self.home}/wp-json/wc/v3"

    @property
    def symbol(self) -> str:
        return _SYMBOLS.get(self.currency, self.currency)

    def money(self, amount: Decimal) -> str:
        return str(amount.quantize(self.step, ROUND_HALF_UP) + 0)

    def local(self, at: datetime | None) -> str | None:
        return None if at is None else at.astimezone(self.zone).replace(tzinfo=None).isoformat()


def gmt(at: datetime | None) -> str | None:
    return None if at is None else at.replace(tzinfo=None).isoformat()


def links(target: str, allow: Sequence[str] = _ALL, up: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "self": [{"href": target, "targetHints": {"allow": list(allow)}}],
        "collection": [{"href": target.rpartition("/")[0]}],
    }
    if up is not None:
        found["up"] = [{"href": up}]
    return found


def unpadded(amount: Decimal, face: Face) -> str:
    """Coupon amounts lose their trailing zeros: 4.20 reads "4.2"."""
    text = face.money(amount)
    return text.rstrip("0").rstrip(".") if "." in text else text


def number(value: float) -> float | int:
    """A PHP float in JSON: full noise, but a whole one has no fraction."""
    return int(value) if value.is_integer() else value
