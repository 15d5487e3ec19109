"""Who buys and where it goes."""

from __future__ import annotations

from core.model.value import Value


class Address(Value):
    """A postal address. *region* is free text, *region_code* ISO 3166-2 without the country where known,
    *country_code* ISO 3166-1 alpha-2.
    """

    name: str | None = None
    company: str | None = None
    line1: str | None = None
    line2: str | None = None
    city: str | None = None
    region: str | None = None
    region_code: str | None = None
    postal_code: str | None = None
    country_code: str | None = None
    phone: str | None = None


class PickupPoint(Value):
    """A parcel shop, locker or store the buyer chose; *point_id* is the carrier's or shop's own."""

    point_id: str | None = None
    kind: str | None = None
    carrier: str | None = None
    name: str | None = None
    address: Address | None = None


class Customer(Value):
    """The buyer as the channel knows them; a guest has no *channel_customer_id*."""

    channel_customer_id: str | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    locale: str | None = None


class TaxId(Value):
    """A VAT number, CPF, fiscal code ... of the buyer. *kind* is the channel's own word."""

    kind: str
    value: str
