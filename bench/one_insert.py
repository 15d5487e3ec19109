"""What everybody writes first: a receiver that stores each webhook by an INSERT of its own, committed before the 200.

Run as a program with `BENCH_SECRET` and `DATABASE_URL`, a database of its own; prints its address.
"""

from __future__ import annotations

import hashlib
import os

import asyncpg
from aiohttp import web

from bench.echo import Handler, answer, authentic

POOL = 8  # more sessions were no faster on two cores

TABLE = """CREATE TABLE IF NOT EXISTS webhooks (
  webhook_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, token text NOT NULL, topic text NOT NULL,
  digest bytea NOT NULL UNIQUE, body bytea NOT NULL, received_at timestamptz NOT NULL DEFAULT now())"""
INSERT = "INSERT INTO webhooks (token, topic, digest, body) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"


def one_insert(pool: asyncpg.Pool, secret: bytes) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        body = await request.read()
        if not authentic(request, body, secret):
            return web.Response(status=401)
        where = request.match_info
        await pool.execute(INSERT, where["token"], where["topic"], hashlib.sha256(body).digest(), body)
        return web.Response()

    return handle


async def main() -> None:
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=POOL, max_size=POOL) as pool:
        await pool.execute(TABLE)
        await answer(one_insert(pool, os.environ["BENCH_SECRET"].encode()))


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
