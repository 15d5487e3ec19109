"""A remote server that speaks bytes of a test's own, and how it is called."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from core.net import Send, open_client, sender

Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


class Remote:
    """A server that *speaks* to each client, and remembers the heads of what it was asked."""

    def __init__(self, speak: Speak) -> None:
        self.heads: list[str] = []
        self._speak = speak

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            await self._speak(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def listening(speak: Speak, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[Remote, int]]:
    remote = Remote(speak)
    server = await asyncio.start_server(remote.meet, "127.0.0.1", 0, ssl=tls)
    try:
        yield remote, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def answering(*lines: str, body: bytes = b"") -> Speak:
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "Connection: close", "", ""]).encode()

    async def speak(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head + body)
        await writer.drain()

    return speak


@asynccontextmanager
async def calling(*, deadline_s: float, allow_private_hosts: bool = True) -> AsyncIterator[Send]:
    """How the hub calls, with a client of its own."""
    client = open_client(allow_private_hosts=allow_private_hosts)
    try:
        yield sender(client, allow_private_hosts=allow_private_hosts, deadline_s=deadline_s)
    finally:
        await client.close()
