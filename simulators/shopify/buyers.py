"""People who buy in a simulated shop, drawn from a seed; half of their names need more than ASCII."""

from __future__ import annotations

import random
from collections.abc import Callable

from simulators.shopify.things import Buyer

_FIRST_NAMES = ("Anna", "Zoë", "Łukasz", "Jean-Luc", "Siobhán", "Bob", "Þóra", "María José", "Kim", "Ngọc")
_LAST_NAMES = ("Müller", "Smith", "Żółć", "O'Brien", "d'Août", "García & Hijos", "Nguyễn", "Jones", "Ødegård")
_PLACES = (
    ("Berlin", "10115", "Germany", "DE", "de"),
    ("Kraków", "30-001", "Poland", "PL", "pl"),
    ("Lyon", "69001", "France", "FR", "fr"),
    ("Zürich", "8001", "Switzerland", "CH", "de"),
    ("Cork", "T12 W8KP", "Ireland", "IE", "en"),
    ("Reykjavík", "101", "Iceland", "IS", "is"),
)


def draw_buyer(rng: random.Random, next_id: Callable[[], int]) -> Buyer:
    """A new customer of the shop."""
    city, postcode, country, code, locale = rng.choice(_PLACES)
    number = rng.randrange(10**7)
    return Buyer(
        customer_id=next_id(),
        address_id=next_id(),
        first_name=rng.choice(_FIRST_NAMES),
        last_name=rng.choice(_LAST_NAMES),
        email=f"buyer{number}@example.com",
        phone=f"+49151{number:07d}" if number % 3 else None,
        address1=f"{rng.choice(('Hauptstraße', 'High Street', 'Rue de la Paix'))} {number % 200 + 1}",
        address2="c/o <Desk 4>" if number % 5 == 0 else None,
        city=city,
        zip=postcode,
        country=country,
        country_code=code,
        locale=locale,
    )
