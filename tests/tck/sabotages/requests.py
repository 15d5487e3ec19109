"""Mistakes in what is asked and in what an answer is taken for."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from conformance.kit import Kit

from core.errors import ChannelError, ErrorCode
from core.flow import Request, Response
from sabotages.base import BOTH, Changes, altered, caught_by


@caught_by("secret-not-in-requests", *BOTH)
def writes_its_key_into_the_query(kit: Kit) -> Changes:
    key = next(iter(kit.credentials.values()))
    return {
        "check_account": lambda: altered(
            kit.connector.check_account(), lambda request: request.with_query(("key", key))
        )
    }


@caught_by("authorize-adds-only", *BOTH)
def signs_another_path(kit: Kit) -> Changes:
    def authorize(request: Any, *given: Any) -> Any:
        signed = kit.connector.authorize(request, *given)
        return replace(signed, path=f"{signed.path}/")

    return {"authorize": authorize}


@caught_by("pure-flows", *BOTH)
def asks_under_random_names(kit: Kit) -> Changes:
    def named(request: Request) -> Request:
        return request.with_headers(("X-Request", f"{random.random()}"))

    return {"check_account": lambda: altered(kit.connector.check_account(), named)}


@caught_by("reads-change-nothing", *BOTH)
def calls_every_request_a_read(kit: Kit) -> Changes:
    push: Any = kit.connector
    return {
        "push_stock": lambda writes: altered(
            push.push_stock(writes), lambda request: replace(request, reads=True)
        )
    }


@caught_by("refusal-no-false-success", *BOTH)
def takes_every_2xx_for_success(kit: Kit) -> Changes:
    return {"classify": lambda answer: None if 200 <= answer.status < 300 else kit.connector.classify(answer)}


@caught_by("refusal-redirects", *BOTH)
def takes_redirects_for_success(kit: Kit) -> Changes:
    return {"classify": lambda answer: None if 300 <= answer.status < 400 else kit.connector.classify(answer)}


@caught_by("refusal-unknown-outcome", *BOTH)
def forgets_after_server_errors(kit: Kit) -> Changes:
    def classify(answer: Response) -> ChannelError | None:
        return (
            ChannelError(ErrorCode.REJECTED, "no") if answer.status >= 500 else kit.connector.classify(answer)
        )

    return {"classify": classify}


@caught_by("pause-clamped", *BOTH)
def waits_as_long_as_it_is_told(kit: Kit) -> Changes:
    def classify(answer: Response) -> ChannelError | None:
        error = kit.connector.classify(answer)
        if error is not None and answer.headers.get("retry-after", "").isdecimal():
            error.retry_after_s = float(answer.headers["retry-after"])
        return error

    return {"classify": classify}
