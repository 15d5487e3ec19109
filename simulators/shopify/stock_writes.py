"""inventorySetQuantities: compare-and-set, all or nothing, once per idempotency key.

See https://shopify.dev/docs/api/admin-graphql/2026-07/mutations/inventorySetQuantities.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simulators.books import StockWrite
from simulators.shopify.goods import SimVariant, gid
from simulators.shopify.paging import refused
from simulators.shopify.render import Json
from simulators.shopify.shop import Shop
from simulators.shopify.values import instant
from simulators.shopify.views_stock import StockViews

MAX_BATCH = 250
MAX_QUANTITY = 1_000_000_000
REASONS = frozenset(
    (
        "correction",
        "cycle_count_available",
        "damaged",
        "movement_canceled",
        "movement_created",
        "movement_received",
        "movement_updated",
        "other",
        "promotion",
        "quality_control",
        "received",
        "reservation_created",
        "reservation_deleted",
        "reservation_updated",
        "restock",
        "safety_stock",
        "shrinkage",
    )
)
_URI = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_NOT_MUTABLE = "The specified inventory item is not allowed to be adjusted via API."


@dataclass(slots=True)
class StockWriter:
    """Applies writes and remembers the answer of each key together with what was asked."""

    shop: Shop
    stock: StockViews
    _answers: dict[str, tuple[Any, Json]] = field(default_factory=dict)

    def set_quantities(self, key: str | None, asked: Mapping[str, Any]) -> Json:
        """Raises GraphQLError for what is refused before anything is looked at."""
        if key is None:
            raise refused(
                "The @idempotent directive is required for this mutation but was not provided.", "BAD_REQUEST"
            )
        quantities: Sequence[Mapping[str, Any]] = asked["quantities"]
        if any("changeFromQuantity" not in entry for entry in quantities):
            raise refused(
                "InventoryQuantityInput must include the following argument: changeFromQuantity.",
                "INVALID_FIELD_ARGUMENTS",
            )
        if len(quantities) > MAX_BATCH:
            size = len(quantities)
            raise refused(
                f"The input array size of {size} is greater than the maximum allowed of {MAX_BATCH}.",
                "MAX_INPUT_SIZE_EXCEEDED",
            )
        if key in self._answers:
            before, answer = self._answers[key]
            if before == asked:
                return answer
            return _no(
                None,
                "IDEMPOTENCY_KEY_PARAMETER_MISMATCH",
                "The same idempotency key cannot be used with different operation parameters.",
            )
        answer = self._apply(asked, quantities)
        self._answers[key] = (asked, answer)
        return answer

    def _apply(self, asked: Mapping[str, Any], quantities: Sequence[Mapping[str, Any]]) -> Json:
        problem = self._general_problem(asked)
        if problem:
            return problem
        name = asked["name"]
        errors: list[Json] = []
        writes: list[tuple[SimVariant, int]] = []
        seen: set[tuple[str, str]] = set()
        for index, entry in enumerate(quantities):
            error, variant = self._entry_problem(name, index, entry, seen)
            if error:
                errors.append(error)
            if variant is not None:
                committed = variant.committed if name == "on_hand" else 0
                writes.append((variant, entry["quantity"] - committed))
        at = self.shop.moment()
        self.shop.books.stock_writes.extend(
            StockWrite(variant.sku, variant.available, after, self.shop.now(), accepted=not errors)
            for variant, after in writes
        )
        if errors:
            return {"inventoryAdjustmentGroup": None, "userErrors": errors}
        deltas = [(variant, after - variant.available) for variant, after in writes]
        changed = [(variant, delta) for variant, delta in deltas if delta]
        for variant, delta in changed:
            variant.available += delta
            variant.updated_at = at
        self.shop.tell_levels(variant for variant, _ in changed)
        return {"inventoryAdjustmentGroup": self._group(asked, changed), "userErrors": []}

    def _general_problem(self, asked: Mapping[str, Any]) -> Json | None:
        if asked["name"] not in ("available", "on_hand"):
            return _no("name", "INVALID_NAME", "The quantity name must be either 'available' or 'on_hand'.")
        if asked["reason"] not in REASONS:
            valid = ", ".join(sorted(REASONS))
            return _no(
                "reason", "INVALID_REASON", f"The specified reason is invalid. Valid values are: {valid}."
            )
        document = asked.get("referenceDocumentUri")
        if document is not None and not _URI.fullmatch(document):
            return _no(
                "referenceDocumentUri",
                "INVALID_REFERENCE_DOCUMENT",
                "The specified reference document is invalid.",
            )
        return None

    def _entry_problem(
        self, name: str, index: int, entry: Mapping[str, Any], seen: set[tuple[str, str]]
    ) -> tuple[Json | None, SimVariant | None]:
        """An error for this entry, and the variant where it is one that could have been written."""
        item_id, location_id, quantity = entry["inventoryItemId"], entry["locationId"], entry["quantity"]
        place = ["input", "quantities", str(index)]
        variant = self.shop.variant_of(item_id) if "/InventoryItem/" in item_id else None
        if variant is None:
            message = "The specified inventory item could not be found."
            return _error([*place, "inventoryItemId"], "INVALID_INVENTORY_ITEM", message), None
        if location_id not in (gid("Location", known.location_id) for known in self.shop.locations):
            return _error(
                [*place, "locationId"], "INVALID_LOCATION", "The specified location could not be found."
            ), None
        if location_id != gid("Location", variant.location.location_id):
            message = "The specified inventory item is not stocked at the location."
            return _error([*place, "locationId"], "ITEM_NOT_STOCKED_AT_LOCATION", message), None
        if (item_id, location_id) in seen:
            message = "The combination of inventoryItemId and locationId must be unique."
            return _error(
                [*place, "locationId"], "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR", message
            ), None
        seen.add((item_id, location_id))
        if variant.bundle or not variant.tracked:
            return _error([*place, "inventoryItemId"], "NON_MUTABLE_INVENTORY_ITEM", _NOT_MUTABLE), None
        if quantity < 0:
            message = "The quantity can't be negative."
            return _error([*place, "quantity"], "INVALID_QUANTITY_NEGATIVE", message), None
        if quantity > MAX_QUANTITY:
            message = "The total quantity can't be higher than 1,000,000,000."
            return _error([*place, "quantity"], "INVALID_QUANTITY_TOO_HIGH", message), None
        counted = variant.available if name == "available" else variant.on_hand
        if entry["changeFromQuantity"] not in (None, counted):
            message = "The changeFromQuantity value does not match persisted value."
            return _error([*place, "changeFromQuantity"], "CHANGE_FROM_QUANTITY_STALE", message), variant
        return None, variant

    def _group(self, asked: Mapping[str, Any], changed: Sequence[tuple[SimVariant, int]]) -> Json | None:
        if not changed:
            return None
        return {
            "id": gid("InventoryAdjustmentGroup", self.shop.next_id()),
            "createdAt": instant(self.shop.moment()),
            "reason": asked["reason"],
            "referenceDocumentUri": asked.get("referenceDocumentUri"),
            "app": None,
            "changes": lambda _, **__: [
                {
                    "name": counted,
                    "delta": delta,
                    "quantityAfterChange": None,
                    "item": self.stock.item(variant),
                    "location": self.stock.location(variant.location),
                    "ledgerDocumentUri": None,
                }
                for variant, delta in changed
                for counted in ("available", "on_hand")
            ],
        }


def _error(place: list[str] | None, code: str, message: str) -> Json:
    return {"field": place, "code": code, "message": message}


def _no(argument: str | None, code: str, message: str) -> Json:
    place = ["input", argument] if argument else None
    return {"inventoryAdjustmentGroup": None, "userErrors": [_error(place, code, message)]}
