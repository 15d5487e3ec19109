"""Asks the store and fills the templates: one function per page. Decides nothing about orders or stock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from console.pages import words
from core.clock import Clock
from core.store import certificates, connections, run_log, status, trace
from core.store import runs as run_store
from core.store.database import Connection, Database, declare

DATABASE = web.AppKey("database", Database)
CLOCK: web.AppKey[Clock] = web.AppKey("clock", Clock)  # type: ignore[arg-type]  # an alias is no class

LATE = timedelta(seconds=60)  # a delivery that waits longer needs somebody
SHOWN = 20  # orders, runs and differences on the first page
STOCK_SHOWN = 30
LIST_SHOWN = 100  # rows of a page that is a list
LINES_SHOWN = 1000  # of one run


_templates = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.globals["words"] = words


@asynccontextmanager
async def _reading(request: web.Request) -> AsyncIterator[tuple[Connection, list[int]]]:
    """A transaction that sees every merchant, and runs over many of them (merchant 0)."""
    async with request.app[DATABASE].transaction([]) as tx:
        merchants = await connections.merchant_ids(tx)
        await declare(tx, [0, *merchants])
        yield tx, merchants


def _page(request: web.Request, template: str, *, code: int = 200, **values: Any) -> web.Response:
    now = request.app[CLOCK]()
    html = _templates.get_template(template).render(
        **values, now=now, ago=partial(words.ago, now=now), refreshing="still" not in request.query
    )
    return web.Response(status=code, text=html, content_type="text/html", charset="utf-8")


def missing(request: web.Request) -> web.Response:
    """There is no such page, order or delivery (or it belongs to nobody we know: the answer is the same)."""
    return _page(request, "missing.html", code=404)


def unavailable(request: web.Request) -> web.Response:
    """The database does not answer; the page tries again by itself."""
    return _page(request, "unavailable.html", code=503)


async def overview(request: web.Request) -> web.Response:
    """The first page: what is broken, why, and how things stand."""
    now = request.app[CLOCK]()
    async with _reading(request) as (tx, merchants):
        linked = await status.connections(tx, merchants)
        work = await status.failing_work(tx)
        parked = await status.parked_groups(tx)
        held = await status.held_groups(tx)
        refused = await status.refused_pushes(tx)
        asked = await status.asked_drifts(tx)
        untold = await status.refused_effects(tx)
        late = await status.late_todo(tx, now - LATE)
        numbers = await status.numbers(tx, now.replace(hour=0, minute=0, second=0, microsecond=0))
        orders = await status.newest_orders(tx, merchants, SHOWN)
        newest = await run_store.newest(tx, merchants, SHOWN)
        stock = await status.scarce_stock(tx, STOCK_SHOWN)
        levels = await status.levels_of(tx, [row["variant_id"] for row in stock])
        shortages = await status.shortages(tx, STOCK_SHOWN)
        drifts = await status.newest_drifts(tx, merchants, SHOWN)
        proven = {row["connection_id"]: row for row in await certificates.summary(tx, merchants)}
    failing = {row["connection_id"] for row in work}
    for connection in linked:
        broken = connection["status"] == "active" and connection["connection_id"] in failing
        connection["proven"] = proven.get(connection["connection_id"])
        connection["health"] = "failing" if broken else connection["status"]
    reauth = [connection for connection in linked if connection["status"] == "reauth_required"]
    for row in stock:
        row["levels"] = [level for level in levels if level["variant_id"] == row["variant_id"]]
    gaps = [row for row in proven.values() if row["gaps"]]
    needs = sum(map(len, (reauth, work, parked, held, refused, asked, untold, gaps))) + bool(late["count"])
    live = [connection for connection in linked if connection["status"] != "disconnected"]
    return _page(
        request,
        "overview.html",
        headline=words.headline(live, needs),
        connections=linked,
        many_merchants=len(merchants) > 1,
        names={row["connection_id"]: row["name"] for row in linked},
        reauth=reauth,
        work=work,
        parked=parked,
        held=held,
        refused=refused,
        asked=asked,
        drifts=drifts,
        untold=untold,
        gaps=gaps,
        late=late,
        needs=needs,
        numbers=numbers,
        orders=orders,
        runs=newest,
        stock=stock,
        shortages=shortages,
    )


async def orders(request: web.Request) -> web.Response:
    """The last orders; `?hold=CODE` shows those that this hold keeps from shipping."""
    hold = request.query.get("hold")
    async with _reading(request) as (tx, merchants):
        found = await status.newest_orders(tx, merchants, LIST_SHOWN, hold)
        linked = await status.names(tx)
    return _page(request, "orders.html", orders=found, hold=hold, names=linked, limit=LIST_SHOWN)


async def order(request: web.Request) -> web.Response:
    order_id = int(request.match_info["id"])
    async with _reading(request) as (tx, _):
        found = await trace.order(tx, order_id)
        if found is None:
            raise web.HTTPNotFound
        lines = await trace.lines(tx, order_id)
        history = await trace.history(tx, order_id)
        shortages = await status.shortages(tx, LIST_SHOWN, order_id)
        linked = await status.names(tx)
    return _page(
        request, "order.html", order=found, lines=lines, history=history, shortages=shortages, names=linked
    )


async def deliveries(request: web.Request) -> web.Response:
    """The last deliveries; `?only=parked` or `?only=waiting` shows those."""
    only = request.query.get("only")
    async with _reading(request) as (tx, merchants):
        found = await trace.newest_deliveries(tx, merchants, LIST_SHOWN, only)
    return _page(request, "deliveries.html", deliveries=found, only=only, limit=LIST_SHOWN)


async def delivery(request: web.Request) -> web.Response:
    delivery_id = int(request.match_info["id"])
    async with _reading(request) as (tx, _):
        found = await trace.delivery(tx, delivery_id)
        if found is None:
            raise web.HTTPNotFound
        changes = await trace.changes_by(tx, delivery_id)
    return _page(request, "delivery.html", delivery=found, changes=changes)


async def variant(request: web.Request) -> web.Response:
    """A variant's balance and the ledger entries it is the sum of."""
    variant_id = int(request.match_info["id"])
    async with _reading(request) as (tx, _):
        found = await trace.variant(tx, variant_id)
        if found is None:
            raise web.HTTPNotFound
        entries = await trace.ledger(tx, variant_id, LIST_SHOWN)
    return _page(request, "variant.html", variant=found, entries=entries, limit=LIST_SHOWN)


