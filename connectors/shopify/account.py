"""Whose shop a signed body is of, where the body says so. The app's secret signs for every shop, headers for none."""

from __future__ import annotations

import re

from core.connector import Delivery

# https://{domain}/{shop id}/orders/{token}/authenticate?...; slashes may be escaped.
_STATUS_PAGE = re.compile(
    rb'"order_status_url"\s*:\s*"https?:(?:\\?/){2}[^/"\\]+(?:\\?/)(\d{1,20})(?:\\?/)orders\b'
)
_SHOP_ID = re.compile(rb'"shop_id"\s*:\s*"?(\d{1,20})')
_ABOUT_A_SHOP = ("customers/", "shop/")


def account_named(delivery: Delivery) -> tuple[str, str] | None:
    """("shop_id", the shop's number) by the order's status page, or by the shop of a privacy notice."""
    pattern = _SHOP_ID if delivery.topic.startswith(_ABOUT_A_SHOP) else _STATUS_PAGE
    found = pattern.search(delivery.body)
    return ("shop_id", found[1].decode()) if found else None
