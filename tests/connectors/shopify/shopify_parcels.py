"""A parcel for Shopify, told to a shop played in memory."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from fulfilling_shop import ORDER, Shop, drive

from connectors.shopify import CONNECTOR
from core.errors import ChannelError
from core.flow import decode
from core.model.fulfillment import FulfillmentPush, FulfillmentPushed, LineQuantity, Parcel

MUG, LAMP = "9007199254740993", "18014398509481985"  # above what a float can hold
NUMBER = "1Z999AA10123456784"
BOX = Parcel(carrier="ups", tracking_number=NUMBER, tracking_url=f"https://ups.example/{NUMBER}")


def push_of(lines: dict[str, int], *parcels: Parcel, **more: Any) -> FulfillmentPush:
    return FulfillmentPush(
        **{
            "key": "5a1c",
            "channel_order_id": ORDER,
            "shipped_at": datetime(2026, 11, 24, tzinfo=UTC),
            "completes": True,
        }
        | more,
        lines=tuple(LineQuantity(line_id=line, quantity=quantity) for line, quantity in lines.items()),
        parcels=parcels or (BOX,),
    )


def ship(shop: Shop, lines: dict[str, int], *parcels: Parcel, **more: Any) -> FulfillmentPushed:
    return drive(shop, CONNECTOR.push_fulfillment(push_of(lines, *parcels, **more)))


def refused(shop: Shop, lines: dict[str, int], **more: Any) -> ChannelError:
    with pytest.raises(ChannelError) as raised:
        ship(shop, lines, **more)
    return raised.value


def sent(shop: Shop) -> list[dict[str, Any]]:
    return [decode(one.body or b"")["variables"]["fulfillment"] for one in shop.asked if not one.reads]
