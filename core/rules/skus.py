"""SKUs as they are matched: the same text, however its bytes are composed, and nothing else made equal."""

from __future__ import annotations

import unicodedata


def tidy_sku(sku: str) -> str:
    """Composed (NFC), outer blanks cut, nothing else changed: look-alikes and other cases stay apart.

    >>> tidy_sku("CAFE\u0301 ") == "CAF\u00c9"
    True
    """
    return unicodedata.normalize("NFC", sku).strip()
