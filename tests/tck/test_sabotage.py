"""A kit that cannot fail proves nothing: each connector spoiled on purpose is caught by the behaviour it is named with."""

from __future__ import annotations

import pytest
from conformance.behaviour import BEHAVIOURS
from conformance.kits import KITS
from conformance.tiers import TIERS, Bench, judge, tier_of
from sabotages import SABOTAGES, spoiled

# A mistake can be made only in what a connector offers.
POSSIBLE = [
    name for name, (slug, caught, _) in SABOTAGES.items() if BEHAVIOURS[caught].applies_to(KITS[slug])
]


@pytest.mark.parametrize("mistake", POSSIBLE)
async def test_the_mistake_is_caught(bench: Bench, mistake: str) -> None:
    channel, behaviour, spoil = SABOTAGES[mistake]
    before = await bench.judge(channel, behaviour)

    found = await judge(spoiled(KITS[channel], spoil), BEHAVIOURS[behaviour])

    assert before.result == "pass", "the connector as it is has to pass, or the mistake proves nothing"
    assert found.result == "fail"
    assert not isinstance(found.error, NameError), "the mistake itself is broken"


async def test_an_unspoiled_copy_is_as_good_as_the_connector(bench: Bench, channel: str) -> None:
    copied = spoiled(KITS[channel], lambda _: {})

    for name in ("signature-vector", "refusal-known-word", "secret-not-in-requests", "pure-flows"):
        verdict = await judge(copied, BEHAVIOURS[name])
        assert verdict.result == (await bench.judge(channel, name)).result, verdict.error


async def test_a_spoiled_connector_loses_its_tier(bench: Bench) -> None:
    channel, behaviour, spoil = SABOTAGES["shopify-accepts_anything_signed"]
    verdicts = await bench.measure(channel)
    before = tier_of(KITS[channel].connector, verdicts)

    verdicts[behaviour] = await judge(spoiled(KITS[channel], spoil), BEHAVIOURS[behaviour])

    assert before != TIERS[0]
    assert tier_of(KITS[channel].connector, verdicts) == TIERS[0]
