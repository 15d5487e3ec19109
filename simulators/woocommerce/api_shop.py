"""The routes about the shop itself: discovery, currency, system status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from simulators.woocommerce.face import Face, links, number
from simulators.woocommerce.payloads import VERSION
from simulators.woocommerce.rest import Answer, Call, select

_NAMES = {
    "EUR": ("Euro", "&euro;"),
    "USD": ("United States (US) dollar", "&#36;"),
    "GBP": ("Pound sterling", "&pound;"),
}


def index(face: Face, query: Mapping[str, str], at: datetime, shown: Iterable[str]) -> Answer:
    """What anybody may read at /wp-json/. *shown*: the namespaces that merchants' tools ask for."""
    body = {
        "name": "Demo Shop",
        "description": "",
        "url": face.home,
        "home": face.home,
        "gmt_offset": number((at.astimezone(face.zone).utcoffset() or timedelta()) / timedelta(hours=1)),
        "timezone_string": face.zone.key,
        "namespaces": ["oembed/1.0", *shown, "wc/v2", "wc/v1", "wc/store", "wc/store/v1", "wp/v2"],
        "authentication": {},
        "routes": {"/wc/v3": {"namespace": "wc/v3", "methods": ["GET"]}},
    }
    wanted = [word for word in query.get("_fields", "").split(",") if word]
    return Answer({key: value for key, value in body.items() if not wanted or key in wanted})


async def currency(call: Call) -> Answer:
    code = call.face.currency
    name, symbol = _NAMES.get(code, (code, call.face.symbol))
    shown = links(f"{call.face.api}/data/currencies/{code}", ("GET",))
    return Answer(select({"code": code, "name": name, "symbol": symbol, "_links": shown}, call))


async def system_status(call: Call) -> Answer:
    face = call.face
    body = {
        "environment": {
            "home_url": face.home,
            "site_url": face.home,
            "version": VERSION,
            "wp_version": "7.1",
        },
        "settings": {
            "currency": face.currency,
            "currency_symbol": face.symbol,
            "number_of_decimals": max(0, -int(face.step.as_tuple().exponent)),
        },
    }
    return Answer(select(body, call))
