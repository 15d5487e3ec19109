"""The simulated world of the demo: two shops with one catalogue between them, and a carrier."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from core.clock import wall_clock
from simulators.courier import Courier, Faults
from simulators.easypost import EasyPostSimulator
from simulators.faults import CallFaults
from simulators.serving import Served, serve
from simulators.shopify import ShopifySimulator
from simulators.woocommerce import WooCommerceSimulator

SHOP = "fairway-demo.myshopify.com"
TOKEN = "shpat_demo"  # noqa: S105 - opens a simulator that lives for a minute
CLIENT_SECRET = "demo-client-secret"  # noqa: S105
KEY, SECRET, HOOK_SECRET = "ck_demo", "cs_demo", "demo-webhook-secret"
CARRIER_KEY, CARRIER_SECRET = "EZTK-demo", "demo-carrier-secret"
CALLS_PER_S = "500"  # what a simulated host bears
VARIANTS = 200
SCARCE_EVERY = 5  # a fifth of the variants sells out

# What happens to webhooks: each comes twice, one in ten never, one in twenty with a wrong signature.
FAULTS = Faults(copies=2, lost=0.1, bad_signature=0.05, delay_s=0.4)

# What happens to the carrier's callbacks: each comes twice, half of them overtaken by later ones. The carrier tries
# again what was not answered.
CALLBACK_RETRIES_S = (1.0, 2.0, 3.0, 5.0, 5.0, 5.0, 5.0, 5.0)
SHOPIFY_RETRIES_S = (0.3, 0.6, 1.0)
CALLBACK_FAULTS = Faults(copies=2, delay_s=0.3, reordered=0.5)

ORDER_TOPICS = {
    "shopify": ("orders/create", "orders/updated", "orders/cancelled"),
    "woocommerce": ("order.created", "order.updated"),
}


@dataclass(slots=True)
class Shops:
    """Both shops and the carrier, running. *supply* is what the merchant has of each SKU."""

    shopify: ShopifySimulator
    woocommerce: WooCommerceSimulator
    easypost: EasyPostSimulator
    courier: Courier
    callbacks: Courier
    rng: random.Random
    supply: dict[str, int] = field(default_factory=dict)
    served: list[Served] = field(default_factory=list)
    bought: dict[str, int] = field(default_factory=lambda: {"shopify": 0, "woocommerce": 0})

    @property
    def urls(self) -> tuple[str, str, str]:
        """Where the Shopify shop, the WooCommerce shop and the carrier answer."""
        return self.served[0].url, self.served[1].url, self.served[2].url

    def spoil(self, faults: CallFaults) -> None:
        """From now on calls to all three go as wrong as *faults* says."""
        for simulator in (self.shopify, self.woocommerce, self.easypost):
            simulator.call_faults = faults

    def buy(self) -> tuple[str, str] | None:
        """One buyer with one or two things in one of the shops: which one and the order's id, or None when the shop was
        sold out of them.
        """
        skus = self.rng.sample(sorted(self.supply), self.rng.choice((1, 1, 2)))
        basket = [(sku, self.rng.choice((1, 1, 1, 2))) for sku in skus]
        shop = self.rng.choice(("shopify", "woocommerce"))
        if shop == "shopify":
            bought = self.shopify.checkout(basket)
            made = bought.key if bought else None
        else:
            order = self.woocommerce.checkout(basket)
            made = str(order.order_id) if order else None
        self.bought[shop] += made is not None
        return (shop, made) if made is not None else None

    def call_off(self, shop: str, order_id: str) -> None:
        """The buyer does not want it any more: the order is cancelled and its units are on sale again."""
        if shop == "shopify":
            self.shopify.cancel(order_id)
        else:
            self.woocommerce.set_status(int(order_id), "cancelled")

    def called_off(self, shop: str) -> set[str]:
        """Ids of the orders that are cancelled in the shop's own books."""
        if shop == "shopify":
            return {key for key, order in self.shopify.orders.items() if order.cancelled_at is not None}
        return {str(key) for key, order in self.woocommerce.orders.items() if order.status == "cancelled"}

    def buy_odd(self) -> None:
        """What a real day also brings: an item without a SKU, a status nobody knows."""
        self.woocommerce.checkout([(self.no_sku, 1)])
        order = self.woocommerce.checkout([("DEMO-001", 1)])
        if order is not None:
            self.woocommerce.set_status(order.order_id, "lay-by")
        self.bought["woocommerce"] += 1 + (order is not None)

    no_sku: int = 0

    async def close(self) -> None:
        await self.courier.close()
        await self.callbacks.close()
        for served in self.served:
            await served.close()


