"""Kits are defined as a whole or not at all; none contains itself, whoever says what at the same time."""

from __future__ import annotations

import asyncio

import pytest
from usecase_rig import MUG, TEA, Rig

from core.errors import UsageProblem
from core.rules.kits import KitCycle
from core.usecases.define_kits import KitChange, define_kits


async def made_of(rig: Rig) -> dict[str, dict[str, int]]:
    rows = await rig.admin.fetch(
        """SELECT k.sku AS kit, c.sku AS component, units FROM kit_components
           JOIN variants k ON k.variant_id = kit_id JOIN variants c ON c.variant_id = component_id
           ORDER BY k.sku, c.sku"""
    )
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row["kit"], {})[row["component"]] = row["units"]
    return found


async def test_a_kit_is_defined_changed_and_taken_back(rig: Rig) -> None:
    async def say(*components: tuple[str, int]) -> list[KitChange]:
        return await define_kits(rig.hub, rig.merchant_id, {" SET ": dict(components)})

    first = await say((MUG, 2), (TEA, 1))
    assert first == [KitChange("SET", {}, {MUG: 2, TEA: 1}, new=True)]
    assert await made_of(rig) == {"SET": {MUG: 2, TEA: 1}}

    (second,) = await say((MUG, 3))
    assert (second.outcome, second.before, second.new) == ("changed", {MUG: 2, TEA: 1}, False)
    assert await made_of(rig) == {"SET": {MUG: 3}}

    assert [change.outcome for change in await say((MUG, 3))] == ["same"]
    assert [change.outcome for change in await say()] == ["removed"]
    assert await made_of(rig) == {}


async def test_a_dry_run_says_the_same_and_writes_nothing(rig: Rig) -> None:
    wanted = {"SET": {MUG: 2}, "BOX": {"SET": 1, TEA: 1}}

    planned = await define_kits(rig.hub, rig.merchant_id, wanted, dry_run=True)

    assert await made_of(rig) == {}
    assert await rig.admin.fetchval("SELECT count(*) FROM variants WHERE sku IN ('SET', 'BOX')") == 0
    assert planned == await define_kits(rig.hub, rig.merchant_id, wanted)


async def test_a_circle_is_refused_by_its_skus_and_nothing_is_written(rig: Rig) -> None:
    await define_kits(rig.hub, rig.merchant_id, {"SET": {MUG: 1}, "BOX": {"SET": 2}})

    with pytest.raises(KitCycle, match=r"SET > BOX > SET|BOX > SET > BOX"):
        await define_kits(rig.hub, rig.merchant_id, {MUG: {TEA: 1}, "SET": {"BOX": 1}})

    assert await made_of(rig) == {"SET": {MUG: 1}, "BOX": {"SET": 2}}


async def test_a_kit_of_itself_is_refused(rig: Rig) -> None:
    with pytest.raises(KitCycle, match="SET > SET"):
        await define_kits(rig.hub, rig.merchant_id, {"SET": {"SET": 1}})


async def test_two_people_cannot_close_a_circle_together(rig: Rig) -> None:
    await define_kits(rig.hub, rig.merchant_id, {"A": {MUG: 1}, "B": {MUG: 1}})

    said = await asyncio.gather(
        define_kits(rig.hub, rig.merchant_id, {"A": {"B": 1}}),
        define_kits(rig.hub, rig.merchant_id, {"B": {"A": 1}}),
        return_exceptions=True,
    )

    assert sorted(type(one) for one in said if isinstance(one, Exception)) == [KitCycle]


@pytest.mark.parametrize(
    ("components", "about"),
    [
        ({"NO-SUCH": 1}, "no variant with the SKU 'NO-SUCH'"),
        ({MUG: 0}, "cannot be"),
        ({MUG: 100_001}, "cannot be"),
        ({MUG: 1, f" {MUG}": 1}, "twice"),
        ({"": 1}, "cannot be"),
    ],
)
async def test_what_cannot_be_is_refused_as_a_whole(rig: Rig, components: dict[str, int], about: str) -> None:
    with pytest.raises(UsageProblem, match=about):
        await define_kits(rig.hub, rig.merchant_id, {"GOOD": {TEA: 1}, "SET": components})

    assert await made_of(rig) == {}
    assert await rig.admin.fetchval("SELECT count(*) FROM variants WHERE sku IN ('SET', 'GOOD')") == 0


async def test_kits_inside_kits_may_not_grow_beyond_what_can_be_counted(rig: Rig) -> None:
    with pytest.raises(UsageProblem, match=r"'BOX' would need 900000 of 'MUG-B'"):
        await define_kits(rig.hub, rig.merchant_id, {"SET": {MUG: 900}, "BOX": {"SET": 1000}})


async def test_kits_of_another_merchant_are_others(rig: Rig) -> None:
    other = Rig(rig.hub, rig.clock, rig.admin)
    await other.open("Tom")
    await define_kits(rig.hub, rig.merchant_id, {"SET": {MUG: 1}})

    (change,) = await define_kits(rig.hub, other.merchant_id, {"SET": {TEA: 4}})

    assert (change.before, change.new) == ({}, True)
