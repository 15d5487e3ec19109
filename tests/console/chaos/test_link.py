"""The proxy between two programs: what each fault does to a conversation, over TCP and over a unix socket."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest

from console.chaos.link import Address, Link


class Echo:
    """A server that counts what it was told and says it back in capitals."""

    def __init__(self) -> None:
        self.heard = b""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while said := await reader.read(1 << 16):
                self.heard += said
                writer.write(said.upper())
        writer.close()


class Talk:
    """A connection through the link."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, said: bytes, patience_s: float = 5.0) -> bytes:
        """The answer to *said*; fewer bytes, or none, where the connection was cut."""
        self.writer.write(said)
        try:
            return await asyncio.wait_for(self.reader.readexactly(len(said)), patience_s)
        except asyncio.IncompleteReadError as error:
            return error.partial
        except ConnectionError:
            return b""


class Bench:
    """A link before an echo."""

    def __init__(self, link: Link, echo: Echo, stack: AsyncExitStack) -> None:
        self.link, self.echo, self._stack = link, echo, stack

    async def talk(self) -> Talk:
        where = self.link.address
        opened = (
            asyncio.open_unix_connection(where) if isinstance(where, str) else asyncio.open_connection(*where)
        )
        reader, writer = await opened
        self._stack.callback(writer.close)
        return Talk(reader, writer)


@pytest.fixture(params=["tcp", "unix"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        echo = Echo()
        here: Address
        there: Address
        if request.param == "unix":
            here, there = str(tmp_path / "here"), str(tmp_path / "there")
            server = await asyncio.start_unix_server(echo, there)
        else:
            here = ("127.0.0.1", 0)
            server = await asyncio.start_server(echo, "127.0.0.1", 0)
            there = server.sockets[0].getsockname()[:2]
        stack.callback(server.close)
        link = await stack.enter_async_context(Link("test", here, [there], random.Random(1)).open())
        yield Bench(link, echo, stack)


async def test_without_a_fault_everything_passes(bench: Bench) -> None:
    talk = await bench.talk()
    assert await talk.ask(b"hello") == b"HELLO"
    assert await talk.ask(b"x" * 500_000) == b"X" * 500_000


async def test_a_link_that_is_gone_cuts_what_is_open_and_takes_nothing_new_until_it_is_back(
    bench: Bench,
) -> None:
    old = await bench.talk()
    assert await old.ask(b"one") == b"ONE"

    bench.link.befall("gone")

    assert await old.ask(b"two") == b""
    assert await (await bench.talk()).ask(b"three") == b""
    assert bench.echo.heard == b"one"
    bench.link.befall("")
    assert await (await bench.talk()).ask(b"four") == b"FOUR"


async def test_in_a_hole_nothing_arrives_and_nobody_is_told_but_afterwards_it_is_all_there(
    bench: Bench,
) -> None:
    talk = await bench.talk()
    bench.link.befall("hole")

    with pytest.raises(TimeoutError):
        await talk.ask(b"one", patience_s=0.2)

    assert bench.echo.heard == b""
    bench.link.befall("")
    assert await asyncio.wait_for(talk.reader.readexactly(3), 5) == b"ONE"


async def test_an_answer_that_is_reset_was_given_after_its_effect(bench: Bench) -> None:
    talk = await bench.talk()
    bench.link.befall("reset", 1.0)

    assert await talk.ask(b"book it") == b""

    assert bench.echo.heard == b"book it"


async def test_a_cut_ends_every_connection_and_new_ones_are_fine(bench: Bench) -> None:
    talks = [await bench.talk() for _ in range(3)]
    assert [await talk.ask(b"a") for talk in talks] == [b"A"] * 3

    bench.link.cut()

    assert [await talk.ask(b"b") for talk in talks] == [b""] * 3
    assert await (await bench.talk()).ask(b"c") == b"C"


@pytest.mark.parametrize(("fault", "amount", "least_s"), [("delay", 0.1, 0.2), ("drip", 10, 0.36)])
async def test_what_is_slow_comes_late_but_whole(
    bench: Bench, fault: str, amount: float, least_s: float
) -> None:
    talk = await bench.talk()
    bench.link.befall(fault, amount)
    begun = time.monotonic()

    assert await talk.ask(b"0123456789" * 10) == b"0123456789" * 10

    assert time.monotonic() - begun >= least_s


async def test_one_upstream_that_is_down_is_passed_over(tmp_path: Path) -> None:
    echo = Echo()
    server = await asyncio.start_unix_server(echo, str(tmp_path / "up"))
    ways = [str(tmp_path / "down"), str(tmp_path / "up")]
    async with AsyncExitStack() as stack:
        stack.callback(server.close)
        link = await stack.enter_async_context(
            Link("t", str(tmp_path / "door"), ways, random.Random(1)).open()
        )
        bench = Bench(link, echo, stack)
        for _ in range(4):
            assert await (await bench.talk()).ask(b"x") == b"X"
