"""The closed list of verbs a mapping may use: pure, named, each a value in and a value out.

A verb raises `ValueError` with words for an operator when it cannot answer; it never guesses. A missing optional
value (None) never reaches a verb, unless several sources were given: then the verb gets the list.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from core.flow import encode
from core.model.money import CURRENCIES, Money, Presented, exponent, parse_amount

MAX_TEXT = 10_000  # characters of one text; the raw body keeps the rest

_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:([0-9]{2})(?:\.[0-9]{1,9})?(Z|[+-][0-9]{2}:?[0-9]{2})?\Z"
)
_LONGEST_TIME = 40  # characters of what is kept to be read again
_ID = re.compile(r"[1-9][0-9]{0,38}|0\Z")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_COUNTRY = re.compile(r"[A-Z]{2}")
_REGION = re.compile(r"(?:[A-Z]{2}-)?([A-Z0-9]{1,3})")
_NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,40})?")
_ID_END = 10**39  # ids are below it
_LAST_DECIMAL, _NOISE, _MOST = Decimal("1e-8"), Decimal("1e-10"), Decimal("1e12")
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")


def text(value: Any) -> str:
    r"""Text as it can be stored: NUL dropped, lone surrogates replaced, cut at 10,000 characters.

    >>> text("a\x00b"), text(12)
    ('ab', '12')
    """
    if type(value) is str:  # as nearly all are: sixty times an order
        written = value
    elif isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError(f"{_shown(value)} is not text")
    else:
        written = str(value)
    if (not written.isascii() or "\x00" in written) and _UNWRITABLE.search(written):
        written = _UNWRITABLE.sub(lambda m: "" if m[0] == "\x00" else "\ufffd", written)
    return written[:MAX_TEXT]


def blank(value: Any) -> str | None:
    """Text, or nothing when it is empty or only spaces.

    >>> blank("  "), blank(" a ")
    (None, 'a')
    """
    if type(value) is str and value.isascii() and len(value) <= MAX_TEXT and "\x00" not in value:
        return value.strip() or None
    return text(value).strip() or None


def identifier(value: Any) -> str:
    """A channel's numeric id as decimal text, every digit kept: 123 and "123" are the same id.

    >>> identifier(18446744073709551617), identifier("123")
    ('18446744073709551617', '123')
    """
    if type(value) is int and 0 <= value < _ID_END:
        return str(value)
    written = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not _ID.fullmatch(written):
        raise ValueError(f"{_shown(value)} is not an id")
    return written


def gid(value: Any) -> str:
    """The last part of a global id.

    >>> gid("gid://shopify/Order/450789469")
    '450789469'
    """
    if type(value) is int and 0 <= value < _ID_END:
        return str(value)
    return identifier(text(value).rsplit("/", 1)[-1].split("?", 1)[0])


def quantity(value: Any) -> int:
    """A count of units, 0 ... 1,000,000.

    >>> quantity(3)
    3
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1_000_000:
        raise ValueError(f"{_shown(value)} is not a quantity")
    return value


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{_shown(value)} is not true or false")
    return value


def rfc3339(value: Any) -> datetime:
    """An instant with its zone; a leap second counts as the last millisecond before it.

    >>> rfc3339("2026-07-01T10:00:00+02:00").isoformat()
    '2026-07-01T08:00:00+00:00'
    """
    return _instant(value, zone_required=True)


def utc(value: Any) -> datetime:
    """An instant written without a zone that is UTC by documentation."""
    return _instant(value, zone_required=False)


def _instant(value: Any, *, zone_required: bool) -> datetime:
    if type(value) is str and len(value) <= _LONGEST_TIME:
        return _repeated_instant(value, zone_required)
    return _read_instant(value, zone_required)


def _read_instant(value: Any, zone_required: bool) -> datetime:
    match = _RFC3339.fullmatch(value) if isinstance(value, str) else None
    if match is None or (zone_required and match[2] is None):
        raise ValueError(f"{_shown(value)} is not a time like 2026-11-24T10:00:00Z")
    zone = match[2] or ""
    if len(zone) > 1 and (int(zone[1:3]) > 14 or int(zone[-2:]) > 59):
        raise ValueError(f"{_shown(value)} has no such time zone")
    # A leap second has no datetime.
    written = f"{value[:17]}59.999{zone}" if match[1] == "60" else value
    try:
        instant = datetime.fromisoformat(written)
        instant = instant.astimezone(UTC) if zone else instant.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{_shown(value)} is not a time that exists") from None
    if not 1990 <= instant.year <= 2200:
        raise ValueError(f"{_shown(value)} is not a time an order can have")
    return instant


_repeated_instant = lru_cache(maxsize=4096)(_read_instant)  # an order has the same second three times


