"""What the user errors of a mutation mean. Sends nothing."""

from __future__ import annotations

from typing import Any

from core.errors import ChannelError, ErrorCode

# The count is another one by now, or the key was used up by a failure: look, and send anew under a new key.
COMPARE_ANEW = frozenset(
    {
        "CHANGE_FROM_QUANTITY_STALE",
        "COMPARE_QUANTITY_STALE",
        "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED",
        "IDEMPOTENCY_KEY_PARAMETER_MISMATCH",
    }
)
_GONE = frozenset({"INVALID_INVENTORY_ITEM", "INVALID_LOCATION"})
_OF_ONE_ITEM = (
    frozenset(
        {
            "CHANGE_FROM_QUANTITY_STALE",
            "COMPARE_QUANTITY_STALE",
            "ITEM_NOT_STOCKED_AT_LOCATION",
            "NON_MUTABLE_INVENTORY_ITEM",
            "INVALID_QUANTITY_NEGATIVE",
            "INVALID_QUANTITY_TOO_HIGH",
            "INVALID_QUANTITY_TOO_LOW",
        }
    )
    | _GONE
)


def index_of(error: dict[str, Any], count: int) -> int | None:
    """Which of *count* quantities the error is about; its `field` is like ["input", "quantities", "3"]."""
    field = error.get("field")
    for step in field if isinstance(field, list) else ():
        text = str(step)
        if text.isascii() and text.isdigit() and int(text) < count:
            return int(text)
    return None


def of_one_item(error: dict[str, Any]) -> bool:
    """Whether the error is about one item, and not about the mutation as a whole."""
    return error.get("code") in _OF_ONE_ITEM


def outcome(error: dict[str, Any]) -> tuple[ErrorCode, str]:
    """Our word for the refusal, and Shopify's own."""
    word = error.get("code")
    said = " ".join(str(error.get("message") or "").split())[:200]
    if word in COMPARE_ANEW:
        code = ErrorCode.STALE
    elif word in _GONE:
        code = ErrorCode.NOT_FOUND
    elif word == "IDEMPOTENCY_CONCURRENT_REQUEST":
        code = ErrorCode.UNAVAILABLE
    else:
        code = ErrorCode.REJECTED
    return code, f"{said} ({word})" if word else said


def refuse(told: dict[str, Any]) -> None:
    """Raises `ChannelError` where the payload of a mutation tells user errors, or does not tell whether there are any."""
    errors = told.get("userErrors")
    if not isinstance(errors, list) or not all(isinstance(error, dict) for error in errors):
        raise ChannelError(ErrorCode.UNEXPECTED, "Shopify does not say whether it has done it")
    if errors:
        said = [outcome(error) for error in errors]
        raise ChannelError(said[0][0], "; ".join(message for _, message in said)[:200])
