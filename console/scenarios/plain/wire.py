"""What every call to a plain marketplace has in common. Decides no recovery."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from core.connector import Account, Credentials, Delivery, Refused, Settings
from core.errors import ChannelError, ErrorCode
from core.flow import DecodeError, Flow, Request, Response, encode

_STATUSES = {401: ErrorCode.UNAUTHORIZED, 404: ErrorCode.NOT_FOUND, 429: ErrorCode.RATE_LIMITED}
_WORDS = {"stale": ErrorCode.STALE, "not_found": ErrorCode.NOT_FOUND}


def base_url(settings: Settings) -> str:
    return settings["base_url"]


def authorize(
    request: Request,
    credentials: Credentials,
    base_url: str,  # noqa: ARG001 - nothing is signed
    now: datetime,  # noqa: ARG001
    nonce: str,  # noqa: ARG001
) -> Request:
    return request.with_headers(("Authorization", f"Bearer {credentials['token']}"))


def classify(response: Response) -> ChannelError | None:
    if response.status == 200:
        return None
    if response.status >= 500:
        return ChannelError(ErrorCode.UNAVAILABLE, f"HTTP {response.status}")
    return ChannelError(_STATUSES.get(response.status, ErrorCode.REJECTED), _said(response))


def _said(response: Response) -> str:
    try:
        told = response.json()
    except DecodeError:
        return f"HTTP {response.status}"
    error = told.get("error") if isinstance(told, dict) else None
    return str(error.get("message"))[:200] if isinstance(error, dict) else f"HTTP {response.status}"


def refusal(error: Any) -> ChannelError:
    """The error of one row of a batch."""
    row = error if isinstance(error, dict) else {}
    return ChannelError(
        _WORDS.get(str(row.get("code")), ErrorCode.REJECTED), str(row.get("message", ""))[:200]
    )


def thing(response: Response) -> dict[str, Any]:
    """The object of an answer; raises `ChannelError` UNEXPECTED when it is none."""
    try:
        told = response.json()
    except DecodeError as error:
        raise ChannelError(ErrorCode.UNEXPECTED, str(error)) from None
    if not isinstance(told, dict):
        raise ChannelError(ErrorCode.UNEXPECTED, "the marketplace answered with something that is no object")
    return told


def post(path: str, value: dict[str, Any]) -> Request:
    return Request("POST", path, body=encode(value), reads=False)


def check_account() -> Flow[Account]:
    told = thing((yield Request("GET", "/account")))
    return Account(account=str(told["account"]), name=str(told["name"]), currency="EUR")


def verify(delivery: Delivery, secrets: Sequence[str], now: datetime) -> Refused | None:  # noqa: ARG001
    """Hexadecimal HMAC-SHA256 over the raw body."""
    given = delivery.headers.get("x-plain-signature", "")
    for secret in secrets:
        if hmac.compare_digest(hmac.digest(secret.encode(), delivery.body, hashlib.sha256).hex(), given):
            return None
    return Refused("the signature does not fit the body")
