"""A tier is what was measured: a manifest claims neither more nor less."""

from __future__ import annotations

import pytest
from conformance.behaviour import BEHAVIOURS, TIERS
from conformance.kits import KITS
from conformance.tiers import DEMANDS, Bench, Verdict, missing, report, tier_of

from connectors import discover

NOBODY = {name: Verdict(behaviour, applies=True) for name, behaviour in BEHAVIOURS.items()}


def test_every_connector_is_measured() -> None:
    assert set(KITS) == set(discover())
    assert all(KITS[slug].connector is connector for slug, connector in discover().items())


def test_every_behaviour_has_a_sentence_and_a_tier_and_is_asked_of_somebody() -> None:
    assert len({behaviour.sentence for behaviour in BEHAVIOURS.values()}) == len(BEHAVIOURS)
    for name, behaviour in BEHAVIOURS.items():
        assert behaviour.sentence[0].isupper(), name
        assert behaviour.sentence.endswith("."), name
        assert behaviour.tier in TIERS[1:], name
        assert any(behaviour.applies_to(kit) for kit in KITS.values()), name


async def test_the_claimed_tier_is_the_measured_one(bench: Bench, channel: str) -> None:
    found = report(KITS[channel].connector, await bench.measure(channel))

    assert found["claimed"] == found["tier"], found["missing"]


@pytest.mark.parametrize("slug", KITS)
def test_one_failure_takes_its_tier_and_all_above_away(slug: str) -> None:
    connector = KITS[slug].connector
    reached = tier_of(connector, NOBODY)

    for name, behaviour in BEHAVIOURS.items():
        spoiled = NOBODY | {name: Verdict(behaviour, applies=True, error=AssertionError("no"))}
        lost = tier_of(connector, spoiled)
        assert TIERS.index(lost) == min(TIERS.index(reached), TIERS.index(behaviour.tier) - 1), name


@pytest.mark.parametrize("slug", KITS)
def test_what_is_missing_for_the_next_tier_is_told_in_sentences(slug: str) -> None:
    connector = KITS[slug].connector
    wanted = [demand for demand in DEMANDS if demand.kind == connector.manifest.kind]

    for demand in wanted:
        if not demand.met_by(connector):
            assert any(demand.words in sentence for sentence in missing(connector, NOBODY, demand.tier))
    assert report(connector, NOBODY)["missing"], "gold is not reached by anybody, and it says why"
