"""Who asks: Basic and query keys over https, OAuth 1.0a without tokens anywhere; the refusals of WooCommerce.

https://woocommerce.github.io/woocommerce-rest-api-docs/#authentication-over-http
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote, unquote

from simulators.woocommerce.rest import RestError

_WINDOW_S = 15 * 60
_PARAMETERS = (
    "oauth_consumer_key",
    "oauth_timestamp",
    "oauth_nonce",
    "oauth_signature",
    "oauth_signature_method",
)
_DIGESTS = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA256": hashlib.sha256}


@dataclass(slots=True)
class Keys:
    """The shop's one REST key, which may read and write. Revoked, *consumer_key* is None."""

    consumer_key: str | None
    consumer_secret: str
    clock: Callable[[], datetime]
    _nonces: dict[int, str] = field(default_factory=dict)

    def known(self, method: str, url: str, query: Mapping[str, str], authorization: str) -> bool:
        """Whether the caller is the key's owner. *url* is without query; its scheme decides what counts.

        False where WooCommerce takes the caller for a stranger, RestError where it says what is wrong.
        """
        if url.startswith("https://") and self._basic(query, authorization):
            return True
        given = {key: value for key, value in query.items() if key in _PARAMETERS}
        if not given and authorization.lower().startswith("oauth "):
            pairs = (part.strip().partition("=") for part in authorization[6:].split(","))
            given = {key: unquote(value.strip('"')) for key, _, value in pairs if key in _PARAMETERS}
        if not given:
            return False
        missing = [name for name in _PARAMETERS if not given.get(name)]
        if missing:
            plural = "s" if len(missing) > 1 else ""
            raise RestError(
                401,
                "woocommerce_rest_authentication_missing_parameter",
                f"Missing OAuth parameter{plural} {', '.join(missing)}",
            )
        self._oauth(method, url, {**query, **given})
        return True

    def _basic(self, query: Mapping[str, str], authorization: str) -> bool:
        key, secret = query.get("consumer_key", ""), query.get("consumer_secret", "")
        if not (key and secret) and authorization.lower().startswith("basic "):
            try:
                key, _, secret = b64decode(authorization[6:]).decode().partition(":")
            except (NotBase64, UnicodeDecodeError):
                return False
        if key != self.consumer_key:
            return False
        if not hmac.compare_digest(secret.encode(), self.consumer_secret.encode()):
            raise refused("Consumer secret is invalid.")
        return True

    def _oauth(self, method: str, url: str, given: Mapping[str, str]) -> None:
        if given["oauth_consumer_key"] != self.consumer_key:
            raise refused("Consumer key is invalid.")
        digest = _DIGESTS.get(given["oauth_signature_method"])
        if digest is None:
            raise refused("Invalid signature - signature method is invalid.")
        pairs = sorted(
            (_percent(key), _percent(value)) for key, value in given.items() if key != "oauth_signature"
        )
        parameters = "&".join(f"{key}={value}" for key, value in pairs)
        base = "&".join((method.upper(), _percent(url), _percent(parameters)))
        expected = b64encode(hmac.new(f"{self.consumer_secret}&".encode(), base.encode(), digest).digest())
        if not hmac.compare_digest(expected, given["oauth_signature"].encode()):
            raise refused("Invalid signature - provided signature does not match.")
        now = int(self.clock().timestamp())
        stamp = int(given["oauth_timestamp"]) if given["oauth_timestamp"].isdecimal() else 0
        if abs(now - stamp) > _WINDOW_S:
            raise refused("Invalid timestamp.")
        # Only the last nonce of each second is remembered.
        if self._nonces.get(stamp) == given["oauth_nonce"]:
            raise refused("Invalid nonce - nonce has already been used.")
        self._nonces = {at: nonce for at, nonce in self._nonces.items() if at >= now - _WINDOW_S}
        self._nonces[stamp] = given["oauth_nonce"]


def refused(message: str) -> RestError:
    return RestError(401, "woocommerce_rest_authentication_error", message)


def _percent(text: str) -> str:
    return quote(text, safe="~")
