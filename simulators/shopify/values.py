"""The small values of the GraphQL Admin API: instants in UTC, amounts in both currencies, taxes."""

from __future__ import annotations

from datetime import UTC, datetime

from simulators.shopify.amounts import written
from simulators.shopify.goods import TAX_BASIS_POINTS, TAX_TITLE, gid
from simulators.shopify.render import Json
from simulators.shopify.things import Buyer


def instant(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def decimal(cents: int) -> str:
    """As GraphQL writes a Decimal: "10.0", where REST has "10.00"."""
    text = written(cents)
    return text.removesuffix("0")


def money_bag(cents: int, currency: str) -> Json:
    money = {"amount": decimal(cents), "currencyCode": currency}
    return {"shopMoney": money, "presentmentMoney": money}


def tax_lines(tax: int, currency: str) -> list[Json]:
    return [
        {
            "title": TAX_TITLE,
            "rate": TAX_BASIS_POINTS / 10000,
            "ratePercentage": TAX_BASIS_POINTS / 100,
            "priceSet": money_bag(tax, currency),
            "channelLiable": False,
            "source": "shopify",
        }
    ]


def mailing_address(buyer: Buyer) -> Json:
    street = [part for part in (buyer.address1, buyer.address2, f"{buyer.zip} {buyer.city}") if part]
    return {
        "id": gid("MailingAddress", buyer.address_id),
        "firstName": buyer.first_name,
        "lastName": buyer.last_name,
        "name": buyer.name,
        "company": buyer.company,
        "address1": buyer.address1,
        "address2": buyer.address2,
        "city": buyer.city,
        "province": buyer.province,
        "provinceCode": buyer.province_code,
        "zip": buyer.zip,
        "country": buyer.country,
        "countryCode": buyer.country_code,
        "countryCodeV2": buyer.country_code,
        "phone": buyer.phone,
        "latitude": None,
        "longitude": None,
        "formatted": [*street, buyer.country],
    }


def customer(buyer: Buyer, since: datetime) -> Json:
    return {
        "id": gid("Customer", buyer.customer_id),
        "legacyResourceId": str(buyer.customer_id),
        "displayName": buyer.name,
        "firstName": buyer.first_name,
        "lastName": buyer.last_name,
        "email": buyer.email,
        "phone": buyer.phone,
        "defaultEmailAddress": {"emailAddress": buyer.email, "validFormat": True} if buyer.email else None,
        "defaultPhoneNumber": {"phoneNumber": buyer.phone} if buyer.phone else None,
        "defaultAddress": mailing_address(buyer),
        "locale": buyer.locale,
        "note": None,
        "tags": [],
        "taxExempt": False,
        "state": "DISABLED",
        "createdAt": instant(since),
        "updatedAt": instant(since),
        "verifiedEmail": True,
        "numberOfOrders": "1",
    }


def destination(buyer: Buyer) -> Json:
    """Where a fulfillment order goes: a copy of the address, with an id of its own kind."""
    return {
        "id": gid("FulfillmentOrderDestination", buyer.address_id),
        "firstName": buyer.first_name,
        "lastName": buyer.last_name,
        "company": buyer.company,
        "address1": buyer.address1,
        "address2": buyer.address2,
        "city": buyer.city,
        "province": buyer.province,
        "zip": buyer.zip,
        "countryCode": buyer.country_code,
        "email": buyer.email,
        "phone": buyer.phone,
    }
