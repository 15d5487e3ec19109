"""The state of a simulated shop. Answers no call and sends nothing: *tell* hears of every change by the name of its
webhook topic.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from simulators.books import Books
from simulators.shopify.amounts import cents
from simulators.shopify.goods import SimLocation, SimVariant, gid
from simulators.shopify.keyset import Keyset
from simulators.shopify.parcels import SimFulfillment, SimFulfillmentOrder
from simulators.shopify.things import SimOrder

FIRST_ID = 820_982_911_000_000_000  # above 2^53, where a float would start to lie
ID_STEP = 32_769


@dataclass(slots=True)
class Shop:
    """One shop. *now* gives its time; stamps have whole seconds, as at Shopify.

    *fulfillment_orders* and *fulfillments* are by their id, each with the order it belongs to.
    """

    domain: str
    currency: str
    seed: int
    now: Callable[[], datetime]
    books: Books
    tell: Callable[[str, Any], None]
    rng: random.Random = field(init=False)
    variants: Keyset[SimVariant] = field(default_factory=Keyset)
    orders: dict[str, SimOrder] = field(default_factory=dict)
    by_created: Keyset[SimOrder] = field(default_factory=Keyset)
    by_updated: Keyset[SimOrder] = field(default_factory=Keyset)
    fulfillment_orders: dict[int, tuple[SimOrder, SimFulfillmentOrder]] = field(default_factory=dict)
    fulfillments: dict[int, tuple[SimOrder, SimFulfillment]] = field(default_factory=dict)
    locations: list[SimLocation] = field(default_factory=list)
    opened_at: datetime = field(init=False)
    shop_id: int = field(init=False)
    _ids: itertools.count[int] = field(init=False)
    _by_name: dict[str, SimVariant] = field(default_factory=dict)
    _by_gid: dict[str, SimVariant] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self._ids = itertools.count(FIRST_ID + self.seed % 1000 * 10**14, ID_STEP)
        self.opened_at = self.moment()
        self.shop_id = self.next_id()
        self.add_location("Main warehouse")

    def moment(self) -> datetime:
        return self.now().astimezone(UTC).replace(microsecond=0)

    def next_id(self) -> int:
        return next(self._ids)

    def add_location(self, name: str) -> SimLocation:
        location = SimLocation(self.next_id(), self.next_id(), name)
        self.locations.append(location)
        return location

    def location(self, location_id: int) -> SimLocation:
        """Raises LookupError when the shop does not have it."""
        for location in self.locations:
            if location.location_id == location_id:
                return location
        raise LookupError(f"{self.domain} has no location {location_id}")

    def add_variant(
        self,
        sku: str,
        title: str,
        price: str,
        quantity: int,
        *,
        tracked: bool,
        gtin: str | None,
        bundle: bool,
        location: SimLocation,
    ) -> SimVariant:
        at = self.moment()
        variant = SimVariant(
            variant_id=self.next_id(),
            inventory_item_id=self.next_id(),
            product_id=self.next_id(),
            sku=sku,
            title=title,
            price=cents(price),
            location=location,
            available=quantity,
            tracked=tracked,
            gtin=gtin,
            bundle=bundle,
            created_at=at,
            updated_at=at,
        )
        self.variants.add(self.opened_at, variant.variant_id, variant)
        self._by_gid |= {
            gid("ProductVariant", variant.variant_id): variant,
            gid("Product", variant.product_id): variant,
            gid("InventoryItem", variant.inventory_item_id): variant,
        }
        for name in (sku, str(variant.variant_id), gid("ProductVariant", variant.variant_id)):
            self._by_name[name] = variant
        return variant

    def variant(self, name: str) -> SimVariant:
        """By SKU or variant id; raises LookupError when the shop does not have it."""
        try:
            return self._by_name[name]
        except KeyError:
            raise LookupError(f"{self.domain} sells nothing called {name!r}") from None

    def variant_of(self, global_id: str) -> SimVariant | None:
        """The variant that a global id of itself, its product or its inventory item leads to."""
        return self._by_gid.get(global_id)

    def order(self, order_id: str) -> SimOrder:
        """By its id or global id; raises LookupError when there is none."""
        try:
            return self.orders[order_id.rpartition("/")[2]]
        except KeyError:
            raise LookupError(f"{self.domain} has no order {order_id!r}") from None

    def shift(self, units: Mapping[SimVariant, int], *, available: int, committed: int, at: datetime) -> None:
        """Add the units, times *available* and *committed*, to what tracked variants count."""
        for variant, quantity in units.items():
            if variant.tracked:
                variant.available += available * quantity
                variant.committed += committed * quantity
                variant.updated_at = at

    def tell_levels(self, variants: Iterable[SimVariant]) -> None:
        for variant in variants:
            if variant.tracked:
                self.tell("inventory_levels/update", variant)

    def touch(self, order: SimOrder, at: datetime) -> None:
        """Note that *order* changed."""
        self.by_updated.move(order.order_id, order.updated_at, at)
        order.updated_at = at
        order.version += 1

    def set_available(self, variant: SimVariant, quantity: int) -> None:
        variant.available = quantity
        variant.updated_at = self.moment()
        self.tell("inventory_levels/update", variant)
