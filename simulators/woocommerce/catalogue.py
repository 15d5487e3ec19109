"""The shop's products and the one place that moves their counts. Knows nothing of HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from simulators.books import Books, Sale, SoldOut, StockWrite
from simulators.woocommerce.model import Ids, Meta, SimOrder, SimProduct


@dataclass(frozen=True, slots=True)
class Variation:
    """One variation to add. Without *quantity* it sells from the parent's count, if the parent counts."""

    options: Mapping[str, str]
    sku: str | None = None
    quantity: int | None = None
    price: str | None = None


@dataclass(slots=True)
class Catalogue:
    """*products* holds products and variations by id; *by_sku* only those with a SKU of their own."""

    ids: Ids
    books: Books
    clock: Callable[[], datetime]  # whole seconds, as the shop keeps them
    exact: Callable[[], datetime]  # for the books
    products: dict[int, SimProduct] = field(default_factory=dict)
    by_sku: dict[str, SimProduct] = field(default_factory=dict)

    def add(
        self,
        *,
        sku: str | None,
        name: str,
        price: str,
        quantity: int | None,
        gtin: str | None = None,
        parent: SimProduct | None = None,
        options: Mapping[str, str] | None = None,
    ) -> SimProduct:
        if sku and sku in self.by_sku:
            raise ValueError(
                f"The shop already has a product with SKU {sku!r}: a SKU can be given only once."
            )
        at = self.clock()
        product = SimProduct(
            product_id=next(self.ids.posts),
            sku=sku or "",
            name=name,
            price=Decimal(price),
            created=at,
            modified=at,
            stock_quantity=quantity,
            manage_stock=quantity is not None,
            gtin=gtin or "",
            parent=parent,
            options=tuple((options or {}).items()),
        )
        if parent is not None:
            parent.variations.append(product)
            if quantity is None and parent.manage_stock:
                product.manage_stock = "parent"
        self.products[product.product_id] = product
        if sku:
            self.by_sku[sku] = product
        return product

    def add_variable(
        self, *, sku: str | None, name: str, price: str, quantity: int | None, variations: Sequence[Variation]
    ) -> SimProduct:
        parent = self.add(sku=sku, name=name, price=price, quantity=quantity)
        for variation in variations:
            self.add(
                sku=variation.sku,
                name=f"{name} - {', '.join(variation.options.values())}",
                price=variation.price or price,
                quantity=variation.quantity,
                parent=parent,
                options=variation.options,
            )
        return parent

    def find(self, key: str | int) -> SimProduct:
        """A product by SKU or id. Raises KeyError for one the shop does not have."""
        found = self.products.get(key) if isinstance(key, int) else self.by_sku.get(key)
        if found is None:
            raise KeyError(f"The shop has no product {key!r}: add it before it is sold.")
        return found

    def sold_out(self, items: Sequence[tuple[SimProduct, int]]) -> bool:
        """Whether the shop shows too few of a counted product; what was wanted goes into the books."""
        wanted: dict[int, int] = {}
        refused = False
        for product, quantity in items:
            holder = product.holder
            if holder is None:
                continue
            wanted[holder.product_id] = wanted.get(holder.product_id, 0) + quantity
            if wanted[holder.product_id] > (holder.stock_quantity or 0):
                self.books.sold_out.append(SoldOut(product.shown_sku, quantity, self.exact()))
                refused = True
        return refused

    def rename(self, product: SimProduct, sku: str) -> None:
        self.by_sku.pop(product.sku, None)
        product.sku = sku
        if sku:
            self.by_sku[sku] = product

    def count(self, product: SimProduct, *, counted: bool) -> None:
        """Switches the product's own count on (from 0) or off; a variation falls back to its parent's."""
        product.stock_quantity = (product.stock_quantity or 0) if counted else None
        at_parent = product.parent is not None and product.parent.manage_stock is True
        product.manage_stock = counted or ("parent" if at_parent else False)

    def forget(self, product: SimProduct) -> None:
        """Deletes a product for good. Orders keep what they sold."""
        for gone in (product, *product.variations):
            del self.products[gone.product_id]
            self.by_sku.pop(gone.sku, None)

    def set_stock(self, product: SimProduct, quantity: int) -> None:
        """An absolute write, last one wins. Does nothing where the product itself is not counted."""
        if product.manage_stock is True:
            product.stock_quantity = quantity

    def write_stock(self, product: SimProduct, quantity: int) -> None:
        """An absolute write that came through the REST API, entered in the books."""
        if product.manage_stock is True:
            before = product.stock_quantity or 0
            self.books.stock_writes.append(StockWrite(product.shown_sku, before, quantity, self.exact()))
            product.stock_quantity = quantity

    def lower(self, order: SimOrder) -> list[SimProduct]:
        """Takes an order's units off the shelf once; returns the products whose count moved."""
        moved: dict[int, SimProduct] = {}
        at = self.clock()
        for line in order.lines:
            if line.product is None or not line.quantity:
                continue
            line.off_shelf = line.quantity
            self.books.sales.append(
                Sale(str(order.order_id), line.product.shown_sku, line.quantity, self.exact())
            )
            (line.product.parent or line.product).total_sales += line.quantity
            holder = line.product.holder
            if holder is not None:
                holder.stock_quantity = (holder.stock_quantity or 0) - line.quantity
                holder.modified = at
                line.meta.append(Meta(next(self.ids.meta), "_reduced_stock", str(line.quantity)))
                moved[holder.product_id] = holder
        order.stock_reduced = True
        return list(moved.values())

    def give_back(self, order: SimOrder, units: Mapping[int, int] | None = None) -> list[SimProduct]:
        """Puts units back: all off the shelf, or *units* by item id; returns the products that moved."""
        moved: dict[int, SimProduct] = {}
        at = self.clock()
        for line in order.lines:
            back = line.off_shelf if units is None else min(units.get(line.item_id, 0), line.off_shelf)
            if units is None:
                line.meta = [meta for meta in line.meta if meta.key != "_reduced_stock"]
            if not back or line.product is None:
                continue
            line.off_shelf -= back
            self.books.restocks.append(Sale(str(order.order_id), line.product.shown_sku, back, self.exact()))
            holder = line.product.holder
            if holder is not None:
                holder.stock_quantity = (holder.stock_quantity or 0) + back
                holder.modified = at
                moved[holder.product_id] = holder
            if units is not None:
                for meta in line.meta:
                    if meta.key == "_reduced_stock":
                        meta.value = str(line.off_shelf)
                line.meta.append(Meta(next(self.ids.meta), "_restock_refunded_items", str(back)))
        if units is None:
            order.stock_reduced = False
        return list(moved.values())
