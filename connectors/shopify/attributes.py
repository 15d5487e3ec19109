"""What shops' own fields mean where their names are well known: gift messages, tax numbers, pickup points."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

_SEPARATORS = re.compile(r"[\s_-]+")
_GIFT = ("gift message", "gift note", "gift card message", "gift message text")
_DELIVERY = (
    "delivery instructions",
    "delivery instruction",
    "delivery notes",
    "delivery note",
    "shipping instructions",
)
_TAX = (
    "vat", "vat id", "vat number", "tax id", "tax number", "gst number", "gstin", "cpf", "cnpj", "cpf/cnpj",
    "nif", "dni", "rfc", "rut", "codice fiscale", "partita iva", "p.iva", "pec", "eori",
)  # fmt: skip

Attribute = tuple[str, str]  # the name as it is written, and the value


def pairs(rows: Iterable[dict[str, Any]]) -> list[Attribute]:
    """Mapped rows as pairs; one without a name is none."""
    return [(row["name"], row["value"] or "") for row in rows if row["name"]]


def finish_attributes(values: dict[str, Any], attributes: list[Attribute]) -> None:
    """Put what is understood where it belongs; the rest stays in the payload."""
    known = {_plain(name): value.strip() for name, value in attributes if value.strip()}
    values["gift_message"] = _first(known, _GIFT)
    values["delivery_instructions"] = _first(known, _DELIVERY)
    values["tax_ids"] = [
        {"kind": name, "value": value.strip()}
        for name, value in attributes
        if _plain(name) in _TAX and value.strip()
    ]
    values["pickup_point"] = _pickup(known)


def _pickup(known: dict[str, str]) -> dict[str, Any] | None:
    """As the pickup app Zapiet writes it."""
    if known.get("checkout method", "").lower() != "pickup":
        return None
    return {
        "point_id": known.get("pickup location id"),
        "kind": "store",
        "name": known.get("pickup location company"),
        "address": {
            "line1": known.get("pickup location address line 1"),
            "line2": known.get("pickup location address line 2"),
            "city": known.get("pickup location city"),
            "postal_code": known.get("pickup location postal code"),
        },
    }


def _plain(name: str) -> str:
    return _SEPARATORS.sub(" ", name).strip().lower()


def _first(known: dict[str, str], names: Iterable[str]) -> str | None:
    return next((known[name] for name in names if name in known), None)
