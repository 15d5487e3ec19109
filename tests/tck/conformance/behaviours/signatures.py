"""Whose deliveries are believed: only those that somebody who has the secret signed, over exactly these bytes."""

from __future__ import annotations

import base64
import binascii
import itertools
from typing import Any

from conformance.behaviour import bronze
from conformance.kit import NOW, Kit
from core.connector import Delivery, Refused
from core.flow import decode, encode

SECRET, PREVIOUS = "secret_of_the_kit", "previous_secret_of_the_kit"


def verdict(kit: Kit, delivery: Delivery, *secrets: str) -> Refused | None:
    return kit.connector.verify(delivery, secrets, NOW)


def refuses(kit: Kit, delivery: Delivery, *secrets: str) -> None:
    found = verdict(kit, delivery, *secrets)
    assert isinstance(found, Refused), f"accepted with the headers {dict(delivery.headers)}"
    assert found.reason, "refused without a reason"


def with_header(kit: Kit, value: str | None) -> Delivery:
    """A well-signed delivery whose signature is replaced by *value* (None: taken away)."""
    signed = kit.signed(kit.sample(), SECRET)
    headers = {name: text for name, text in signed.headers.items() if name != kit.signature_header}
    return Delivery(
        signed.topic, headers if value is None else headers | {kit.signature_header: value}, signed.body
    )


@bronze("signature-vector", "A delivery signed as the vendor documents it is accepted.")
def vector(kit: Kit) -> None:
    assert kit.vectors
    for one in kit.vectors:
        headers = kit.sign(one.body, SECRET) | {kit.signature_header: one.signature}
        assert verdict(kit, Delivery(kit.topic, headers, one.body), one.secret) is None
    assert verdict(kit, kit.signed(kit.sample(), SECRET), SECRET) is None


@bronze("signature-body-changed", "A single flipped bit anywhere in the body is refused.")
def body_changed(kit: Kit) -> None:
    good = kit.signed(kit.sample(), SECRET)
    for place in range(len(good.body)):
        changed = bytearray(good.body)
        changed[place] ^= 1 << place % 8
        refuses(kit, Delivery(good.topic, good.headers, bytes(changed)), SECRET)
    for body in (good.body + b"\n", good.body[:-1], b""):
        refuses(kit, Delivery(good.topic, good.headers, body), SECRET)


@bronze(
    "signature-reserialized",
    "The same JSON with other spacing is refused: the bytes are signed, not their meaning.",
)
def reserialized(kit: Kit) -> None:
    good = kit.signed(kit.sample(), SECRET)
    spaced = good.body.replace(b":", b": ", 1)
    assert spaced != good.body
    assert decode(spaced) == decode(good.body)
    refuses(kit, Delivery(good.topic, good.headers, spaced), SECRET)


@bronze("signature-respelled", "A signature in another alphabet, case or with spaces around it is refused.")
def respelled(kit: Kit) -> None:
    for number in itertools.count():  # until one has both letters that differ between the base64 alphabets
        body = encode({"number": number})
        good = kit.signed(body, SECRET)
        written = good.headers[kit.signature_header]
        if number > 50 and ({"+", "/"} <= set(written) or not _is_base64(written)):
            break
    for other in sorted(_spellings(written) - {written}):
        refuses(kit, Delivery(kit.topic, dict(good.headers) | {kit.signature_header: other}, body), SECRET)


def _spellings(written: str) -> set[str]:
    found = {
        written.swapcase(), f" {written}", f"{written} ", f"{written}\n", f'"{written}"', f"{written}=",
        f"sha256={written}", written.rstrip("="), written[:-1], written[1:], written * 2,
        written.replace("+", "-").replace("/", "_"), written.replace("/", "%2F"),
    }  # fmt: skip
    if _is_base64(written):
        return found | {base64.b64decode(written).hex()}
    return found | {base64.b64encode(written.encode()).decode()}


def _is_base64(written: str) -> bool:
    try:
        return len(base64.b64decode(written, validate=True)) == 32
    except binascii.Error:
        return False


