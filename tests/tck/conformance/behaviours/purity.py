"""A connector knows only what it is told: no network, no clock, no chance, so that a flow can be repeated."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from conformance.behaviour import bronze, bronze_channel
from conformance.behaviours.signatures import SECRET
from conformance.blocked import blocked
from conformance.conversations import conversations
from conformance.kit import NOW, ChannelKit, Kit
from core.errors import ChannelError
from core.flow import Flow, Request, Response


@bronze("pure-reading", "Reading and verifying ask nothing of network, clock or chance.")
def pure_reading(kit: Kit) -> None:
    delivery = kit.signed(kit.sample(), SECRET)
    before = kit.connector.read(delivery, {}), kit.connector.verify(delivery, [SECRET], NOW)
    with blocked():
        again = kit.connector.read(delivery, {}), kit.connector.verify(delivery, [SECRET], NOW)
        kit.connector.classify(Response(429, {"retry-after": "7"}, b"<html>"))
        kit.connector.authorize(Request("GET", "/x"), kit.credentials, "https://shop.example", NOW, "n" * 32)
    assert again == before


@bronze(
    "pure-flows",
    "A flow told the same answers asks the same questions and ends the same, cut off from the world.",
)
async def pure_flows(kit: Kit) -> None:
    for name, make, asked, value in await conversations(kit):
        requests = [one.request for one in asked]
        repeated, found = _replay(make, [one.answer for one in asked], kit)
        assert repeated == requests, f"{name} asked otherwise the second time"
        assert found == value, f"{name} ended otherwise the second time"


def _replay(make: Callable[[], Flow[Any]], answers: list[Response], kit: Kit) -> tuple[list[Request], Any]:
    """*make*'s flow over *answers*, every step of it without the world outside."""
    asked: list[Request] = []
    remaining = iter(answers)
    try:
        with blocked():
            flow = make()
            request = next(flow)
            while True:
                asked.append(request)
                answer = next(remaining)
                error = kit.connector.classify(answer)
                request = flow.throw(error) if error else flow.send(answer)
    except StopIteration as stop:
        return asked, stop.value
    except ChannelError as error:
        return asked, error.code


@bronze("pure-import", "The connector's modules hold no network, clock, chance or log.")
def pure_import(kit: Kit) -> None:
    package = f"connectors.{kit.connector.manifest.slug}"
    modules = [
        module for name, module in sys.modules.items() if name == package or name.startswith(package + ".")
    ]
    assert modules
    for module in modules:
        held = {
            getattr(value, "__name__", "") for value in vars(module).values() if isinstance(value, type(sys))
        }
        unwanted = held & {
            "socket",
            "time",
            "random",
            "secrets",
            "logging",
            "asyncio",
            "os",
            "subprocess",
            "aiohttp",
        }
        assert not unwanted, f"{module.__name__} holds {', '.join(sorted(unwanted))}"


@bronze_channel("pure-no-memory", "What one merchant's body says leaves nothing behind for the next.")
def no_memory(kit: ChannelKit) -> None:
    odd = (
        ("status", '"lay-by"'),
        ("currency", '"JPY"'),
        ("quantity", "9"),
        ("total", "null"),
        ("sku", '"LAMP"'),
    )
    bodies = [kit.sample(), *(kit.with_raw(fact, raw) for fact, raw in odd)]
    once = [kit.read(body) for body in bodies]
    again = [kit.read(body) for body in reversed(bodies)]
    assert again[::-1] == once, "what was read before changes what is read now"
    assert all(one != other for place, one in enumerate(once) for other in once[:place]), (
        "two bodies, one reading"
    )
