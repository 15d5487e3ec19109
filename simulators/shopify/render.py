"""What every webhook body is made of: money bags, stamps in the shop's own time, and the bytes themselves."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import orjson

from simulators.shopify.amounts import written
from simulators.shopify.goods import TAX_BASIS_POINTS, TAX_TITLE

SHOP_TIMEZONE = timezone(timedelta(hours=1))

Json = dict[str, Any]


def stamp(moment: datetime) -> str:
    return moment.astimezone(SHOP_TIMEZONE).isoformat()


def bag(cents: int, currency: str) -> Json:
    """An amount in the shop's currency and in the buyer's, which are the same here."""
    money = {"amount": written(cents), "currency_code": currency}
    return {"shop_money": money, "presentment_money": money}


def tax_lines(tax: int, currency: str) -> list[Json]:
    return [
        {
            "channel_liable": False,
            "price": written(tax),
            "price_set": bag(tax, currency),
            "rate": TAX_BASIS_POINTS / 10000,
            "title": TAX_TITLE,
        }
    ]


def body_of(payload: Json) -> bytes:
    """The bytes of a webhook: UTF-8 as it is, but slashes and what HTML could mistake are escaped."""
    raw = orjson.dumps(payload).replace(b"/", b"\\/")
    return raw.replace(b"&", b"\\u0026").replace(b"<", b"\\u003c").replace(b">", b"\\u003e")
