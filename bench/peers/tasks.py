"""The typical worker: one Celery task per order parses it, stores it, takes its units off, tells the two other shops.

Run with `celery -A bench.peers.tasks worker`; `PEER_DATABASE_URL` and `PEER_BROKER_URL` say where things are. Prints
"ready" when it works.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

import requests
from celery import Celery
from celery.signals import worker_ready
from pydantic import BaseModel
from sqlalchemy import create_engine, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from bench.peers.models import Line, Listing, Order, Shop, Stock

CALL_S = 10

app = Celery("peer", broker=os.environ["PEER_BROKER_URL"])
app.conf.update(
    task_acks_late=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=4,
    worker_redirect_stdouts=False,
    broker_connection_retry_on_startup=True,
)


class LineIn(BaseModel):
    sku: str
    name: str
    quantity: int
    price: Decimal


class OrderIn(BaseModel):
    id: int
    number: str
    status: str
    currency: str
    total: Decimal
    billing: dict[str, str]
    line_items: list[LineIn]


@dataclass(frozen=True)
class Target:
    """Another shop of the merchant, and its products' ids by SKU."""

    url: str
    auth: tuple[str, str]
    products: dict[str, int]


@cache
def sessions() -> sessionmaker[Session]:
    """Made in each worker process by its first task, since connections do not outlive a fork."""
    return sessionmaker(create_engine(os.environ["PEER_DATABASE_URL"], pool_size=2, pool_pre_ping=False))


@cache
def http() -> requests.Session:
    """Keeps its connections open."""
    return requests.Session()


@cache
def shop_of(token: str) -> tuple[int, int, tuple[Target, ...]]:
    """(shop, merchant, the merchant's other shops); kept, since it hardly ever changes."""
    with sessions()() as session:
        shop = session.scalars(select(Shop).where(Shop.token == token)).one()
        others = session.scalars(
            select(Shop).where(Shop.merchant_id == shop.merchant_id, Shop.id != shop.id)
        ).all()
        targets = []
        for other in others:
            found = session.execute(
                select(Listing.sku, Listing.product_id).where(Listing.shop_id == other.id)
            )
            auth = (other.consumer_key, other.consumer_secret)
            targets.append(Target(other.url, auth, dict(found.tuples().all())))
        return shop.id, shop.merchant_id, tuple(targets)


@app.task(autoretry_for=(requests.RequestException, OperationalError), retry_backoff=True, max_retries=10)
def process_order(token: str, body: str) -> None:
    order = OrderIn.model_validate_json(body)
    shop_id, merchant_id, others = shop_of(token)
    with sessions().begin() as session:
        levels = store(session, shop_id, merchant_id, order)
    for other in others:
        push(other, levels)


def store(session: Session, shop_id: int, merchant_id: int, order: OrderIn) -> dict[str, int]:
    """Upsert the order; one that is new takes its units off. Returns what is left of each of its SKUs."""
    written = insert(Order).values(
        shop_id=shop_id, channel_order_id=order.id, number=order.number, status=order.status,
        currency=order.currency, total=order.total, buyer=order.billing,
    )  # fmt: skip
    row = session.execute(
        written.on_conflict_do_update(
            index_elements=["shop_id", "channel_order_id"], set_={"status": written.excluded.status}
        ).returning(Order.id, literal_column("xmax = 0").label("fresh"))
    ).one()
    units: dict[str, int] = {}
    for line in order.line_items:
        units[line.sku] = units.get(line.sku, 0) + line.quantity
    if not row.fresh:
        left = select(Stock.sku, Stock.quantity).where(Stock.merchant_id == merchant_id, Stock.sku.in_(units))
        return dict(session.execute(left).tuples().all())
    session.execute(
        insert(Line),
        [line.model_dump() | {"order_id": row.id} for line in order.line_items],
    )
    levels = {}
    for sku in sorted(units):  # in one order everywhere: no deadlocks
        levels[sku] = session.execute(
            update(Stock)
            .where(Stock.merchant_id == merchant_id, Stock.sku == sku)
            .values(quantity=Stock.quantity - units[sku])
            .returning(Stock.quantity)
        ).scalar_one()
    return levels


def push(shop: Target, levels: dict[str, int]) -> None:
    """Tell a shop its new counts: all of an order's SKUs in one call."""
    answer = http().post(
        f"{shop.url}/wp-json/wc/v3/products/batch",
        json={
            "update": [{"id": shop.products[sku], "stock_quantity": max(0, n)} for sku, n in levels.items()]
        },
        auth=shop.auth,
        headers={"X-Forwarded-Proto": "https"},  # the simulated shops take keys only as if behind TLS
        timeout=CALL_S,
    )
    answer.raise_for_status()


@worker_ready.connect
def say_so(**_: object) -> None:
    print("ready", flush=True)
