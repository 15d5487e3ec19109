"""Mistakes in pulling, listing, writing stock and telling shipments."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from conformance.kit import Kit

from core.connector import Page
from core.errors import ChannelError, ErrorCode
from core.flow import Flow, Request, encode
from sabotages.base import BOTH, Changes, caught_by


@caught_by("pull-while-changing", "woocommerce")
def pages_by_number(kit: Kit) -> Changes:
    def pull_orders(window: Any, cursor: str | None) -> Flow[Page]:
        page, size = int(cursor or 1), kit.connector.manifest.page_size
        query = (
            ("orderby", "modified"), ("order", "asc"), ("dates_are_gmt", "true"),
            ("per_page", str(size)), ("page", str(page)),
            ("modified_after", window.since.strftime("%Y-%m-%dT%H:%M:%S")),
        )  # fmt: skip
        found = (yield Request("GET", "/wp-json/wc/v3/orders", query=query)).json()
        following = str(page + 1) if len(found) == size else None
        return Page("pull/order", tuple(encode(row) for row in found), following)

    return {"pull_orders": pull_orders}


@caught_by("pull-bounds", *BOTH)
def leaves_out_the_last_second(kit: Kit) -> Changes:
    pulls: Any = kit.connector

    def pull_orders(window: Any, cursor: str | None) -> Any:
        shorter = replace(window, until=window.until - (window.until - window.since) / 60)
        return pulls.pull_orders(shorter, cursor)

    return {"pull_orders": pull_orders}


@caught_by("pull-empty-window", *BOTH)
def always_sees_another_page(kit: Kit) -> Changes:
    pulls: Any = kit.connector

    def pull_orders(window: Any, cursor: str | None) -> Flow[Page]:
        page = yield from pulls.pull_orders(window, cursor)
        return replace(page, next_cursor=page.next_cursor or cursor or "again")

    return {"pull_orders": pull_orders}


@caught_by("fetch-missing", *BOTH)
def takes_a_missing_order_for_an_error(kit: Kit) -> Changes:
    pulls: Any = kit.connector

    def fetch_order(order_id: str) -> Flow[Page]:
        page = yield from pulls.fetch_order(order_id)
        if page.topic == "pull/missing":
            raise ChannelError(ErrorCode.NOT_FOUND, "no such order")
        return page  # type: ignore[no-any-return]

    return {"fetch_order": fetch_order}


@caught_by("catalog-whole", *BOTH)
def loses_the_last_of_a_page(kit: Kit) -> Changes:
    lists: Any = kit.connector

    def pull_catalog(cursor: str | None) -> Flow[Any]:
        page = yield from lists.pull_catalog(cursor)
        return replace(page, listings=page.listings[:-1]) if page.next_cursor else page

    return {"pull_catalog": pull_catalog}


@caught_by("stock-sold-before", *BOTH)
def writes_blindly(kit: Kit) -> Changes:
    stock: Any = kit.connector
    return {
        "push_stock": lambda writes: stock.push_stock(
            [one.model_copy(update={"predicted": None}) for one in writes]
        )
    }


@caught_by("stock-lost-answer", "woocommerce")  # at Shopify its idempotency keys make up for it
def forgets_what_may_have_been_written(kit: Kit) -> Changes:
    stock: Any = kit.connector
    return {
        "push_stock": lambda writes: stock.push_stock(
            [one.model_copy(update={"maybe": None}) for one in writes]
        )
    }


@caught_by("stock-bad-item", *BOTH)
def gives_up_at_a_bad_item(kit: Kit) -> Changes:
    stock: Any = kit.connector

    def push_stock(writes: Any) -> Flow[Any]:
        done = yield from stock.push_stock(writes)
        for one in done:
            if one.error:
                raise ChannelError(ErrorCode(one.error), one.message)
        return done

    return {"push_stock": push_stock}


@caught_by("subscribe-once", "woocommerce")
def subscribes_without_looking(kit: Kit) -> Changes:
    def subscribe(address: str, secret: str, topics: Any) -> Flow[Any]:
        for topic in topics:
            hook = {"name": topic, "topic": topic, "delivery_url": f"{address}/{topic}", "secret": secret}
            headers = (("Content-Type", "application/json"),)
            yield Request("POST", "/wp-json/wc/v3/webhooks", headers=headers, body=encode(hook), reads=False)
        return tuple(topics)

    return {"subscribe": subscribe}


@caught_by("manifest-true", *BOTH)
def promises_what_it_has_not(kit: Kit) -> Changes:
    manifest = kit.connector.manifest
    return {"manifest": manifest.model_copy(update={"capabilities": (*manifest.capabilities, "telepathy")})}
