"""Exact money with a currency; the presentment amount beside it where the buyer saw another currency."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from pydantic import field_validator, model_serializer

from core.model.value import Value

_AMOUNT = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,8})?\Z")

# ISO 4217 currencies whose minor unit is not 1/100 (ISO 4217:2015, list one).
_EXPONENTS = {
    **dict.fromkeys("BIF BYR CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    "CLF": 4,
    "UYW": 4,
}

# ISO 4217 list one, funds and metals left out: what a shop can be paid in.
CURRENCIES = frozenset(
    """AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD
    CAD CDF CHF CLF CLP CNY COP CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP
    GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD
    KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR
    NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP
    STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYI UYU UYW UZS VED VES VND VUV WST XAF
    XCD XCG XOF XPF YER ZAR ZMW ZWG ZWL
    BYR EEK GHC LTL LVL MRO MZM SKK STD TMM VEF ZMK""".split()  # the last line: retired, on old orders
)


def exponent(currency: str) -> int:
    """Decimal places of the currency's minor unit: 2 for EUR, 0 for JPY, 3 for KWD."""
    return _EXPONENTS.get(currency, 2)


@cache
def minor_unit(currency: str) -> Decimal:
    return Decimal(1).scaleb(-exponent(currency))


def parse_amount(text: Any) -> Decimal:
    """An amount as channels write it (text, integer, exact decimal); raises `ValueError` for anything else."""
    if isinstance(text, bool) or not isinstance(text, str | int | Decimal):
        raise ValueError(f"{str(text)[:40]!r} is not an amount")
    written = format(text, "f") if isinstance(text, Decimal) else str(text)
    if not _AMOUNT.match(written):
        raise ValueError(f"{written[:40]!r} is not an amount of at most 12 digits and 8 decimals")
    return Decimal(written)


class Presented(Value):
    """The amount the buyer saw, in the buyer's currency."""

    amount: Decimal
    currency: str


class Money(Value):
    """An amount in the shop currency, with at least the decimal places of its minor unit ("4.9" is 4.90 EUR)."""

    amount: Decimal
    currency: str
    presentment: Presented | None = None

    @field_validator("currency")
    @classmethod
    def _known(cls, currency: str) -> str:
        if currency not in CURRENCIES:
            raise ValueError(f"{currency!r} is not an ISO 4217 currency")
        return currency

    def model_post_init(self, _context: Any, /) -> None:
        """Write the amount out to the minor unit, once: a validator would be asked again by whatever holds the money."""
        if self.amount.same_quantum(minor_unit(self.currency)):  # as nearly all are
            return
        places = self.amount.as_tuple().exponent
        if isinstance(places, int) and -places < exponent(self.currency):
            # Written before anybody else sees the value: the same money reads the same whichever way it came.
            object.__setattr__(self, "amount", self.amount.quantize(minor_unit(self.currency)))

    @model_serializer
    def plain(self) -> dict[str, Any]:
        """The money as it is written: amounts as text, and no presentment where there is none."""
        plain: dict[str, Any] = {"amount": format(self.amount, "f"), "currency": self.currency}
        if self.presentment is not None:
            plain["presentment"] = {
                "amount": format(self.presentment.amount, "f"),
                "currency": self.presentment.currency,
            }
        return plain


def money_of(amount: Decimal, currency: str) -> Money:
    """The same as `Money(...)`, kept for the next time: prices repeat, within an order and from one to the next."""
    # As text, since 4.9 equals 4.90 as a number, and is not the same money.
    return _repeated(str(amount), currency)


@lru_cache(maxsize=4096)
def _repeated(amount: str, currency: str) -> Money:
    return Money(amount=Decimal(amount), currency=currency)
