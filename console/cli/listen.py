"""Shows deliveries as they arrive, and what becomes of each."""

from __future__ import annotations

import asyncio
import signal
import sys
from datetime import datetime
from typing import Any

import click

from console.cli.show import as_json as json_line
from console.cli.show import hub_here, run
from core.errors import ChannelError, UsageProblem

PAUSE_S = 0.25  # between two looks
FORWARD_S = 10.0  # what a forwarded delivery may take
AT_ONCE = 200  # deliveries opened in one go


@click.command()
@click.option("--connection", metavar="NAME", help="Of this connection only.")
@click.option("--forward", metavar="URL", help="Post the same bytes to this address, too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def listen(connection: str | None, forward: str | None, as_json: bool) -> None:
    """Print each delivery as it arrives and what became of it, until Ctrl-C.

    --forward posts the raw body as it came, with the headers that were kept and X-Fairway-Topic. Signatures are
    not kept, so the receiver cannot check one.
    """
    if forward and not forward.startswith(("http://", "https://")):
        raise UsageProblem(f"{forward!r} is not an http address.")
    run(_listen(connection, forward, as_json=as_json))


async def _listen(connection: str | None, forward: str | None, *, as_json: bool) -> None:
    from console.cli.deliveries import connection_called
    from core.net import open_client, sender

    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    client = open_client(allow_private_hosts=True)  # it is the developer's own machine that is called
    try:
        async with hub_here() as hub:
            only = (await connection_called(hub, connection)).connection_id if connection else None
            send = sender(client, allow_private_hosts=True, deadline_s=FORWARD_S)
            ear = _Ear(hub, only, forward, send, as_json=as_json)
            await ear.listen(stopped)
    finally:
        await client.close()


class _Ear:
    def __init__(self, hub: Any, only: int | None, forward: str | None, send: Any, *, as_json: bool) -> None:
        from core.usecases.arrivals import Arrivals

        self._hub, self._only, self._forward, self._send, self._as_json = hub, only, forward, send, as_json
        self._arrivals = Arrivals(hub)
        self._open: dict[int, str] = {}  # told, but not read by a worker yet; with the connection's name

    async def listen(self, stopped: asyncio.Event) -> None:
        await self._arrivals.begin()
        click.echo("Listening for deliveries (Ctrl-C ends it).", err=True)
        while not stopped.is_set():
            fresh = await self._arrivals.new()
            for start in range(0, len(fresh), AT_ONCE):
                await self._arrived(fresh[start : start + AT_ONCE])
            await self._settled()
            try:
                await asyncio.wait_for(stopped.wait(), PAUSE_S)
            except TimeoutError:
                continue

    async def _arrived(self, ids: list[int]) -> None:
        from core.usecases.follow_deliveries import open_deliveries

        for item in await open_deliveries(self._hub, ids):
            row = item.row
            if self._only not in (None, row["connection_id"]):
                continue
            self._open[item.delivery_id] = row["connection"]
            self._say(
                "arrived",
                row["received_at"],
                delivery_id=item.delivery_id,
                connection=row["connection"],
                topic=row["topic"],
                size=len(item.body),
                via=row["via"],
            )
            if self._forward:
                await self._post(self._forward, item)

    async def _post(self, url: str, item: Any) -> None:
        headers = {**item.row["headers"], "X-Fairway-Topic": item.row["topic"]}
        try:
            response = await self._send("POST", url, headers, item.body)
            said = str(response.status)
        except ChannelError as error:
            said = error.message
        self._say("forwarded", self._hub.clock(), delivery_id=item.delivery_id, answer=said)

    async def _settled(self) -> None:
        from core.store import follow
        from core.usecases.follow_deliveries import merchants_of, outcomes

        if not self._open:
            return
        ids = sorted(self._open)
        merchants = await merchants_of(self._hub)
        async with self._hub.database.transaction(merchants) as tx:
            waiting = await follow.still_waiting(tx, merchants, ids)
        for item in await outcomes(self._hub, [number for number in ids if number not in waiting]):
            self._say(
                "became",
                self._hub.clock(),
                delivery_id=item.delivery_id,
                connection=self._open.pop(item.delivery_id),
                became=item.became,
                words=item.words,
            )

    def _say(self, event: str, at: datetime, **facts: Any) -> None:
        from console.cli.harmless import harmless

        if self._as_json:
            click.echo(json_line({"event": event, "at": at, **facts}))
        else:
            click.echo(harmless(f"{at:%H:%M:%S} {_LINES[event].format(**facts)}"))
        sys.stdout.flush()


_LINES = {
    "arrived": "{delivery_id}  {connection}  {topic}  {size:,} bytes  {via}",
    "forwarded": "{delivery_id}    forwarded: {answer}",
    "became": "{delivery_id}    {words}",
}
