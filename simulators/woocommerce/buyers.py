"""Made-up people who buy at the simulated shop."""

from __future__ import annotations

import random

_BUYERS = (
    ("Jana", "Groß", "Lindenstraße 4", "Köln", "50674"),
    ("Piotr", "Żak", "Am Hafen 12", "Bremen", "28195"),
    ("Léa", "Fontaine", "Gartenweg 9", "Freiburg", "79098"),
    ("Ole", "Möller", "Deichstraße 31", "Husum", "25813"),
)


def buyer(rng: random.Random) -> dict[str, str]:
    """A billing address; the e-mail differs from order to order."""
    first, last, street, city, postcode = rng.choice(_BUYERS)
    return {
        "first_name": first,
        "last_name": last,
        "address_1": street,
        "city": city,
        "postcode": postcode,
        "country": "DE",
        "email": f"buyer{rng.randrange(10_000)}@example.com",
        "phone": "+49 30 000000",
    }
