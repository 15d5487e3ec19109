"""Servers that prove to be nobody, and names that lead inside; numbers are those of our list of bad inputs."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from remote_rig import answering, calling, listening

from core import net
from core.errors import ChannelError, ErrorCode
from core.net import open_client

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class Authority:
    """Signs certificates, as an authority that we trust, or as somebody."""

    def __init__(self, name: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self.key, self.name, None, -DAY, 20_000 * DAY)

    def _sign(
        self,
        key: Any,
        subject: x509.Name,
        host: str | None,
        begins: timedelta,
        lasts: timedelta,
    ) -> x509.Certificate:
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW + begins)
            .not_valid_after(NOW + begins + lasts)
            .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
        )
        if host is not None:
            names = [x509.DNSName(host), x509.IPAddress(ipaddress.ip_address("127.0.0.2"))]
            made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return made.sign(self.key, hashes.SHA256())

    def server(self, folder: Path, host: str, *, expired: bool = False) -> ssl.SSLContext:
        """What a server shows that is *host*, and was until a day ago where *expired*."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        span = (-400 * DAY, 30 * DAY) if expired else (-DAY, 20_000 * DAY)
        certificate = self._sign(key, subject, host, *span)
        path = folder / "server.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> Authority:
    authority = Authority("trusted")
    context = ssl.create_default_context(
        cadata=authority.certificate.public_bytes(serialization.Encoding.PEM).decode()
    )
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", context)
    return authority


@pytest.mark.parametrize("wrong", ["nothing", "expired", "another-host", "signed-by-nobody"])
async def test_120_a_certificate_that_proves_nothing_is_refused_before_anything_is_said(
    wrong: str, trusted: Authority, tmp_path: Path
) -> None:
    authority = Authority("somebody") if wrong == "signed-by-nobody" else trusted
    host = "shop.example" if wrong == "another-host" else "localhost"
    tls = authority.server(tmp_path, host, expired=wrong == "expired")

    async with listening(answering("HTTP/1.1 200 OK"), tls) as (remote, port), calling(deadline_s=5) as send:
        try:
            ended: Any = (
                await send("POST", f"https://localhost:{port}/x", {"X-Secret": "s3cret"}, b"{}")
            ).status
        except ChannelError as refused:
            ended = refused.code

    assert ended == (200 if wrong == "nothing" else ErrorCode.NOT_SENT)
    assert len(remote.heads) == (wrong == "nothing")


def resolving(*answers: list[str] | Exception, looked_up: list[str]) -> Callable[..., Any]:
    """A `getaddrinfo` that knows *answers*, one after the other, the last for good."""

    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        found = answers[min(len(looked_up), len(answers) - 1)]
        looked_up.append(host)
        if isinstance(found, Exception):
            raise found
        family = {4: socket.AF_INET, 6: socket.AF_INET6}
        return [
            (family[ipaddress.ip_address(one).version], socket.SOCK_STREAM, 6, "", (one, port))
            for one in found
        ]

    return getaddrinfo


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(socket.gaierror(socket.EAI_NONAME, "unknown"), id="NXDOMAIN"),
        pytest.param([], id="no-address"),
        pytest.param(["127.0.0.1"], id="loopback"),
        pytest.param(["64:ff9b::a00:1"], id="10.0.0.1-behind-NAT64"),
        pytest.param(["169.254.169.254"], id="metadata"),
        pytest.param(["8.8.8.8", "10.0.0.1"], id="one-of-two-inside"),
        pytest.param(["::ffff:127.0.0.1"], id="mapped"),
    ],
)
async def test_121_a_name_that_leads_nowhere_or_inside_is_never_called(
    found: list[str] | Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[str] = []
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolving(found, looked_up=looked_up))

    async with calling(deadline_s=2, allow_private_hosts=False) as send:
        with pytest.raises(ChannelError) as refused:
            await send("GET", "https://shop.example/", {}, None)

    assert refused.value.code is ErrorCode.NOT_SENT
    assert looked_up == ["shop.example"]


async def test_121_a_name_that_changes_its_mind_is_called_where_it_was_checked_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_up: list[str] = []
    monkeypatch.setattr(
        net, "is_public", lambda address: address == "127.0.0.1"
    )  # this machine plays the world
    answers = resolving(["127.0.0.1"], ["127.0.0.2"], looked_up=looked_up)
    async with listening(answering("HTTP/1.1 200 OK")) as (remote, port):
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", answers)
        client = open_client(allow_private_hosts=False)
        async with client.get(f"http://rebinding.example:{port}/first") as answer:
            first = answer.status
        connector = client.connector
        assert isinstance(connector, aiohttp.TCPConnector)
        connector.clear_dns_cache()
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.get(f"http://rebinding.example:{port}/second")
        await client.close()

    assert first == 200
    assert looked_up == ["rebinding.example"] * 2
    assert [head.split(" ")[1] for head in remote.heads] == ["/first"]


@pytest.mark.parametrize(
    "host",
    [
        "a" * 64 + ".example",
        "a..example",
        ".example",
        "xn--.example",
        "exa mple",
        "a\u2044b.example",
        "\ud800.example",
    ],
)
async def test_121_a_name_that_is_none_is_refused_as_not_sent(host: str) -> None:
    async with calling(deadline_s=2, allow_private_hosts=False) as send:
        with pytest.raises(ChannelError) as refused:
            await send("GET", f"https://{host}/", {}, None)

    assert refused.value.code is ErrorCode.NOT_SENT
