"""What a behaviour is: a sentence, a check that can fail, and the connectors it is asked of. Runs none of them."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from conformance.kit import Kit
from core.connector import Manifest

TIERS = ("draft", "bronze", "silver", "gold")  # from the lowest to the highest

Check = Callable[[Any], Awaitable[None] | None]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """*sentence* is for a person. It is asked of connectors of *kind* (None: of all) that have every protocol of
    *needs* and whose manifest is as *where* wants it.
    """

    id: str
    sentence: str
    tier: str
    kind: str | None
    needs: tuple[type, ...]
    where: Callable[[Manifest], bool]
    check: Check

    def applies_to(self, kit: Kit) -> bool:
        manifest = kit.connector.manifest
        return (
            self.kind in (None, manifest.kind)
            and all(isinstance(kit.connector, protocol) for protocol in self.needs)
            and self.where(manifest)
        )

    async def hold(self, kit: Kit) -> None:
        """Return if *kit*'s connector behaves so; raise if not."""
        done = self.check(kit)
        if inspect.isawaitable(done):
            await done


BEHAVIOURS: dict[str, Behaviour] = {}


def behaviour(
    name: str,
    sentence: str,
    *,
    tier: str,
    kind: str | None = None,
    needs: tuple[type, ...] = (),
    where: Callable[[Manifest], bool] = lambda _: True,
) -> Callable[[Check], Check]:
    """Makes a function the check of the behaviour *name*."""

    def register(check: Check) -> Check:
        if name in BEHAVIOURS:
            raise ValueError(f"there are two behaviours {name!r}")
        BEHAVIOURS[name] = Behaviour(name, sentence, tier, kind, needs, where, check)
        return check

    return register


bronze, silver = partial(behaviour, tier="bronze"), partial(behaviour, tier="silver")
bronze_channel, silver_channel = partial(bronze, kind="channel"), partial(silver, kind="channel")
bronze_carrier, silver_carrier = partial(bronze, kind="carrier"), partial(silver, kind="carrier")
