"""Load on HTTP servers: `wrk` sends requests from files, each once. Without wrk Python does, and says what that is worth."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from core.errors import FairwayError
from core.flow import decode

CONNECTIONS = 64
GRACE_S = 15  # at most, for the answers that are still under way when the time is over
NOT_COMPARABLE = "not comparable: made by Python, since wrk is not installed"


@dataclass(frozen=True, slots=True)
class Requests:
    """Files of requests, one for each server that is sent to. *counts* is how many each holds."""

    files: Sequence[Path]
    counts: Sequence[int]

    @property
    def count(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of a load. *answered* counts all answers, *refused* those that were not 200, *errors* requests without
    an answer; *late* how many of a paced load left more than 5 ms after their time. Times run from the sending.
    """

    answered: int
    refused: int
    errors: int
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    late: int

    @property
    def accepted(self) -> int:
        return self.answered - self.refused

    @property
    def per_s(self) -> float:
        return self.accepted / self.seconds if self.seconds > 0 else 0.0


def wrk() -> str | None:
    """Where wrk is."""
    return shutil.which("wrk")


def made_by() -> str:
    return "wrk" if wrk() else NOT_COMPARABLE


def write_requests(
    directory: Path, requests: Iterable[bytes], servers: int = 1, name: str = "requests"
) -> Requests:
    """Write *requests* to files *name*-0 and so on in *directory*, to one of each of *servers* in turn."""
    files = [directory / f"{name}-{number}" for number in range(servers)]
    counts = [0] * servers
    with ExitStack() as stack:
        opened = [stack.enter_context(file.open("wb")) for file in files]
        for number, request in enumerate(requests):
            opened[number % servers].write(b"%08d\n" % len(request) + request)
            counts[number % servers] += 1
    return Requests(files, counts)


async def load(
    urls: Sequence[str], requests: Requests, *, seconds: float, rate: float = 0.0, again: bool = False
) -> Loaded:
    """Send *requests* to *urls*, a file to each, over 64 connections until *seconds* are over or all are sent.

    As fast as they are answered, or *rate* a second. *again* begins from the front when a file ends, for servers that
    keep nothing. Every answer is waited for: what is counted is what was sent. Raises `FairwayError` when wrk fails.
    """
    program = wrk()
    if program is None:
        return await _by_python(urls, requests, seconds, rate, again=again)
    each = CONNECTIONS // len(urls)
    environment = {
        **os.environ,
        "BENCH_FILES": " ".join(map(str, requests.files)),
        "BENCH_COUNTS": " ".join(map(str, requests.counts)),
        "BENCH_SERVERS": " ".join(urlsplit(url).netloc for url in urls),
        "BENCH_SECONDS": str(seconds),
        "BENCH_RATE": str(rate),
        "BENCH_AGAIN": "1" if again else "0",
        "BENCH_CONNECTIONS": str(each),
    }
    process = await asyncio.create_subprocess_exec(
        *(program, "--threads", str(len(urls)), "--connections", str(each * len(urls)), "--latency"),
        *("--duration", f"{int(seconds + GRACE_S)}s", "--timeout", "10s"),
        *("--script", str(Path(__file__).with_name("load.lua")), urls[0]),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None  # noqa: S101 - asked for above
    said, idle = [], 0
    async for line in process.stdout:
        said.append(line.decode("utf-8", "replace").strip())
        idle += said[-1] == "idle"
        if idle == len(urls) and process.returncode is None:
            idle = 0
            process.send_signal(signal.SIGINT)  # it would sleep on until its time is over
    await process.wait()
    for words in said:
        if words.startswith("bench "):
            return _read(decode(words[6:].encode()))
    raise FairwayError(f"wrk did not measure anything: {' / '.join([words for words in said if words][-5:])}")


def _read(found: dict[str, int | float]) -> Loaded:
    return Loaded(
        answered=int(found["answered"]),
        refused=int(found["refused"]),
        errors=int(found["errors"]),
        seconds=float(found["seconds"]),
        p50_ms=float(found["p50_us"]) / 1000,
        p99_ms=float(found["p99_us"]) / 1000,
        max_ms=float(found["max_us"]) / 1000,
        late=int(found["late"]),
    )


async def _by_python(
    urls: Sequence[str], requests: Requests, seconds: float, rate: float, *, again: bool
) -> Loaded:
    took: list[float] = []
    bad = {"refused": 0, "errors": 0, "late": 0}
    begun = time.monotonic()
    places = [begun] * len(urls)

    async def sender(server: int, waiting: deque[bytes]) -> None:
        where = urlsplit(urls[server])
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        try:
            while waiting and (at := time.monotonic()) - begun < seconds:
                request = waiting.popleft()
                if again:
                    waiting.append(request)
                if rate:
                    places[server] += len(urls) / rate
                    bad["late"] += at - places[server] > 0.005
                    await asyncio.sleep(max(0.0, places[server] - at))
                sent = time.monotonic()
                writer.write(request)
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length or b"0"))
                took.append(time.monotonic() - sent)
                bad["refused"] += not head.startswith(b"http/1.1 200")
        except (OSError, EOFError):
            bad["errors"] += 1
        finally:
            writer.close()

    each = CONNECTIONS // len(urls)
    all_waiting = [deque(_records(file)) for file in requests.files]
    await asyncio.gather(*(sender(n, waiting) for n, waiting in enumerate(all_waiting) for _ in range(each)))
    elapsed = time.monotonic() - begun
    took.sort()
    p50, p99, most = (
        took[min(len(took) - 1, int(len(took) * share))] if took else 0.0 for share in (0.5, 0.99, 1)
    )
    return Loaded(
        len(took), bad["refused"], bad["errors"], elapsed, p50 * 1e3, p99 * 1e3, most * 1e3, bad["late"]
    )


def _records(file: Path) -> Iterable[bytes]:
    content = file.read_bytes()
    at = 0
    while at < len(content):
        size = int(content[at : at + 8])
        yield content[at + 9 : at + 9 + size]
        at += 9 + size
