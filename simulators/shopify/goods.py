"""What a simulated shop has: places, the variants stocked there, and the lines that orders make of them.

Amounts are whole cents of the shop's currency, prices contain the tax.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

TAX_BASIS_POINTS = 1900
TAX_TITLE = "VAT"


def gid(kind: str, number: int) -> str:
    """Shopify's global id of a thing, see https://shopify.dev/docs/api/usage/gids."""
    return f"gid://shopify/{kind}/{number}"


def contained_tax(cents: int) -> int:
    """The tax inside a price that contains it, rounded half up to the cent."""
    return (cents * TAX_BASIS_POINTS * 2 + 10000 + TAX_BASIS_POINTS) // (2 * (10000 + TAX_BASIS_POINTS))


@dataclass(frozen=True, slots=True)
class SimLocation:
    location_id: int
    level_id: int
    name: str


@dataclass(slots=True, eq=False)
class SimVariant:
    """Something the shop sells, stocked at one *location*. *available* is what the shop shows, *committed* what
    open orders hold.

    A *bundle* is made of components, so its own stock cannot be written.
    """

    variant_id: int
    inventory_item_id: int
    product_id: int
    sku: str
    title: str
    price: int
    location: SimLocation
    available: int
    tracked: bool
    gtin: str | None
    bundle: bool
    created_at: datetime
    updated_at: datetime
    committed: int = 0

    @property
    def on_hand(self) -> int:
        return self.available + self.committed


@dataclass(slots=True, eq=False)
class SimLine:
    """*removed* units were taken off before shipping, *returned* ones after; *discount* is for all units."""

    line_id: int
    variant: SimVariant
    quantity: int
    unit_price: int
    discount: int
    properties: Mapping[str, str] = field(default_factory=dict)
    removed: int = 0
    fulfilled: int = 0
    returned: int = 0

    @property
    def current_quantity(self) -> int:
        return self.quantity - self.removed - self.returned

    @property
    def open_quantity(self) -> int:
        return self.quantity - self.removed - self.fulfilled

    def total(self, quantity: int) -> int:
        """What *quantity* of the units cost after discounts."""
        return self.unit_price * quantity - self.discount * quantity // self.quantity
