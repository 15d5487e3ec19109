"""What people do at two running shops, in the same words. The hub knows the shops over HTTP only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from simulators.books import Books
from simulators.shopify import ShopifySimulator
from simulators.shopify.goods import SimLocation, SimVariant
from simulators.woocommerce import SimProduct, WooCommerceSimulator

SHOPIFY, WOOCOMMERCE = "shopify", "woocommerce"
CHANNELS = (SHOPIFY, WOOCOMMERCE)
PRICE = "9.00"


class Shop(Protocol):
    """A shop that counts every SKU it lists."""

    @property
    def books(self) -> Books: ...

    def list(self, sku: str, quantity: int) -> None:
        """Sell *sku* from now on, and show *quantity* of it."""

    def shown(self, sku: str) -> int: ...

    def put(self, sku: str, quantity: int) -> None:
        """Somebody, or a mishap, changes the count behind the hub's back."""

    def buy(self, sku: str, units: int) -> str | None:
        """A buyer buys; the order's id, None where the shop shows too few."""

    def cancel(self, order_id: str) -> None:
        """Before it is shipped; its units are on sale again."""

    def ship(self, order_id: str) -> None:
        """The merchant ships it at the shop."""

    def take_back(self, order_id: str, sku: str, units: int) -> None:
        """Shipped units come back, their money is given back, and the shop puts them on sale again."""

    def rename(self, sku: str) -> None:
        """The listing has another SKU from now on."""

    def stop_counting(self, sku: str) -> None: ...

    def remove(self, sku: str) -> None:
        """It is not there any more."""


@dataclass(slots=True)
class ShopifyShop:
    simulator: ShopifySimulator
    variants: dict[str, SimVariant] = field(default_factory=dict)

    @property
    def books(self) -> Books:
        return self.simulator.books

    def list(self, sku: str, quantity: int) -> None:
        self.variants[sku] = self.simulator.add_variant(sku=sku, title=sku, price=PRICE, quantity=quantity)

    def shown(self, sku: str) -> int:
        return self.variants[sku].available

    def put(self, sku: str, quantity: int) -> None:
        self.simulator.set_available(sku, quantity)

    def buy(self, sku: str, units: int) -> str | None:
        sold = self.simulator.checkout([(sku, units)])
        return sold.key if sold else None

    def cancel(self, order_id: str) -> None:
        self.simulator.cancel(order_id)

    def ship(self, order_id: str) -> None:
        self.simulator.fulfill(order_id)

    def take_back(self, order_id: str, sku: str, units: int) -> None:
        self.simulator.refund(order_id, {sku: units})

    def rename(self, sku: str) -> None:
        self.variants[sku].sku = f"{sku}-OTHER"

    def stop_counting(self, sku: str) -> None:
        self.variants[sku].tracked = False

    def remove(self, sku: str) -> None:
        """It is stocked at a place only that sells nothing online."""
        self.variants[sku].location = SimLocation(1, 1, "Back room")


@dataclass(slots=True)
class WooCommerceShop:
    simulator: WooCommerceSimulator
    products: dict[str, SimProduct] = field(default_factory=dict)

    @property
    def books(self) -> Books:
        return self.simulator.books

    def list(self, sku: str, quantity: int) -> None:
        self.products[sku] = self.simulator.add_product(sku=sku, name=sku, price=PRICE, quantity=quantity)

    def shown(self, sku: str) -> int:
        return self.products[sku].stock_quantity or 0

    def put(self, sku: str, quantity: int) -> None:
        self.simulator.set_stock(sku, quantity)

    def buy(self, sku: str, units: int) -> str | None:
        order = self.simulator.checkout([(sku, units)])
        return str(order.order_id) if order else None

    def cancel(self, order_id: str) -> None:
        self.simulator.set_status(int(order_id), "cancelled")

    def ship(self, order_id: str) -> None:
        self.simulator.set_status(int(order_id), "completed")

    def take_back(self, order_id: str, sku: str, units: int) -> None:
        order = self.simulator.orders[int(order_id)]
        lines = {line.item_id: units for line in order.lines if line.product is self.products[sku]}
        self.simulator.refund(int(order_id), lines=lines)

    def rename(self, sku: str) -> None:
        self.simulator.catalogue.rename(self.products[sku], f"{sku}-OTHER")

    def stop_counting(self, sku: str) -> None:
        self.simulator.catalogue.count(self.products[sku], counted=False)

    def remove(self, sku: str) -> None:
        self.simulator.catalogue.forget(self.products[sku])
