"""Refusals as RFC 9457 problems: fixed words by slug, so no answer ever quotes a request."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from aiohttp import web

SERVER = {"Server": "fairway"}  # instead of the library's name and version

# slug -> status, title
PROBLEMS = {
    "malformed-http": (400, "The request is not well-formed HTTP."),
    "bad-signature": (401, "The signature does not fit."),
    "not-found": (404, "There is nothing here."),
    "method-not-allowed": (405, "This method is not allowed here."),
    "timeout": (408, "The request did not arrive in time."),
    "payload-too-large": (413, "The body is too large."),
    "uri-too-long": (414, "The address is too long."),
    "expectation-failed": (417, "This expectation cannot be met."),
    "internal": (500, "Something went wrong here."),
    "overloaded": (503, "Too busy to store this now. Please come again."),
    "dependency-down": (503, "The database cannot be reached. Please come again."),
    "draining": (503, "This process is stopping. Please come again."),
}
RETRY_AFTER_S = 5

_BY_STATUS = {status: slug for slug, (status, _) in PROBLEMS.items() if status < 500}
_CLOSING = {400, 408, 413, 414, 500}  # what is left of the request on the wire cannot be trusted


class Refusal(Exception):
    """Raised by a handler to answer with the problem *slug*."""

    def __init__(self, slug: str) -> None:
        super().__init__(slug)
        self.slug = slug


def problem(slug: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """The answer for *slug*, of `PROBLEMS`."""
    status, title = PROBLEMS[slug]
    response = web.Response(
        status=status,
        body=orjson.dumps({"type": f"urn:fairway:problem:{slug}", "title": title, "status": status}),
        content_type="application/problem+json",
        headers={**SERVER, "Cache-Control": "no-store", **(headers or {})},
    )
    if status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    if status in _CLOSING:
        response.force_close()
    return response


def as_problem(answer: web.HTTPException) -> web.Response:
    """The library's own refusal (no such route, wrong method) in our words."""
    slug = _BY_STATUS.get(answer.status, "internal" if answer.status >= 500 else "malformed-http")
    allow = answer.headers.get("Allow")
    return problem(slug, {"Allow": allow} if allow else None)
