"""What a WooCommerce order says only in its meta data: personalisation, bundles, pickup points, tax numbers.

Meta data is whatever plugins write; only keys that a plugin documents or ships are known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from core.flow import DecodeError, Defect, decode, encode
from core.model.order import Property
from core.model.party import Address, PickupPoint, TaxId
from mappings.transforms import unescaped

_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_EXTRA_OPTIONS = "_tmcartepo_data"  # Extra Product Options: a list of {name, value}
_BUNDLE_KEYS = (
    "_bundle_cart_key",
    "_composite_cart_key",
)  # containers of Product Bundles, Composite Products
_CHILD_KEYS = ("_bundled_by", "_composite_parent")
_PARENTS = ("bundled_by", "composite_parent")  # the same as fields of a line

# Order meta keys that hold a tax number of the buyer, by the plugins that write them.
_TAX_KEYS = (
    "_vat_number", "vat_number", "_billing_vat_number", "_billing_vat", "_billing_vat_id",
    "_billing_eu_vat_number", "_billing_nif", "_billing_dni", "_billing_cf", "_billing_codice_fiscale",
    "_billing_partita_iva", "_billing_piva", "_billing_cpf", "_billing_cnpj", "_billing_gstin",
    "_billing_rut", "_billing_nip",
)  # fmt: skip

_POINT_KEYS = (
    "_parcel_machine_id",
    "_lpc_meta_pickUpLocationId",
    "_pickup_location_code",
    "sendcloudshipping_service_point_meta",
)
_STORE_PICKUP = ("pickup_location", "local_pickup", "local_pickup_plus")


def known(items: Any) -> dict[str, Any]:
    """Meta data as key -> value; of a key given twice the last, as the shop itself reads it."""
    return {str(item.get("key")): item.get("value") for item in _objects(items)}


def properties(line: dict[str, Any], meta: dict[str, Any]) -> tuple[Property, ...]:
    """What the buyer asked for on this line, in the shop's words; keys with an underscore are internal."""
    found = []
    for item in _objects(line.get("meta_data")):
        written = item.get("key")
        if type(written) is str and written.startswith("_"):
            continue
        key = text(written) or ""
        if not key.startswith("_"):
            shown = item.get("display_value")
            value = _TAG.sub("", shown) if isinstance(shown, str) else item.get("value")
            found.append((text(item.get("display_key")) or key, value))
    if _EXTRA_OPTIONS in meta:
        options = _objects(_structure(meta[_EXTRA_OPTIONS]))
        found += [(text(option.get("name")) or "Option", option.get("value")) for option in options]
    named = [(name, text(value)) for name, value in found]
    return tuple(Property(name=name, value=value) for name, value in named if name and value)


def units_taken(meta: dict[str, Any]) -> str | None:
    """How many units the shop has taken off its own count for this line; None when it says nothing."""
    return text(meta.get("_reduced_stock"))


def bundle_parents(lines: list[dict[str, Any]], metas: list[dict[str, Any]]) -> dict[str, str]:
    """Component line id -> line id of its bundle, for shops that list both. *metas* are the lines' meta data.

    https://woocommerce.com/document/bundles-rest-api-reference; composites alike, old versions by meta data.
    """
    both = list(zip(lines, metas, strict=True))
    if not any(_may_have_parent(line, meta) for line, meta in both):
        return {}
    ids = {text(line.get("id")) for line in lines} - {None}
    containers: dict[str, str] = {}
    for line, meta in both:
        for key in (text(meta.get(name)) for name in _BUNDLE_KEYS):
            if key is not None:
                containers[key] = str(line.get("id"))
    parents = {}
    for line, meta in both:
        named = [text(line.get(name)) for name in _PARENTS]
        named += [containers.get(text(meta.get(name)) or "") for name in _CHILD_KEYS]
        parent = next((name for name in named if name in ids and name != text(line.get("id"))), None)
        if parent is not None:
            parents[str(line.get("id"))] = parent
    return parents


