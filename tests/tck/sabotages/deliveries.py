"""Mistakes in verifying deliveries."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import replace
from typing import Any

from conformance.kit import Kit

from core.flow import DecodeError, decode, encode
from sabotages.base import ALL, BOTH, Changes, caught_by


@caught_by("signature-body-changed", *ALL)
def accepts_anything_signed(kit: Kit) -> Changes:
    def verify(delivery: Any, secrets: Any, now: Any) -> Any:
        return (
            None
            if delivery.headers.get(kit.signature_header)
            else kit.connector.verify(delivery, secrets, now)
        )

    return {"verify": verify}


@caught_by("signature-respelled", *BOTH)
def decodes_signatures_leniently(kit: Kit) -> Changes:
    def verify(delivery: Any, secrets: Any, now: Any) -> Any:
        written = delivery.headers.get(kit.signature_header, "")
        try:
            given = base64.b64decode(written)
        except ValueError:
            given = b""
        fits = [
            hmac.digest(secret.encode(), delivery.body, hashlib.sha256) == given
            for secret in secrets
            if secret
        ]
        return None if any(fits) else kit.connector.verify(delivery, secrets, now)

    return {"verify": verify}


@caught_by("signature-reserialized", *ALL)
def verifies_what_it_parsed(kit: Kit) -> Changes:
    def verify(delivery: Any, secrets: Any, now: Any) -> Any:
        try:
            body = encode(decode(delivery.body))
        except DecodeError:
            body = delivery.body
        return kit.connector.verify(replace(delivery, body=body), secrets, now)

    return {"verify": verify}


@caught_by("signature-rotation", *ALL)
def knows_one_secret_only(kit: Kit) -> Changes:
    return {"verify": lambda delivery, secrets, now: kit.connector.verify(delivery, secrets[:1], now)}


@caught_by("signature-no-secret", *ALL)
def believes_when_unconfigured(kit: Kit) -> Changes:
    return {
        "verify": lambda delivery, secrets, now: (
            kit.connector.verify(delivery, secrets, now) if any(secrets) else None
        )
    }


@caught_by("signature-garbage", *ALL)
def expects_plain_headers(kit: Kit) -> Changes:
    def verify(delivery: Any, secrets: Any, now: Any) -> Any:
        delivery.headers.get(kit.signature_header, "").encode("ascii")
        return kit.connector.verify(delivery, secrets, now)

    return {"verify": verify}


@caught_by("signature-respelled", "easypost")
def reads_signatures_in_any_case(kit: Kit) -> Changes:
    def verify(delivery: Any, secrets: Any, now: Any) -> Any:
        headers = {name: text.lower().strip() for name, text in delivery.headers.items()}
        return kit.connector.verify(replace(delivery, headers=headers), secrets, now)

    return {"verify": verify}
