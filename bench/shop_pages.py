"""A shop that shows pages of products, written before they are asked for: what reading costs the hub, without a simulator.

Run as a program with `BENCH_PRODUCTS`, `BENCH_UNITS` and `BENCH_LESS`: of every so many products one shows a unit less.
Prints its address.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal

from aiohttp import web

PAGE = 100
PATH = "/wp-json/wc/v3/products"


def pages(products: int, units: int, less: int) -> list[bytes]:
    """Bodies of all pages, the last one short or empty: product n has the id n + 1 and the SKU `SKU-n`."""
    return [
        json.dumps([_product(number, units - (number % less == 0)) for number in range(start, min(start + PAGE, products))])
        .encode()
        for start in range(0, products + 1, PAGE)
    ]  # fmt: skip


def _product(number: int, quantity: int) -> dict[str, object]:
    return {
        "id": number + 1, "parent_id": 0, "type": "simple", "sku": f"SKU-{number}", "manage_stock": True,
        "stock_quantity": quantity, "variations": [],
    }  # fmt: skip


async def main() -> None:
    bodies = pages(*(int(os.environ[name]) for name in ("BENCH_PRODUCTS", "BENCH_UNITS", "BENCH_LESS")))

    async def show(request: web.Request) -> web.Response:
        return web.Response(body=bodies[int(request.query["page"]) - 1], content_type="application/json")

    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    app = web.Application()
    app.add_routes([web.get(PATH, show)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print("http://{}:{}".format(*runner.addresses[0][:2]), flush=True)
    await stopped.wait()
    await runner.cleanup()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
