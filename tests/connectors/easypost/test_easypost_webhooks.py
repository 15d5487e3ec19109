"""Callbacks of EasyPost: authentic or not, and how they are ordered."""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.easypost import CONNECTOR
from core.connector import Delivery, Refused
from core.errors import ChannelError, ErrorCode
from core.flow import Request, Response, decode, encode, rehearse

NOW = datetime(2026, 11, 24, tzinfo=UTC)
BODY = b'{"id":1001,"name":"#1001"}'
SECRET = "hub_test_secret"
DIGEST = "6beb4a226c437a0af9fcf29b26cbfc50c2d3e5228aadae3e1e07919f1416c649"
HEADER = "x-hmac-signature"


def verify(written: str | None, body: bytes = BODY, secrets: tuple[str, ...] = (SECRET,)) -> Refused | None:
    headers = {} if written is None else {HEADER: written}
    return CONNECTOR.verify(Delivery("callback", headers, body), secrets, NOW)


def signature(body: bytes, secret: str) -> str:
    key = unicodedata.normalize("NFKD", secret).encode()
    return f"hmac-sha256-hex={hmac.new(key, body, hashlib.sha256).hexdigest()}"


def test_a_known_signature_verifies() -> None:
    assert verify(f"hmac-sha256-hex={DIGEST}") is None


def test_rfc_4231_verifies() -> None:
    digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"  # test case 2

    assert verify(f"hmac-sha256-hex={digest}", b"what do ya want for nothing?", ("Jefe",)) is None


@pytest.mark.parametrize("secret", ["sécret", "se\u0301cret"])
def test_a_secret_is_used_in_its_decomposed_form(secret: str) -> None:
    assert verify(signature(BODY, "se\u0301cret"), secrets=(secret,)) is None


def test_while_a_secret_is_changed_both_are_good() -> None:
    for signer in ("old", "new"):
        assert verify(signature(BODY, signer), secrets=("new", "old")) is None
    assert isinstance(verify(signature(BODY, "older"), secrets=("new", "old")), Refused)


@pytest.mark.parametrize(
    "written",
    [
        None, "", DIGEST, f"hmac-sha256-hex={DIGEST.upper()}", f"HMAC-SHA256-HEX={DIGEST}",
        f"hmac-sha256-hex={DIGEST}\nhmac-sha256-hex={DIGEST}", f"hmac-sha256-hex={DIGEST},", f"hmac-sha256-hex= {DIGEST}",
        f" hmac-sha256-hex={DIGEST}", f"hmac-sha256-hex={DIGEST}\n", f"hmac-sha256-hex={DIGEST[:-1]}",
        f"hmac-sha256-hex={DIGEST}0", f"hmac-sha1-hex={DIGEST}", "hmac-sha256-hex=", f"hmac-sha256-hex={'0' * 64}",
        f"hmac-sha256-hex={DIGEST[:-1]}\N{FULLWIDTH DIGIT NINE}", f"hmac-sha256-hex={DIGEST[:-1]}\ud800",
    ],
)  # fmt: skip
def test_any_other_spelling_is_refused(written: str | None) -> None:
    refused = verify(written)

    assert isinstance(refused, Refused)
    assert not refused.alarm


@pytest.mark.parametrize("body", [BODY[:-1] + b"]", BODY.replace(b":", b": "), BODY + b"\n", b""])
def test_another_body_is_refused(body: bytes) -> None:
    assert isinstance(verify(f"hmac-sha256-hex={DIGEST}", body), Refused)


def test_no_secret_and_an_empty_secret_open_nothing() -> None:
    assert isinstance(verify(signature(BODY, ""), secrets=()), Refused)
    assert isinstance(verify(signature(BODY, ""), secrets=("",)), Refused)
    assert verify(signature(BODY, SECRET), secrets=("", SECRET)) is None


ADDRESS = "https://hub.example/hooks/t0ken"


def subscribe(*answers: Any) -> tuple[tuple[str, ...], list[Request]]:
    responses = [Response(200, {}, encode(answer)) for answer in answers]
    flow = CONNECTOR.subscribe(ADDRESS, "wh_secret", CONNECTOR.manifest.webhook_topics)
    return rehearse(flow, responses, CONNECTOR.classify)


def test_a_webhook_is_made_where_there_is_none_of_ours() -> None:
    other = {
        "id": "hook_1",
        "object": "Webhook",
        "url": "https://other.example/callback",
        "disabled_at": None,
    }

    topics, (looked, made) = subscribe({"webhooks": [other]}, {"id": "hook_2", "object": "Webhook"})

    assert topics == ("callback",)
    assert (looked.method, looked.path, looked.reads) == ("GET", "/v2/webhooks", True)
    assert (made.method, made.path, made.reads) == ("POST", "/v2/webhooks", False)
    assert made.body is not None
    assert decode(made.body) == {"webhook": {"url": f"{ADDRESS}/callback", "webhook_secret": "wh_secret"}}
    assert dict(made.headers)["Content-Type"] == "application/json"


@pytest.mark.parametrize("disabled_at", [None, "2026-11-20T00:00:00Z"])
def test_a_webhook_of_ours_is_kept_given_the_secret_and_switched_on(disabled_at: str | None) -> None:
    ours = {"id": "hook_7", "object": "Webhook", "url": f"{ADDRESS}/callback", "disabled_at": disabled_at}

    topics, (_, changed) = subscribe({"webhooks": [ours]}, ours)

    assert topics == ("callback",)
    assert (changed.method, changed.path, changed.reads) == ("PATCH", "/v2/webhooks/hook_7", False)
    assert changed.body is not None
    assert decode(changed.body) == {"webhook_secret": "wh_secret"}


@pytest.mark.parametrize(
    "answer", [{}, [], {"webhooks": {}}, {"webhooks": ["x"]}, {"webhooks": [{"url": f"{ADDRESS}/callback"}]},
               {"webhooks": [{"url": f"{ADDRESS}/callback", "id": "../users"}]}],
)  # fmt: skip
def test_a_list_that_is_none_is_not_believed(answer: Any) -> None:
    with pytest.raises(ChannelError) as raised:
        subscribe(answer)

    assert raised.value.code is ErrorCode.UNEXPECTED