def money(value: list[Any]) -> Money | None:
    """[amount, currency] -> Money; nothing when the amount is missing.

    >>> money(["19.90", "EUR"]).amount
    Decimal('19.90')
    """
    amount, currency = value
    if amount is None or amount == "":
        return None
    if isinstance(amount, str) and isinstance(currency, str):
        return _priced(amount, currency)
    return Money(amount=_in_currency(amount, currency), currency=currency)


@lru_cache(maxsize=4096)  # prices repeat, within an order and from one to the next
def _priced(amount: str, code: str) -> Money:
    return Money(amount=_in_currency(amount, code), currency=code)


def money_set(value: Any) -> Money | None:
    """A Shopify money bag (REST or GraphQL spelling): shop money, presentment beside it where it differs."""
    if not isinstance(value, dict):
        raise ValueError(f"{_shown(value)} is not a money bag")
    if sides := _plain_sides(value):
        return _repeated_bag(*sides)
    shop = _bag_side(value, "shop_money", "shopMoney")
    if shop is None:
        raise ValueError("the money bag has no shop money")
    try:
        seen = _bag_side(value, "presentment_money", "presentmentMoney") or shop
    except ValueError:
        _in_currency(*shop)  # of two faults the shop's own is told
        raise
    if all(isinstance(part, str) for part in (*shop, *seen)):
        return _repeated_bag(*shop, *seen)
    return _bag(*shop, *seen)


def _plain_sides(bag: dict[str, Any]) -> tuple[str, str, str, str] | None:
    """Both sides of a bag whose amounts and currencies are all texts, as nearly every one is; None for any other."""
    shop, seen = bag.get("shop_money"), bag.get("presentment_money")
    if type(shop) is not dict or type(seen) is not dict:
        return None
    amount, code = shop.get("amount"), shop.get("currency_code")
    seen_amount, seen_code = seen.get("amount"), seen.get("currency_code")
    if type(amount) is type(code) is type(seen_amount) is type(seen_code) is str and code and seen_code:
        return amount, code, seen_amount, seen_code
    return None


def _bag_side(bag: dict[str, Any], *names: str) -> tuple[Any, Any] | None:
    side = next((bag[name] for name in names if bag.get(name) is not None), None)
    if side is None:
        return None
    if not isinstance(side, dict):
        raise ValueError(f"{_shown(side)} is not an amount with a currency")
    amount, code = side.get("amount"), side.get("currency_code") or side.get("currencyCode")
    return None if amount is None and code is None else (amount, code)


def _bag(amount: Any, code: Any, seen_amount: Any, seen_code: Any) -> Money:
    whole, seen = _in_currency(amount, code), _in_currency(seen_amount, seen_code)
    presentment = Presented(amount=seen, currency=seen_code) if seen_code != code else None
    return Money(amount=whole, currency=code, presentment=presentment)


_repeated_bag = lru_cache(maxsize=4096)(_bag)


def _in_currency(amount: Any, code: Any) -> Decimal:
    currency(code)
    parsed = _parsed(amount)
    places = exponent(code)
    if places == 0 and parsed != parsed.to_integral_value():
        raise ValueError(f"{_shown(amount)} {code}: this currency has no decimals")
    return parsed


def currency(value: Any) -> str:
    if not isinstance(value, str) or value not in CURRENCIES:
        raise ValueError(f"{_shown(value)} is not a currency")
    return value


def country(value: Any) -> str | None:
    """ISO 3166-1 alpha-2, upper case; nothing when empty."""
    written = blank(value)
    if written is not None and not _COUNTRY.fullmatch(written := written.upper()):
        raise ValueError(f"{_shown(value)} is not a country code")
    return written


def join(value: list[Any]) -> str | None:
    """Several texts, the empty ones left out, with a space between.

    >>> join(["Ada", None, "Lovelace"])
    'Ada Lovelace'
    """
    return " ".join([part for item in value if item is not None and (part := blank(item))]) or None


def first(value: Any) -> Any:
    """The first source (or list item) that is there and not empty."""
    return next((item for item in value if item not in (None, "")), None)


def words(value: Any) -> tuple[str, ...]:
    """Comma separated text, or a list of texts, as a tuple of words.

    >>> words("a, b")
    ('a', 'b')
    """
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list):
        raise ValueError(f"{_shown(value)} is not a list of words")
    return tuple(word for word in (text(item).strip() for item in items if item is not None) if word)


def present(value: Any) -> bool:
    return value not in (None, "")


def lower(value: Any) -> str:
    return text(value).lower()


def unescaped(value: Any) -> str | None:
    """Text with HTML entities resolved (a shop's own pages escape names); nothing when empty.

    >>> unescaped("Tea &amp; Toast"), unescaped("AT&T")
    ('Tea & Toast', 'AT&T')
    """
    written = blank(value)
    return _ENTITY.sub(lambda m: html.unescape(m[0]), written) if written and "&" in written else written