async def runs(request: web.Request) -> web.Response:
    """The last runs of jobs; `?only=bad` shows those that did not end well."""
    only = request.query.get("only")
    async with _reading(request) as (tx, merchants):
        found = await run_store.newest(tx, merchants, LIST_SHOWN, bad=only == "bad")
    return _page(request, "runs.html", runs=found, only=only, limit=LIST_SHOWN)


async def run(request: web.Request) -> web.Response:
    """One run with every line it said."""
    run_id = int(request.match_info["id"])
    async with _reading(request) as (tx, merchants):
        found = await run_store.one(tx, merchants, run_id)
        if found is None:
            raise web.HTTPNotFound
        lines = await run_log.of_run(tx, merchants, run_id, LINES_SHOWN)
    return _page(request, "run.html", run=found, lines=lines, limit=LINES_SHOWN)


ROUTES = [
    web.get("/", overview),
    web.get("/orders", orders),
    web.get(r"/orders/{id:[0-9]{1,18}}", order),
    web.get("/deliveries", deliveries),
    web.get(r"/deliveries/{id:[0-9]{1,18}}", delivery),
    web.get(r"/stock/{id:[0-9]{1,18}}", variant),
    web.get("/runs", runs),
    web.get(r"/runs/{id:[0-9]{1,18}}", run),
]