@bronze("signature-missing", "A delivery without a signature is refused.")
def missing(kit: Kit) -> None:
    refuses(kit, with_header(kit, None), SECRET)
    refuses(kit, Delivery(kit.topic, {}, kit.sample()), SECRET)


@bronze("signature-empty", "An empty signature is refused.")
def empty(kit: Kit) -> None:
    for blank in ("", " ", "\n", "="):
        refuses(kit, with_header(kit, blank), SECRET)


@bronze("signature-twice", "A signature given twice is refused, even if one of them fits.")
def twice(kit: Kit) -> None:
    good = kit.signed(kit.sample(), SECRET).headers[kit.signature_header]
    wrong = kit.signed(kit.sample(), PREVIOUS).headers[kit.signature_header]
    for both in (f"{good}\n{good}", f"{good}\n{wrong}", f"{wrong}\n{good}", f"{good}, {wrong}"):
        refuses(kit, with_header(kit, both), SECRET)


@bronze("signature-garbage", "Any text in place of a signature is refused, and raises nothing.")
def garbage(kit: Kit) -> None:
    for text in ("ä" * 44, "\x00", "\ud800", "\U0001f980", "A" * 1_000_000, "null", "[]", "-1", "é=" * 22):
        refuses(kit, with_header(kit, text), SECRET)


@bronze("signature-wrong-secret", "A delivery signed with somebody else's secret is refused.")
def wrong_secret(kit: Kit) -> None:
    for other in (PREVIOUS, SECRET + " ", SECRET[:-1], SECRET.upper()):
        refuses(kit, kit.signed(kit.sample(), other), SECRET)


@bronze(
    "signature-rotation", "A delivery signed with the previous secret is accepted while secrets are rotated."
)
def rotation(kit: Kit) -> None:
    for secret in (SECRET, PREVIOUS):
        assert verdict(kit, kit.signed(kit.sample(), secret), SECRET, PREVIOUS) is None
        assert verdict(kit, kit.signed(kit.sample(), secret), PREVIOUS, SECRET) is None


@bronze("signature-retired", "A delivery signed with a retired secret is refused.")
def retired(kit: Kit) -> None:
    refuses(kit, kit.signed(kit.sample(), "retired_secret_of_the_kit"), SECRET, PREVIOUS)


@bronze(
    "signature-no-secret", "Without a secret nothing is accepted, also not what was signed with an empty one."
)
def no_secret(kit: Kit) -> None:
    for signed_with in ("", SECRET):
        delivery = kit.signed(kit.sample(), signed_with)
        refuses(kit, delivery)
        refuses(kit, delivery, "")


@bronze("signature-empty-body", "An empty body is verified like any other.")
def empty_body(kit: Kit) -> None:
    assert verdict(kit, kit.signed(b"", SECRET), SECRET) is None
    refuses(kit, kit.signed(b"", PREVIOUS), SECRET)


@bronze("signature-any-text-secret", "A secret of any characters works.")
def any_text_secret(kit: Kit) -> None:
    for secret in ("gehéim-ключ-🦀", "with space", "x" * 5_000, "'\";--"):
        assert verdict(kit, kit.signed(kit.sample(), secret), secret) is None


@bronze("signature-binary-body", "Bytes that are no text are verified like any others.")
def binary_body(kit: Kit) -> None:
    body = bytes(range(256)) * 40
    assert verdict(kit, kit.signed(body, SECRET), SECRET) is None


@bronze("signature-reason", "Why a delivery was refused is told without a secret or the right signature.")
def reason(kit: Kit) -> None:
    body = kit.sample()
    right = kit.signed(body, SECRET).headers[kit.signature_header]
    attempts: list[Any] = [kit.signed(body, PREVIOUS), with_header(kit, None), with_header(kit, "ä")]
    for delivery in attempts:
        refused = verdict(kit, delivery, SECRET)
        assert refused is not None
        assert SECRET not in refused.reason
        assert right not in refused.reason