def nonzero_id(value: Any) -> str | None:
    """An id where 0 (or nothing) stands for none."""
    return None if value in (0, "0", "") else identifier(value)


def first_id(value: Any) -> str | None:
    """The first source that names something: an id where 0 stands for none.

    >>> first_id([0, 42])
    '42'
    """
    return next((found for found in (nonzero_id(item) for item in value if item is not None) if found), None)


def net(value: list[Any]) -> Money | None:
    """[amount, ..., currency] -> Money of the sum; nothing when no amount is there.

    More decimals than the currency has are kept: they are shares of a gross price, not prices.

    >>> net(["6577.27", None, "JPY"]).amount
    Decimal('6577.27')
    """
    if len(value) == 2 and type(value[0]) is str and value[0] and type(value[1]) is str:
        return _one_net(value[0], value[1])  # nearly always
    *amounts, code = value
    given = [amount for amount in amounts if amount not in (None, "")]
    if len(given) == 1 and isinstance(given[0], str) and isinstance(code, str):
        return _one_net(given[0], code)
    found = [_parsed(amount) for amount in given]
    return Money(amount=sum(found, Decimal(0)), currency=currency(code)) if found else None


@lru_cache(maxsize=4096)
def _one_net(amount: str, code: str) -> Money:
    return Money(amount=Decimal(0) + parse_amount(amount), currency=currency(code))


def region_code(value: Any) -> str | None:
    """The code of a region where the text is one, without its country; nothing for a name.

    >>> region_code("DE-BY"), region_code("Louisiana")
    ('BY', None)
    """
    written = blank(value)
    match = _REGION.fullmatch(written) if written else None
    return match[1] if match else None


def bag_or_amount(value: list[Any]) -> Money | None:
    """[money bag, amount, currency]: the bag where there is one, else the plain amount; nothing without both.

    >>> bag_or_amount([None, "19.90", "EUR"]).amount
    Decimal('19.90')
    """
    bag, plain, code = value
    if type(bag) is dict and (sides := _plain_sides(bag)):
        return _repeated_bag(*sides)
    filled = isinstance(bag, dict) and _bag_side(bag, "shop_money", "shopMoney") is not None
    if filled or (bag is not None and plain in (None, "")):
        return money_set(bag)
    return money([plain, code])


def amount(value: Any) -> Decimal:
    """An amount whose currency is another field's business."""
    return _parsed(value)


def _parsed(value: Any) -> Decimal:
    """An amount, of which a JSON number was a float where it was written: 19.990000000000002 is 19.99.

    Only what lies far behind the last decimal an amount can have is noise; nearer digits are refused as ever.
    """
    if isinstance(value, Decimal) and value.is_finite() and abs(value) < _MOST:
        kept = value.quantize(_LAST_DECIMAL)
        if kept != value and abs(kept - value) < _NOISE:
            return parse_amount(kept.normalize())
    return parse_amount(value)


def number(value: Any) -> str:
    """A number as the shortest decimal text: 0.20 and "0.2" are the same rate.

    >>> number(Decimal("0.20")), number(0)
    ('0.2', '0')
    """
    plain = format(value, "f") if isinstance(value, Decimal) else text(value)
    if not _NUMBER.fullmatch(plain):
        raise ValueError(f"{_shown(value)} is not a number")
    return format(Decimal(plain).normalize(), "f")


def written(value: Any) -> str:
    """Whatever a buyer or an app put there: text as it is, anything else as JSON.

    >>> written("engraving"), written(True), written([1, 2])
    ('engraving', 'true', '[1,2]')
    """
    return text(value if isinstance(value, str) else encode(value).decode("utf-8", "replace"))


def _shown(value: Any) -> str:
    return repr(value)[:60] if isinstance(value, str | int | Decimal | None) else type(value).__name__


VERBS: dict[str, Callable[[Any], Any]] = {
    "text": text,
    "blank": blank,
    "id": identifier,
    "gid": gid,
    "quantity": quantity,
    "boolean": boolean,
    "rfc3339": rfc3339,
    "utc": utc,
    "money": money,
    "money_set": money_set,
    "currency": currency,
    "country": country,
    "join": join,
    "first": first,
    "words": words,
    "present": present,
    "lower": lower,
    "unescaped": unescaped,
    "nonzero_id": nonzero_id,
    "first_id": first_id,
    "net": net,
    "region_code": region_code,
    "bag_or_amount": bag_or_amount,
    "amount": amount,
    "number": number,
    "written": written,
}
LIST_VERBS = frozenset(
    {"money", "join", "first", "first_id", "net", "bag_or_amount"}
)  # get every source, the missing ones as None
