"""Carriers by the names that Shopify knows, written exactly: only for these does it make tracking links."""

from __future__ import annotations

import re

# https://shopify.dev/docs/api/admin-graphql/2026-07/objects/FulfillmentTrackingInfo#supported-tracking-companies
_NAMES = (
    "4PX", "ACS Courier", "AGS", "Allied Express", "Amazon", "Amazon Logistics UK", "An Post", "Anjun Logistics", "APC",
    "Aramex Australia", "Aras Kargo", "Asendia USA", "Australia Post", "Bluedart", "Bonds", "BPost",
    "BPost International", "Bring", "BRT", "Canada Post", "Canpar", "CDL Last Mile", "China Post", "Chronopost",
    "Chukou1", "Colis Privé", "Colissimo", "Coordinadora", "Correios", "Correos", "Couriers Please", "CTT",
    "CTT Express", "Cyprus Post", "Delhivery", "Delnext", "Deutsche Post", "DHL", "DHL eCommerce", "DHL eCommerce Asia",
    "DHL Express", "DHL Parcel", "Direct Couriers", "DPD", "DPD Ireland", "DPD Local", "DPD UK", "DTDC", "DX", "Eagle",
    "Ecom Express", "Ekart", "Estes", "Evri", "Fastway", "FedEx", "First Line", "FSC", "Gati KWE", "GLS", "GLS Italy",
    "Hermes", "Hunter Express", "Iceland Post", "IDEX", "India Post", "Inpost", "Intelcom", "Israel Post",
    "La Poste Colissimo", "Lasership", "Latvia Post", "Lietuvos Paštas", "Loomis", "LSO", "Mondial Relay",
    "New Zealand Post", "NinjaVan", "Northline", "Old Dominion", "OnTrac", "Österreichische Post", "Packeta", "Pandion",
    "Parcelforce", "Pitney Bowes", "Portal PostNord", "Poste Italiane", "PostNL", "PostNord DK", "PostNord NO",
    "PostNord SE", "PTT", "Purolator", "Royal Mail", "Sendle", "SEUR", "SF Express", "Shadowfax", "ShipBob",
    "Singapore Post", "Skynet", "Speedy", "StarTrack", "Swiship", "Swiss Post", "TNT", "TNT Australia", "Toll IPEC",
    "Tuffnells", "UPS", "USPS", "Venipak", "Whistl", "XPO Logistics", "XpressBees", "Yodel", "YunExpress",
    "Yurtiçi Kargo", "Zásilkovna",
)  # fmt: skip


def _squeezed(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


_KNOWN = {_squeezed(name): name for name in _NAMES}


def company(written: str) -> str:
    """What Shopify calls the carrier that a merchant has *written*, in any spelling; an unknown one stays as it is.

    >>> company("ups"), company("DHL-Express"), company("Moon Mail")
    ('UPS', 'DHL Express', 'Moon Mail')
    """
    return _KNOWN.get(_squeezed(written), written.strip())
