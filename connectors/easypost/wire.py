"""What every call to EasyPost has in common: its address, its key, its refusals. Decides no recovery."""

from __future__ import annotations

import re
from base64 import b64encode
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from core.connector import Account, Credentials, Settings
from core.errors import ChannelError, ErrorCode, UsageProblem
from core.flow import DecodeError, Flow, Request, Response, encode

HOME = "https://api.easypost.com"
API = "/v2"
MAX_MESSAGE = 200  # characters of EasyPost's own words
DEFAULT_PAUSE_S = 1.0  # asked to slow down without being told for how long: the limits are per second

_ADDRESS = re.compile(r"https?://[^\s/?#@]+\Z")
_STATUSES = {
    401: ErrorCode.UNAUTHORIZED,
    403: ErrorCode.FORBIDDEN,
    404: ErrorCode.NOT_FOUND,
    408: ErrorCode.UNAVAILABLE,
    429: ErrorCode.RATE_LIMITED,
}


def base_url(settings: Settings) -> str:
    """EasyPost's own address, or *base_url* for a simulated one; else raises `UsageProblem`."""
    written = settings.get("base_url", "").strip().rstrip("/")
    if written and not _ADDRESS.fullmatch(written):
        raise UsageProblem(
            f"{written[:80]!r} is not the address of a server.",
            fix="Leave base_url empty, or set it to one like http://127.0.0.1:8080.",
        )
    return written or HOME


def authorize(
    request: Request,
    credentials: Credentials,
    base_url: str,  # noqa: ARG001 - the key is all there is to it, nothing is signed
    now: datetime,  # noqa: ARG001
    nonce: str,  # noqa: ARG001
) -> Request:
    """HTTP Basic with the key as the user and no password. https://docs.easypost.com/docs/authentication"""
    basic = b64encode(f"{credentials['api_key']}:".encode()).decode()
    return request.with_headers(("Authorization", f"Basic {basic}"))


def classify(response: Response) -> ChannelError | None:
    """Sort an answer: None for JSON with 2xx, else what kind of refusal it is. https://docs.easypost.com/docs/errors"""
    status = response.status
    body = _decoded(response)
    if 200 <= status < 300:
        return None if isinstance(body, dict | list) else ChannelError(ErrorCode.UNEXPECTED, _shown(response))
    if status >= 500:
        code = ErrorCode.UNAVAILABLE
    else:
        code = _STATUSES.get(status, ErrorCode.REJECTED if 400 <= status < 500 else ErrorCode.UNEXPECTED)
    pause = _pause_s(response) if status in (429, 503) else None
    if pause is None and code is ErrorCode.RATE_LIMITED:
        pause = DEFAULT_PAUSE_S
    error = body.get("error") if isinstance(body, dict) else None
    said = _said(error) if isinstance(error, dict) else _line(error)
    return ChannelError(code, said or _shown(response), retry_after_s=pause)


def _said(error: dict[str, Any]) -> str:
    """`{code, message, errors}` in one line; *errors* are texts, or objects with a field and a message."""
    words = [_line(error.get("message"))]
    found = error.get("errors")
    for one in found if isinstance(found, list) else ():
        about = (one.get("field"), one.get("message")) if isinstance(one, dict) else (one,)
        words.append(" ".join(filter(None, map(_line, about))))
    said = "; ".join(filter(None, words))
    code = _line(error.get("code"))[:60]
    return f"{said[: MAX_MESSAGE - len(code) - 3]} ({code})".strip() if code else said[:MAX_MESSAGE]


def _line(value: Any) -> str:
    return " ".join(value.split())[:MAX_MESSAGE] if isinstance(value, str) else ""


def _shown(response: Response) -> str:
    kind = response.headers.get("content-type", "").split(";")[0][:60] or "no content type"
    return f"HTTP {response.status} with {len(response.body)} bytes of {kind} instead of EasyPost's JSON"


def _pause_s(response: Response) -> float | None:
    """Seconds asked for in Retry-After; a date counts from the answer's own Date: no clock is at hand."""
    asked = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"-?[0-9]{1,12}(\.[0-9]{1,6})?", asked):
        seconds = float(asked)
    else:
        try:
            until = parsedate_to_datetime(asked)
            seconds = (until - parsedate_to_datetime(response.headers.get("date", ""))).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    return min(900.0, max(1.0, seconds))


def _decoded(response: Response) -> Any:
    try:
        return response.json()
    except DecodeError:
        return None  # as good as nothing: no answer of the API is null


def thing(response: Response) -> dict[str, Any]:
    """The one object of an answer; raises `ChannelError` UNEXPECTED when it is not one."""
    found = _decoded(response)
    if not isinstance(found, dict):
        raise ChannelError(ErrorCode.UNEXPECTED, "EasyPost answered with something that is not an object")
    return found


def rows(response: Response, name: str) -> list[dict[str, Any]]:
    """The objects of the list *name*; raises `ChannelError` UNEXPECTED when there is none."""
    found = thing(response).get(name)
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise ChannelError(ErrorCode.UNEXPECTED, f"EasyPost answered without a list of {name}")
    return found


def write(method: str, path: str, body: dict[str, Any]) -> Request:
    """A call that changes something."""
    headers = (("Content-Type", "application/json"),)
    return Request(method, API + path, headers=headers, body=encode(body), reads=False)


def check_account() -> Flow[Account]:
    """Prove that the key opens an account; the account is its user's id (`user_...`), a child user's its own.

    https://docs.easypost.com/docs/users
    """
    user = thing((yield Request("GET", f"{API}/users")))
    user_id = _line(user.get("id"))
    if not user_id:
        raise ChannelError(ErrorCode.UNEXPECTED, "EasyPost does not say whose key this is")
    return Account(account=user_id, name=_line(user.get("name")) or user_id)
