"""How a plain marketplace treats stock, chosen when it is opened, and how late its webhooks are."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

# When a webhook about a change leaves, in seconds after it; None: it never leaves, only a list shows the change.
Lag = Callable[[datetime, random.Random], float | None]


def at_once(_at: datetime, _rng: random.Random) -> float:
    """No lag."""
    return 0.0


@dataclass(frozen=True, slots=True)
class Semantics:
    """*zero*: a quantity of zero is taken, refused (the listing has to be deactivated, and relisted with a quantity), or
    refused until the account's setting is on. *lowers_at*: what takes sold units off the stored quantity; what was taken
    off comes back when an order is cancelled. *counts_unshipped*: the stored quantity includes units sold and not
    shipped, and that many fewer are for sale. *compares*: a write may say which quantity it expects. *batch* writes go
    into one call. *locations* are where listings are stocked; an order is taken from the first that has enough.
    """

    zero: Literal["quantity", "deactivate", "needs_setting"] = "quantity"
    lowers_at: Literal["order", "payment", "shipment", "never"] = "order"
    counts_unshipped: bool = False
    compares: bool = False
    batch: int = 50
    locations: tuple[str, ...] = ("",)
