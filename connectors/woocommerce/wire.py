"""What every call to a shop has in common: its address, credentials, refusals. Decides no recovery."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64encode
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlsplit

from core.connector import Account, Credentials, Settings
from core.errors import ChannelError, ErrorCode, UsageProblem
from core.flow import DecodeError, Flow, Request, Response, encode
from mappings.transforms import unescaped

API = "/wp-json/wc/v3"
PAGE_SIZE = 100  # the API's maximum
MAX_MESSAGE = 200  # characters of the shop's own words
DEFAULT_PAUSE_S = 60.0  # asked to slow down without being told for how long

_STATUSES = {
    400: ErrorCode.REJECTED,
    401: ErrorCode.UNAUTHORIZED,
    403: ErrorCode.FORBIDDEN,
    404: ErrorCode.NOT_FOUND,
    408: ErrorCode.UNAVAILABLE,
    429: ErrorCode.RATE_LIMITED,
}


def base_url(settings: Settings) -> str:
    """The shop's home, as WordPress knows it, without a slash at the end; else raises `UsageProblem`."""
    written = settings.get("base_url", "").strip().rstrip("/").removesuffix("/wp-json")
    if not re.fullmatch(r"(?i:https?)://[^\s/?#@]+(/[^\s?#]*)?", written):
        raise UsageProblem(
            f"{written[:80]!r} is not the address of a shop.",
            fix="Set base_url to the shop's home page, like https://shop.example.",
        )
    return written


def authorize(
    request: Request, credentials: Credentials, base_url: str, now: datetime, nonce: str
) -> Request:
    """Over https HTTP Basic; over http OAuth 1.0a without token, since a shop looks at nothing else there.

    https://woocommerce.github.io/woocommerce-rest-api-docs/#authentication
    """
    key, secret = credentials["consumer_key"], credentials["consumer_secret"]
    if base_url.lower().startswith("https://"):
        basic = b64encode(f"{key}:{secret}".encode()).decode()
        return request.with_headers(("Authorization", f"Basic {basic}"))
    signed = request.with_query(
        ("oauth_consumer_key", key),
        ("oauth_nonce", nonce),
        ("oauth_signature_method", "HMAC-SHA256"),
        ("oauth_timestamp", str(int(now.timestamp()))),
    )
    pairs = sorted((_rfc3986(name), _rfc3986(value)) for name, value in signed.query)
    parameters = "&".join(f"{name}={value}" for name, value in pairs)
    base = f"{request.method.upper()}&{_rfc3986(base_url + request.path)}&{_rfc3986(parameters)}"
    digest = hmac.new(f"{secret}&".encode(), base.encode(), hashlib.sha256).digest()
    return signed.with_query(("oauth_signature", b64encode(digest).decode()))


def _rfc3986(text: str) -> str:
    return quote(text, safe="~")


def classify(response: Response) -> ChannelError | None:
    """Sort an answer: None for JSON with 2xx, else what kind of refusal it is.

    https://woocommerce.github.io/woocommerce-rest-api-docs/#errors
    """
    body = _decoded(response)
    if 200 <= response.status < 300:
        return None if isinstance(body, dict | list) else ChannelError(ErrorCode.UNEXPECTED, _shown(response))
    return refusal(response.status, body, response)


def refusal(status: int, body: Any, response: Response | None = None) -> ChannelError:
    """The error in *body* (`{code, message, data}`) or, where the shop's host answered, in the status."""
    told = isinstance(body, dict) and isinstance(body.get("code"), str)
    code = _code(status, body if told else None)
    pause = _pause_s(response) if response is not None and status in (429, 503) else None
    if pause is None and code is ErrorCode.RATE_LIMITED:
        pause = DEFAULT_PAUSE_S
    if not told:
        return ChannelError(code, _shown(response) if response else f"HTTP {status}", retry_after_s=pause)
    word = _line(body["code"])[:80]
    said = _line(body.get("message"))[: MAX_MESSAGE - len(word) - 3]
    return ChannelError(code, f"{said} ({word})".strip(), retry_after_s=pause)


def _code(status: int, told: dict[str, Any] | None) -> ErrorCode:
    if status >= 500:
        return ErrorCode.UNAVAILABLE
    if not 400 <= status < 500:
        return ErrorCode.UNEXPECTED
    if status == 403 and told is None:
        return ErrorCode.UNAVAILABLE  # a firewall in front of the shop
    message = str(told.get("message")) if told else ""
    if status == 401 and " permissions" in message:
        return ErrorCode.FORBIDDEN  # a read-only key that writes is told so with 401
    if status == 401 and message.startswith(("Invalid nonce", "Invalid timestamp")):
        return (
            ErrorCode.UNAVAILABLE
        )  # signed anew, the next try is fine; and a wrong clock says nothing about the keys
    return _STATUSES.get(status, ErrorCode.REJECTED)


def _pause_s(response: Response) -> float | None:
    """Seconds asked for in Retry-After; a date counts from the answer's own Date: no clock is at hand."""
    asked = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"-?[0-9]{1,12}", asked):
        seconds = float(asked)
    else:
        try:
            until, sent = (
                parsedate_to_datetime(asked),
                parsedate_to_datetime(response.headers.get("date", "")),
            )
            seconds = (until - sent).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    return min(900.0, max(1.0, seconds))


def _decoded(response: Response) -> Any:
    try:
        return response.json()
    except DecodeError:
        return None  # as good as nothing: no answer of the API is null


def _line(value: Any) -> str:
    return " ".join((unescaped(value) or "").split()) if isinstance(value, str) else ""


def _shown(response: Response) -> str:
    kind = response.headers.get("content-type", "").split(";")[0][:60] or "no content type"
    return f"HTTP {response.status} with {len(response.body)} bytes of {kind} instead of the shop's JSON"


def rows(response: Response) -> list[dict[str, Any]]:
    """The objects of a list; raises `ChannelError` UNEXPECTED when it is not one."""
    found = _decoded(response)
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise ChannelError(
            ErrorCode.UNEXPECTED, "the shop answered with something that is not a list of objects"
        )
    return found


def refuse_again(page: list[dict[str, Any]], before: list[dict[str, Any]]) -> None:
    """Raises `ChannelError` UNEXPECTED for a page that *before* ends with: the shop does not heed page numbers."""
    if page and before[-len(page) :] == page:
        raise ChannelError(ErrorCode.UNEXPECTED, "the shop gives the same page again")


def thing(response: Response) -> dict[str, Any]:
    """The one object of an answer; raises `ChannelError` UNEXPECTED when it is not one."""
    found = _decoded(response)
    if not isinstance(found, dict):
        raise ChannelError(ErrorCode.UNEXPECTED, "the shop answered with something that is not an object")
    return found


def write(method: str, path: str, body: dict[str, Any], api: str = API) -> Request:
    """A call that changes something. Without this content type a shop ignores the body and answers 201."""
    headers = (("Content-Type", "application/json"),)
    return Request(method, api + path, headers=headers, body=encode(body), reads=False)


def check_account() -> Flow[Account]:
    """Prove that the key opens the shop and read its currency; the account is the shop's home address."""
    response = yield Request("GET", f"{API}/data/currencies/current")
    currency = thing(response)
    try:
        home = str(currency["_links"]["self"][0]["href"]).split("/wp-json/")[0]
        return Account(account=home, name=urlsplit(home).netloc or home, currency=str(currency["code"]))
    except (KeyError, IndexError, TypeError):
        raise ChannelError(ErrorCode.UNEXPECTED, "the shop does not say which currency it has") from None
