"""What every call to a shop has in common: its address, its token, its refusals. Decides no recovery."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

from connectors.shopify.asking import ask, inside, number
from core.connector import Account, Credentials, Settings
from core.errors import ChannelError, ErrorCode, UsageProblem
from core.flow import DecodeError, Flow, Request, Response

MAX_MESSAGE = 200  # characters of Shopify's own words

_SHOP = re.compile(r"^[a-z0-9][a-z0-9-]{0,60}\.myshopify\.com\Z")
_ADDRESS = re.compile(r"https?://[^\s/?#@]+\Z")
_STATUSES = {
    401: ErrorCode.UNAUTHORIZED,
    402: ErrorCode.FORBIDDEN,  # frozen: its owner owes Shopify money
    403: ErrorCode.FORBIDDEN,
    404: ErrorCode.NOT_FOUND,
    408: ErrorCode.UNAVAILABLE,
    423: ErrorCode.FORBIDDEN,  # locked by Shopify
    429: ErrorCode.RATE_LIMITED,
    430: ErrorCode.RATE_LIMITED,  # Shopify's own number for too many suspicious calls
}


def base_url(settings: Settings) -> str:
    """https:// and the shop's domain, or *base_url* for a simulated shop; else raises `UsageProblem`."""
    written = settings.get("base_url", "").strip().rstrip("/")
    if written:
        if not _ADDRESS.fullmatch(written):
            raise UsageProblem(
                f"{written[:80]!r} is not the address of a server.",
                fix="Leave base_url empty, or set it to one like http://127.0.0.1:8080.",
            )
        return written
    shop = settings.get("shop", "")
    if not _SHOP.fullmatch(shop):
        raise UsageProblem(
            f"{shop[:80]!r} is not the name of a Shopify shop.",
            fix="Set shop to the domain that ends in .myshopify.com, like your-shop.myshopify.com.",
        )
    return f"https://{shop}"


def authorize(
    request: Request,
    credentials: Credentials,
    base_url: str,  # noqa: ARG001 - the token is all there is to it, nothing is signed
    now: datetime,  # noqa: ARG001
    nonce: str,  # noqa: ARG001
) -> Request:
    """Adds the app's token. https://shopify.dev/docs/api/admin-graphql/2026-07#authentication"""
    return request.with_headers(("X-Shopify-Access-Token", credentials["access_token"]))


def classify(response: Response) -> ChannelError | None:
    """Sort an answer: None for data without errors, else what kind of refusal it is.

    Most refusals come with status 200: https://shopify.dev/docs/api/admin-graphql/2026-07#status-and-error-codes
    """
    status = response.status
    if status != 200:
        code = ErrorCode.UNAVAILABLE if status >= 500 else _STATUSES.get(status)
        if code is None:
            code = ErrorCode.REJECTED if 400 <= status < 500 else ErrorCode.UNEXPECTED
        waits = code is ErrorCode.RATE_LIMITED or (status == 503 and "retry-after" in response.headers)
        return ChannelError(code, _told(response), retry_after_s=_pause_s(response) if waits else None)
    body = _decoded(response)
    if not isinstance(body, dict):
        return ChannelError(ErrorCode.UNEXPECTED, _shown(response))
    if body.get("errors"):
        return _refusal(body)
    return (
        None if isinstance(body.get("data"), dict) else ChannelError(ErrorCode.UNEXPECTED, _shown(response))
    )


def _refusal(body: dict[str, Any]) -> ChannelError:
    errors = body["errors"]
    found = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    if not found:
        return ChannelError(ErrorCode.UNEXPECTED, f"errors without a documented shape: {_line(str(errors))}")
    words = [_word(error) for error in found]
    said = _line("; ".join(str(error.get("message")) for error in found))
    named = sorted({word for word in words if word})
    message = f"{said} ({', '.join(named)})" if named else said
    if "THROTTLED" in words:
        return ChannelError(ErrorCode.RATE_LIMITED, message, retry_after_s=_refill_s(body))
    if "ACCESS_DENIED" in words:
        return ChannelError(ErrorCode.FORBIDDEN, message)
    if "SHOP_INACTIVE" in words:
        return ChannelError(ErrorCode.FORBIDDEN, message)
    if {"INTERNAL_SERVER_ERROR", "TIMEOUT"} & set(words):
        return ChannelError(ErrorCode.UNAVAILABLE, message)
    told = all(isinstance(error.get("message"), str) for error in found)
    return ChannelError(ErrorCode.REJECTED if told else ErrorCode.UNEXPECTED, message)


def _word(error: dict[str, Any]) -> str | None:
    extensions = error.get("extensions")
    code = extensions.get("code") if isinstance(extensions, dict) else None
    return code[:60] if isinstance(code, str) else None


def _refill_s(body: dict[str, Any]) -> float:
    """Seconds until the bucket holds what the query costs; a second where Shopify does not say."""
    try:
        cost = body["extensions"]["cost"]
        bucket = cost["throttleStatus"]
        missing = Decimal(cost["requestedQueryCost"]) - Decimal(bucket["currentlyAvailable"])
        return _clamped(float(missing / Decimal(bucket["restoreRate"])))
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return 1.0


def _pause_s(response: Response) -> float:
    """Seconds asked for in Retry-After; a date counts from the answer's own Date: no clock is at hand."""
    asked = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"-?[0-9]{1,12}(\.[0-9]{1,6})?", asked):
        return _clamped(float(asked))
    try:
        until, sent = parsedate_to_datetime(asked), parsedate_to_datetime(response.headers.get("date", ""))
        return _clamped((until - sent).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return 1.0


def _clamped(seconds: float) -> float:
    return min(900.0, max(1.0, seconds))


def _decoded(response: Response) -> Any:
    try:
        return response.json()
    except DecodeError:
        return None


def _told(response: Response) -> str:
    """What a REST-like refusal says: `{"errors": "..."}` or `{"errors": {...}}`, else the status."""
    body = _decoded(response)
    said = body.get("errors") if isinstance(body, dict) else None
    return f"HTTP {response.status}: {_line(str(said))}" if said else _shown(response)


def _shown(response: Response) -> str:
    kind = response.headers.get("content-type", "").split(";")[0][:60] or "no content type"
    return f"HTTP {response.status} with {len(response.body)} bytes of {kind} instead of Shopify's JSON"


def _line(text: str) -> str:
    return " ".join(text.split())[:MAX_MESSAGE]


def check_account() -> Flow[Account]:
    """Prove that the token opens the shop; the account is its permanent domain.

    https://shopify.dev/docs/api/admin-graphql/2026-07/queries/shop
    """
    shop = inside((yield from ask("shop", {}, cost=1)), "shop")
    domain, name, currency = shop.get("myshopifyDomain"), shop.get("name"), shop.get("currencyCode")
    if not isinstance(domain, str) or not domain:
        raise ChannelError(ErrorCode.UNEXPECTED, "Shopify does not say which shop this is")
    return Account(
        account=domain,
        name=name if isinstance(name, str) and name else domain,
        currency=currency if isinstance(currency, str) else None,
        extra={"shop_id": number(shop.get("id"))},
    )
