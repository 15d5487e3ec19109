"""What a mistake is: something a copy of a connector does otherwise, and the behaviour that has to catch it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from types import SimpleNamespace
from typing import Any

from conformance.kit import Kit
from conformance.wire import next_of

from core.connector import OrderRead
from core.errors import ChannelError
from core.flow import Flow, Request, Response

Changes = Mapping[str, Any]  # what the spoiled connector does otherwise
SABOTAGES: dict[str, tuple[str, str, Callable[[Kit], Changes]]] = {}


def caught_by(
    behaviour: str, *channels: str
) -> Callable[[Callable[[Kit], Changes]], Callable[[Kit], Changes]]:
    """The behaviour that has to catch this mistake in the connectors of *channels*."""

    def register(spoil: Callable[[Kit], Changes]) -> Callable[[Kit], Changes]:
        for channel in channels:
            SABOTAGES[f"{channel}-{spoil.__name__}"] = (channel, behaviour, spoil)
        return spoil

    return register


def spoiled(kit: Kit, spoil: Callable[[Kit], Changes]) -> Kit:
    """*kit* around a copy of its connector with the mistake in it."""
    parts = {name: getattr(kit.connector, name) for name in dir(kit.connector) if not name.startswith("_")}
    return kit.with_connector(SimpleNamespace(**{**parts, **spoil(kit)}))


BOTH = ("shopify", "woocommerce")
ALL = ("easypost", *BOTH)


def order_changed(kit: Kit, change: Callable[[Any], Mapping[str, Any]]) -> Changes:
    """Every order that is read gets the values of *change*."""

    def read(delivery: Any, overrides: Any) -> Any:
        found = kit.connector.read(delivery, overrides)
        if not isinstance(found, OrderRead):
            return found
        return OrderRead(found.order.model_copy(update=dict(change(found.order))))

    return {"read": read}


def altered(
    flow: Flow[Any],
    asked: Callable[[Request], Request] = lambda request: request,
    answered: Callable[[Request, Response], Response] = lambda _, answer: answer,
) -> Generator[Request, Response, Any]:
    """*flow* with every request changed before it goes out, and every answer before the flow sees it."""
    request = next_of(flow.__next__)
    while isinstance(request, Request):
        try:
            answer = yield asked(request)
        except ChannelError as error:
            request = next_of(flow.throw, error)
        else:
            request = next_of(flow.send, answered(request, answer))
    return request.value
