"""Seals secrets and personal data with AES-256-GCM; knows where keys come from, not where sealed bytes go.

A sealed value is `key id length, key id, 12-byte nonce, ciphertext`. The associated data names the owner
(merchant, connection, field), so a value moved to another row does not open. Per-merchant data keys are sealed by
the keyring; dropping one makes that merchant's bodies unreadable for good.
"""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import FairwayError

NONCE = 12


class SealBroken(FairwayError):
    """Sealed bytes do not open: wrong key, or moved from where they belong."""


def associated(*parts: object) -> bytes:
    """The associated data that ties a sealed value to its place."""
    return "/".join(str(part) for part in parts).encode()


@dataclass(frozen=True, slots=True, repr=False)
class Keyring:
    """Named 256-bit keys: the first seals, all of them open. Never shows a key."""

    current: str
    keys: Mapping[str, AESGCM] = field(repr=False)

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self.keys)})"

    @staticmethod
    def parse(text: str) -> Keyring:
        """`k2:<base64 of 32 bytes>,k1:...`, newest first; raises `FairwayError` when a key is not that."""
        keys: dict[str, AESGCM] = {}
        for part in text.split(","):
            name, _, encoded = part.strip().partition(":")
            try:
                raw = base64.b64decode(encoded, validate=True)
            except ValueError:
                raw = b""
            if not name or len(raw) != 32 or len(name) > 32:
                raise FairwayError(
                    f"The encryption key {name[:32]!r} is not 32 bytes in base64.",
                    fix="Make one with `./fairway keys new` or `openssl rand -base64 32`.",
                )
            keys[name] = AESGCM(raw)
        return Keyring(next(iter(keys)), keys)

    @staticmethod
    def generate(name: str) -> str:
        """A new key in the notation of `parse`."""
        return f"{name}:{base64.b64encode(os.urandom(32)).decode()}"

    def seal(self, plain: bytes, owner: bytes) -> bytes:
        name = self.current.encode()
        nonce = os.urandom(NONCE)
        return bytes([len(name)]) + name + nonce + self.keys[self.current].encrypt(nonce, plain, owner)

    def open(self, sealed: bytes, owner: bytes) -> bytes:
        """The plain bytes; raises `SealBroken` for a missing key or another owner."""
        length = sealed[0]
        name = sealed[1 : 1 + length].decode(errors="replace")
        key = self.keys.get(name)
        if key is None:
            raise SealBroken(
                f"The encryption key {name!r} is not in the keyring.", fix="Add the old key back."
            )
        try:
            return key.decrypt(sealed[1 + length : 1 + length + NONCE], sealed[1 + length + NONCE :], owner)
        except InvalidTag:
            raise SealBroken("Sealed bytes do not belong where they were found.") from None


class _Zstd(threading.local):
    """What compresses: one for all boxes, since it takes 125 kB, and one for each thread, since it bears but one."""

    def __init__(self) -> None:
        self.pack = zstandard.ZstdCompressor(level=1)
        self.unpack = zstandard.ZstdDecompressor()


_zstd = _Zstd()


@dataclass(slots=True, repr=False)
class BodyBox:
    """Compresses and seals bodies under one merchant's data key."""

    _key: AESGCM = field(repr=False)

    @staticmethod
    def new_key() -> bytes:
        return os.urandom(32)

    @staticmethod
    def of(data_key: bytes) -> BodyBox:
        return BodyBox(AESGCM(data_key))

    def seal(self, body: bytes, owner: bytes) -> bytes:
        nonce = os.urandom(NONCE)
        return nonce + self._key.encrypt(nonce, _zstd.pack.compress(body), owner)

    def open(self, sealed: bytes, owner: bytes) -> bytes:
        """The body; raises `SealBroken` when it was sealed for another place."""
        try:
            packed = self._key.decrypt(sealed[:NONCE], sealed[NONCE:], owner)
        except InvalidTag:
            raise SealBroken("A sealed body does not belong where it was found.") from None
        return _zstd.unpack.decompress(packed)
