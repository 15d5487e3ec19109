"""A crowd of senders at once, each with a connection of its own. Everything is written beforehand: only the hub works."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from urllib.parse import urlsplit

from console.chaos.senders import PATIENCE_S
from console.chaos.tenants import SECRET, Orders, Sent
from simulators.woocommerce.webhooks import signature


async def crowd(door: str, plan: Sequence[Sent], orders: Orders, senders: int, padding: int) -> None:
    """Send all of *plan* as fast as it is answered, *senders* at a time; each then knows how it was answered."""
    where = urlsplit(door)
    waiting = deque((one, _request(one, orders.body(one, padding))) for one in plan)

    async def sender() -> None:
        while waiting:
            try:
                reader, writer = await asyncio.open_connection(where.hostname, where.port)
            except OSError:
                one, _ = waiting.popleft()
                one.sent = one.answered = time.monotonic()
                continue
            try:
                while waiting:
                    one, request = waiting.popleft()
                    one.sent = time.monotonic()
                    writer.write(request)
                    if not await _answered(reader, one):
                        break
            finally:
                writer.close()

    await asyncio.gather(*(sender() for _ in range(senders)))


async def _answered(reader: asyncio.StreamReader, one: Sent) -> bool:
    """Read the answer; whether the connection may be used again."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.split("\r\n")
            fields = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
            }
            await reader.readexactly(int(fields.get("content-length", 0)))
            one.status, one.retry_after = int(first.split(" ")[1]), fields.get("retry-after")
            return fields.get("connection", "").lower() != "close"
    except (TimeoutError, OSError, EOFError):
        return False
    finally:
        one.answered = time.monotonic()


def _request(one: Sent, body: bytes) -> bytes:
    return (
        f"POST /hooks/{one.tenant.token}/order.created HTTP/1.1\r\nHost: hub\r\nContent-Type: application/json\r\n"
        f"X-WC-Webhook-Signature: {signature(body, SECRET)}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
