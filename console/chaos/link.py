"""A proxy of our own between two programs, over TCP or a unix socket, that spoils what passes. Reads none of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

Address = str | tuple[str, int]  # the path of a unix socket, or a host and a port

CHUNK = 1 << 16
DRIP_S = 0.02  # between two small pieces


@dataclass(slots=True, eq=False)
class Link:
    """Passes on what comes in at `address` to one of *upstreams*, in turn; one that takes no connection is passed over.

    *fault* is what befalls the link now, *amount* how much (`console.chaos.schedule.FAULTS`):

    - "gone": connections are refused, and those that are open are cut.
    - "hole": nothing passes in either direction, and nobody is told; what was sent then arrives afterwards, as TCP
      sends it again.
    - "delay": each piece waits *amount* seconds.
    - "drip": each piece comes in *amount* small ones.
    - "reset": a share *amount* of answers never comes, the connection is cut instead: what was asked has happened.
    """

    name: str
    address: Address
    upstreams: Sequence[Address]
    rng: random.Random
    fault: str = ""
    amount: float = 0.0
    _pairs: set[asyncio.Task[None]] = field(default_factory=set)
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _clear: asyncio.Event = field(default_factory=asyncio.Event)
    _turn: int = 0

    def befall(self, fault: str, amount: float = 0.0) -> None:
        """From now on *fault* holds, until the next; "" is none."""
        self.fault, self.amount = fault, amount
        if fault == "hole":
            self._clear.clear()
        else:
            self._clear.set()
        if fault == "gone":
            self.cut()

    def cut(self) -> None:
        """End every connection now, without a word; data on its way is lost."""
        for writer in list(self._open):
            writer.transport.abort()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Link]:
        """Listen while the block runs. A TCP port of 0 is one that the system chooses; `address` then names it."""
        self._clear.set()
        if isinstance(self.address, str):
            server = await asyncio.start_unix_server(self._take, self.address)
        else:
            server = await asyncio.start_server(self._take, *self.address)
            self.address = server.sockets[0].getsockname()[:2]
        try:
            yield self
        finally:
            server.close()
            for task in list(self._pairs):
                task.cancel()
            await asyncio.gather(*self._pairs, return_exceptions=True)

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._pairs.add(task)
        task.add_done_callback(self._pairs.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if self.fault != "gone":
                await self._clear.wait()
                await self._join(reader, writer)
        except OSError:
            pass  # one of the two has ended: so does the other
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found = await self._reach()
        if found is None:
            return
        theirs, to_them = found
        self._open.add(to_them)
        try:
            ways = [
                asyncio.create_task(self._pass(reader, to_them, answers=False)),
                asyncio.create_task(self._pass(theirs, writer, answers=True)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
            # Nothing is left unsent: whoever closed had said all, and the other side shall hear it.
            for end in (writer, to_them):
                with suppress(OSError, TimeoutError):
                    end.close()
                    await asyncio.wait_for(end.wait_closed(), 1.0)
        finally:
            self._open.discard(to_them)
            to_them.transport.abort()

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for _ in self.upstreams:
            self._turn += 1
            upstream = self.upstreams[self._turn % len(self.upstreams)]
            with suppress(OSError):
                if isinstance(upstream, str):
                    return await asyncio.open_unix_connection(upstream)
                return await asyncio.open_connection(*upstream)
        return None

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        while piece := await reader.read(CHUNK):
            await self._clear.wait()
            if answers and self.fault == "reset" and self.rng.random() < self.amount:
                writer.transport.abort()
                return
            if self.fault == "delay":
                await asyncio.sleep(self.amount)
            if self.fault == "drip":
                size = max(1, round(len(piece) / max(1.0, self.amount)))
                for begin in range(0, len(piece), size):
                    writer.write(piece[begin : begin + size])
                    await writer.drain()
                    await asyncio.sleep(DRIP_S)
                continue
            writer.write(piece)
            await writer.drain()
