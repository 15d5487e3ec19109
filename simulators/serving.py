"""Serves a simulated channel on this machine: a free port of the loopback address, nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Served:
    """A running application. *url* is its base without a slash at the end; `close` stops it."""

    url: str
    runner: web.AppRunner

    async def close(self) -> None:
        await self.runner.cleanup()


async def serve(app: web.Application) -> Served:
    """Run *app* on 127.0.0.1 and a port that the system picks."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    return Served(url=f"http://{host}:{port}", runner=runner)
