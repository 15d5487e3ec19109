"""Reads request bodies raw, within a size, a time and a budget for all together. Never decompresses."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiohttp import StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError

from webhooks.problems import Refusal

MAX_HELD = 64 * 1024 * 1024  # bytes of half-read bodies in this process


@dataclass(slots=True)
class BodyReader:
    """*max_body* in bytes; *deadline_s* for the whole body from when its head was read."""

    max_body: int
    deadline_s: float
    _held: int = 0

    async def read(self, request: web.BaseRequest) -> bytes:
        """The raw body; raises `Refusal`: payload-too-large, timeout, overloaded, malformed-http."""
        content = request.content
        try:
            if content.is_eof():  # the usual case: it came with the head
                body = content.read_nowait(-1)
            else:
                async with asyncio.timeout(self.deadline_s):
                    body = await self._collect(content)
        except TimeoutError:
            raise Refusal("timeout") from None
        except (web.RequestPayloadError, HttpProcessingError, ConnectionError):
            raise Refusal("malformed-http") from None
        if len(body) > self.max_body:
            raise Refusal("payload-too-large")
        return body

    async def _collect(self, content: StreamReader) -> bytes:
        chunks: list[bytes] = []
        size = 0
        try:
            while chunk := await content.readany():
                size += len(chunk)
                self._held += len(chunk)
                if size > self.max_body:
                    raise Refusal("payload-too-large")
                if self._held > MAX_HELD:
                    raise Refusal("overloaded")
                chunks.append(chunk)
        finally:
            self._held -= size
        return b"".join(chunks)
