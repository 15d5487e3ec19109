"""Which tier a connector has earned: the highest whose behaviours, and those below, all hold and whose demands are met."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conformance import behaviours  # noqa: F401 - fills the table
from conformance.behaviour import BEHAVIOURS, TIERS, Behaviour
from conformance.kit import Kit
from core.connector import (
    Connector,
    ListsCatalog,
    PullsOrders,
    PushesFulfillments,
    Subscribes,
    TracksParcels,
    WritesStock,
)


@dataclass(frozen=True, slots=True)
class Demand:
    """Something a connector has to do at all, in *words*. *protocol* None: nothing in the program measures it yet."""

    tier: str
    kind: str
    words: str
    protocol: type | None

    def met_by(self, connector: Connector) -> bool:
        return self.protocol is not None and isinstance(connector, self.protocol)


DEMANDS = (
    Demand("bronze", "channel", "ask for orders and fetch one", PullsOrders),
    Demand("silver", "channel", "list the catalogue", ListsCatalog),
    Demand("silver", "channel", "write stock", WritesStock),
    Demand("silver", "channel", "tell what was shipped", PushesFulfillments),
    Demand("silver", "channel", "register our webhooks", Subscribes),
    Demand("gold", "channel", "cancel orders at the channel", None),
    Demand("gold", "channel", "give money back at the channel", None),
    Demand("gold", "channel", "be measured at a live account every 90 days", None),
    Demand("silver", "carrier", "follow parcels", TracksParcels),
    Demand("gold", "carrier", "be measured at a live account every 90 days", None),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """*error* is why a behaviour does not hold; *applies* is false where it is not asked of the connector."""

    behaviour: Behaviour
    applies: bool
    error: BaseException | None = None

    @property
    def result(self) -> str:
        if not self.applies:
            return "not applicable"
        return "fail" if self.error else "pass"


async def judge(kit: Kit, behaviour: Behaviour) -> Verdict:
    """Whether *kit*'s connector, of which *behaviour* is asked, behaves so."""
    try:
        await behaviour.hold(kit)
    except Exception as error:  # noqa: BLE001 - whatever a connector raises is its failure, and is shown
        return Verdict(behaviour, applies=True, error=error)
    return Verdict(behaviour, applies=True)


def missing(connector: Connector, verdicts: Mapping[str, Verdict], tier: str) -> list[str]:
    """What keeps the connector from *tier*, apart from lower tiers: sentences."""
    kind = connector.manifest.kind
    unmet = [
        f"It has to {demand.words}{', and nothing measures that yet' if demand.protocol is None else ''}."
        for demand in DEMANDS
        if (demand.tier, demand.kind) == (tier, kind) and not demand.met_by(connector)
    ]
    failed = [one.behaviour.sentence for one in verdicts.values() if one.error and one.behaviour.tier == tier]
    return unmet + failed


def tier_of(connector: Connector, verdicts: Mapping[str, Verdict]) -> str:
    """The tier measured by *verdicts* on all behaviours."""
    earned = TIERS[0]
    for tier in TIERS[1:]:
        if missing(connector, verdicts, tier):
            break
        earned = tier
    return earned


def report(connector: Connector, verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """What `fairway channel check` prints."""
    tier = tier_of(connector, verdicts)
    following = TIERS[TIERS.index(tier) + 1 :][:1]
    results = [verdict.result for verdict in verdicts.values()]
    return {
        "channel": connector.manifest.slug,
        "tier": tier,
        "claimed": connector.manifest.tier,
        "enough": TIERS.index(tier) >= TIERS.index(connector.manifest.tier),
        "next": following[0] if following else None,
        "missing": missing(connector, verdicts, following[0]) if following else [],
        "behaviours": [
            {
                "id": verdict.behaviour.id,
                "sentence": verdict.behaviour.sentence,
                "tier": verdict.behaviour.tier,
                "result": verdict.result,
                **({"why": _why(verdict.error)} if verdict.error else {}),
            }
            for verdict in sorted(verdicts.values(), key=lambda one: TIERS.index(one.behaviour.tier))
        ],
        "passed": results.count("pass"),
        "failed": results.count("fail"),
    }


def _why(error: BaseException) -> str:
    """The first line of what went wrong, and where in the kit."""
    place = [frame for frame in traceback.extract_tb(error.__traceback__) if "conformance" in frame.filename]
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"{said} ({place[-1].filename.rsplit('/', 1)[-1]}:{place[-1].lineno})" if place else said


class Bench:
    """Judges each behaviour of each connector once, and remembers."""

    def __init__(self, kits: Mapping[str, Kit]) -> None:
        self.kits = kits
        self._known: dict[tuple[str, str], Verdict] = {}

    async def judge(self, channel: str, name: str) -> Verdict:
        if (channel, name) not in self._known:
            self._known[channel, name] = await judge(self.kits[channel], BEHAVIOURS[name])
        return self._known[channel, name]

    async def measure(self, channel: str) -> dict[str, Verdict]:
        """What there is to say of *channel* about every behaviour, after each that is asked of it was judged."""
        for name, behaviour in BEHAVIOURS.items():
            if behaviour.applies_to(self.kits[channel]):
                await self.judge(channel, name)
        return self.verdicts(channel)

    def verdicts(self, channel: str) -> dict[str, Verdict]:
        """The same, of what was judged already; LookupError when that is not everything."""
        kit = self.kits[channel]
        return {
            name: self._known[channel, name] if asked.applies_to(kit) else Verdict(asked, applies=False)
            for name, asked in BEHAVIOURS.items()
        }
