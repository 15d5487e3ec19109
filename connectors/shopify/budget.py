"""What an answer says about the bucket of query points."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from core.connector import BudgetTold
from core.flow import DecodeError, Response, decode

_KEY = b'"throttleStatus"'  # never inside a text: quotes in texts are escaped
_BUCKET = re.compile(_KEY + rb"\s*:\s*(\{[^{}]{0,400}\})")


def budget(response: Response) -> BudgetTold | None:
    """The bucket that `extensions.cost.throttleStatus` describes, on answers and THROTTLED refusals alike.

    It stands at the end of the body, so only that is looked at. https://shopify.dev/docs/api/usage/limits
    """
    found = _BUCKET.match(response.body, max(0, response.body.rfind(_KEY)))
    try:
        bucket = decode(found[1]) if found else {}
    except DecodeError:
        return None
    available = _points(bucket.get("currentlyAvailable"))
    if available is None:
        return None
    return BudgetTold(
        family="graphql",
        available=available,
        points_per_s=_points(bucket.get("restoreRate")),
        burst=_points(bucket.get("maximumAvailable")),
    )


def _points(value: Any) -> float | None:
    return float(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None