def _may_have_parent(line: dict[str, Any], meta: dict[str, Any]) -> bool:
    """Whether *line* names a bundle in one of the ways there are; nearly none does."""
    for name in _PARENTS:
        if line.get(name) not in (None, ""):
            return True
    return not meta.keys().isdisjoint(_CHILD_KEYS)


def tax_ids(order: dict[str, Any], meta: dict[str, Any]) -> tuple[TaxId, ...]:
    """The buyer's tax numbers; the kind is the plugin's own word for it."""
    billing = order.get("billing")
    found = {
        key.removeprefix("_").removeprefix("billing_"): text(meta.get(key))
        for key in _TAX_KEYS
        if key in meta
    }
    if isinstance(billing, dict):
        found |= {key: value for key in ("cpf", "cnpj") if (value := text(billing.get(key)))}
    return tuple(TaxId(kind=kind, value=value) for kind, value in found.items() if value)


def pickup_point(order: dict[str, Any], meta: dict[str, Any]) -> PickupPoint | None:
    """Where the buyer collects the parcel: a carrier's point, or the shop itself."""
    return _carrier_point(meta) or _store(order.get("shipping_lines"))


def _carrier_point(meta: dict[str, Any]) -> PickupPoint | None:
    if meta.keys().isdisjoint(_POINT_KEYS):
        return None
    if code := text(meta.get("_parcel_machine_id")):
        return _point(code, "InPost", text(meta.get("_parcel_machine_desc")))
    if code := text(meta.get("_lpc_meta_pickUpLocationId")):
        return _point(code, "Colissimo", text(meta.get("_lpc_meta_pickUpLocationLabel")))
    if code := text(meta.get("_pickup_location_code")):  # Shiptastic, Germanized: DHL Packstation and others
        written = _structure(meta.get("_pickup_location_address"))
        parts = written if isinstance(written, dict) else {}
        address = Address(
            company=text(parts.get("company")),
            line1=text(parts.get("address_1")),
            line2=text(
                meta.get("_pickup_location_customer_number")
            ),  # without it no Packstation takes the parcel
            city=text(parts.get("city")),
            postal_code=text(parts.get("postcode")),
            country_code=text(parts.get("country")),
        )
        return _point(code, None, text(parts.get("company")), address)
    sendcloud = _structure(meta.get("sendcloudshipping_service_point_meta"))
    for point in _objects(sendcloud if isinstance(sendcloud, list) else [sendcloud]):
        name, line1, line2 = (
            [part.strip() for part in (text(point.get("extra")) or "").split("|")] + [""] * 3
        )[:3]
        return _point(text(point.get("id")), None, name, Address(line1=line1 or None, line2=line2 or None))
    return None


def _point(
    code: str | None, carrier: str | None, name: str | None, address: Address | None = None
) -> PickupPoint | None:
    return PickupPoint(
        point_id=code, kind="parcel_point", carrier=carrier, name=name or None, address=address
    )


def _store(shipping_lines: Any) -> PickupPoint | None:
    for line in _objects(shipping_lines):
        if (text(line.get("method_id")) or "").split(":")[0] in _STORE_PICKUP:
            meta = known(line.get("meta_data"))
            where = text(meta.get("pickup_address"))
            return PickupPoint(
                point_id=text(meta.get("_pickup_location_id")),
                kind="store",
                name=text(meta.get("pickup_location") or meta.get("_pickup_location_name"))
                or text(line.get("method_title")),
                address=Address(line1=where) if where else None,
            )
    return None


def _objects(items: Any) -> Iterable[dict[str, Any]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _structure(value: Any) -> Any:
    """A value, decoded where a plugin stored JSON as text."""
    if not isinstance(value, str):
        return value
    try:
        return decode(value.encode("utf-8", "replace"))
    except DecodeError:
        return None


def text(value: Any) -> str | None:
    """Any value as text for a person; a list or an object as JSON, nothing for nothing."""
    if type(value) is str:
        return unescaped(value)
    if value is None or isinstance(value, Defect) or value in ([], {}):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        value = encode(value).decode("utf-8", "replace")
    return unescaped(value) if isinstance(value, str | int | Decimal) else None
