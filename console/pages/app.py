"""Serves the status pages on the loopback interface: who may ask, and the headers of every answer."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from console.pages import views
from core.clock import Clock
from core.errors import FairwayError, UsageProblem
from core.log import get_log
from core.store.database import RETRYABLE, Database

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
STATIC = Path(__file__).with_name("static")

log = get_log("pages")


def create_pages(database: Database, clock: Clock) -> web.Application:
    """The pages over *database* (role fairway_read), for all merchants; *clock* says what "ago" means."""
    app = web.Application(middlewares=[_guard])
    app[views.DATABASE] = database
    app[views.CLOCK] = clock
    app.add_routes(views.ROUTES)
    app.router.add_static("/static", STATIC)
    app.on_response_prepare.append(_set_headers)
    return app


async def serve_pages(app: web.Application, host: str, port: int) -> tuple[web.AppRunner, str]:
    """Start serving; returns the runner (`cleanup` stops it) and the URL. Port 0 lets the system choose.

    Raises `UsageProblem` for a host that others could reach: there is no login here.
    """
    if host not in ("localhost", "127.0.0.1", "::1"):
        raise UsageProblem(
            f"The status pages are served on this machine only, not on {host!r}.",
            fix="Use 127.0.0.1, and a tunnel (ssh -L) to look from elsewhere.",
        )
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise UsageProblem(
            f"Port {port} cannot be used ({error.strerror}).", fix="Choose another one, or 0 for any."
        ) from error
    bound: int = runner.addresses[0][1]
    return runner, f"http://{f'[{host}]' if ':' in host else host}:{bound}/"


def _name(host: str) -> str:
    """The name in a Host header, without the port."""
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdecimal() else host.lower()


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    # DNS rebinding: a foreign page can make a browser ask us under its own name; under ours it cannot read.
    if _name(request.headers.get("Host", "")) not in LOOPBACK:
        return web.Response(status=421, text="These pages answer to localhost and 127.0.0.1 only.\n")
    if request.method != "GET":
        return web.Response(status=405, text="These pages can only be read.\n", headers={"Allow": "GET"})
    try:
        return await handler(request)
    except web.HTTPNotFound:
        return views.missing(request)
    except (FairwayError, *RETRYABLE) as error:
        log.warning("a page could not be made", extra={"fields": {"error": type(error).__name__}})
        return views.unavailable(request)


async def _set_headers(_: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers[name] = value
    response.headers["Server"] = "fairway"