async def open_shops(
    seed: int, orders: int, *, faults: Faults = FAULTS, now: Callable[[], datetime] = wall_clock
) -> Shops:
    """Open both shops, stocked alike: a fifth of the variants scarce enough to sell out in *orders* orders. *faults*
    befall the shops' webhooks, *now* is their clock and the carrier's.
    """
    rng = random.Random(seed)  # noqa: S311 - a story that can be told again
    courier = Courier(random.Random(seed + 1), faults)  # noqa: S311
    shopify = ShopifySimulator(
        shop=SHOP, access_token=TOKEN, client_secret=CLIENT_SECRET, seed=seed, courier=courier,
        now=now, cost_bucket=(50_000, 2_000), retry_after_s=SHOPIFY_RETRIES_S,
    )  # fmt: skip
    woocommerce = WooCommerceSimulator(
        consumer_key=KEY, consumer_secret=SECRET, webhook_secret=HOOK_SECRET, seed=seed,
        courier=courier, now=now,
    )  # fmt: skip
    callbacks = Courier(random.Random(seed + 2), CALLBACK_FAULTS)  # noqa: S311
    easypost = EasyPostSimulator(
        api_key=CARRIER_KEY, webhook_secret=CARRIER_SECRET, seed=seed, courier=callbacks, now=now,
        retry_after_s=CALLBACK_RETRIES_S,
    )  # fmt: skip
    shops = Shops(shopify, woocommerce, easypost, courier, callbacks, rng)
    plenty = max(50, orders // 10)
    for number in range(1, VARIANTS + 1):
        sku = f"DEMO-{number:03}"
        quantity = rng.randint(2, 6) if number % SCARCE_EVERY == 0 else plenty
        price = f"{rng.randint(5, 90)}.90"
        shopify.add_variant(sku=sku, title=f"Thing {number}", price=price, quantity=quantity)
        woocommerce.add_product(sku=sku, name=f"Thing {number}", price=price, quantity=quantity)
        shops.supply[sku] = quantity
    shopify.add_variant(sku="", title="Shop visit voucher", price="10.00", quantity=50)
    shops.no_sku = woocommerce.add_product(
        sku=None, name="Handmade one-off", price="35.00", quantity=9
    ).product_id
    for simulator in (shopify, woocommerce, easypost):
        shops.served.append(await serve(simulator.app()))
    return shops


def sold(shops: Shops) -> dict[str, int]:
    """Units of each SKU that left either shop."""
    counts = shops.shopify.books.sold()
    counts.update(shops.woocommerce.books.sold())
    return dict(counts)


def latency_ms(shops: Shops) -> list[float]:
    """For each sale: how long until the other shop was told its count of that SKU, where it was told at all."""
    found: list[float] = []
    pairs = ((shops.shopify.books, shops.woocommerce.books), (shops.woocommerce.books, shops.shopify.books))
    for here, there in pairs:
        writes: dict[str, list[datetime]] = {}
        for write in there.stock_writes:
            if write.accepted:
                writes.setdefault(write.sku, []).append(write.at)
        for sale in here.sales:
            after = [at for at in writes.get(sale.sku, ()) if at >= sale.at]
            if after:
                found.append((min(after) - sale.at).total_seconds() * 1000)
    return found
