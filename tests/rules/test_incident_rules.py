"""Who goes without, when fewer units are there than were sold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.incidents import Claimant, choose_victims, is_paid

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)

moments = st.integers(0, 10).map(lambda hours: AT + timedelta(hours=hours))
claimant = st.builds(
    Claimant,
    order_id=st.integers(1, 12),
    line_id=st.sampled_from(["71", "72"]),
    units=st.integers(0, 5),
    marketplace=st.booleans(),
    placed_at=moments,
    location_id=st.integers(0, 2),
    ship_by=st.one_of(st.none(), moments),
    paid=st.booleans(),
    partly_shipped=st.booleans(),
    value=st.one_of(st.none(), st.decimals(0, 100, places=2)),
    currency=st.sampled_from(["EUR", "USD"]),
)
claimants = st.lists(claimant, max_size=8, unique_by=lambda one: (one.order_id, one.line_id, one.location_id))


@given(claimants, st.integers(0, 40))
def test_as_many_units_are_given_up_as_are_missing_and_nobody_gives_more_than_it_claims(
    wanted: list[Claimant], missing: int
) -> None:
    victims = choose_victims(wanted, missing)

    assert sum(victim.units for victim in victims) == min(missing, sum(one.units for one in wanted))
    assert all(0 < victim.units <= victim.claimant.units for victim in victims)
    assert all(victim.why for victim in victims)


@given(claimants, st.integers(0, 40))
def test_no_order_of_a_marketplace_goes_without_while_one_of_an_own_shop_keeps_a_unit(
    wanted: list[Claimant], missing: int
) -> None:
    victims = choose_victims(wanted, missing)

    lost = {(v.claimant.order_id, v.claimant.line_id, v.claimant.location_id): v.units for v in victims}
    kept_by_own_shops = sum(
        one.units - lost.get((one.order_id, one.line_id, one.location_id), 0)
        for one in wanted
        if not one.marketplace
    )
    assert not (kept_by_own_shops and any(victim.claimant.marketplace for victim in victims))


@given(claimants, st.integers(0, 40), st.randoms(use_true_random=False))
def test_who_goes_without_does_not_depend_on_the_order_in_which_the_claims_were_read(
    wanted: list[Claimant], missing: int, chance: Any
) -> None:
    shuffled = list(wanted)
    chance.shuffle(shuffled)

    assert choose_victims(shuffled, missing) == choose_victims(wanted, missing)


@given(claimants, st.integers(0, 40))
def test_only_the_last_victim_keeps_some_of_its_units(wanted: list[Claimant], missing: int) -> None:
    victims = choose_victims(wanted, missing)

    assert all(victim.units == victim.claimant.units for victim in victims[:-1])


def order(order_id: int, **facts: Any) -> Claimant:
    return Claimant(
        **{
            "order_id": order_id,
            "line_id": "71",
            "units": 1,
            "marketplace": False,
            "placed_at": AT,
            "value": Decimal(10),
            "currency": "EUR",
            **facts,
        }
    )


# Each pair: who goes without, who keeps the unit although all lesser reasons speak against it.
@pytest.mark.parametrize(
    ("without", "keeps", "why"),
    [
        (order(1, value=Decimal(900)), order(2, marketplace=True, paid=False), "a shop of your own"),
        (order(1, partly_shipped=True), order(2, ship_by=AT, paid=False), "no channel counts the days"),
        (order(1, ship_by=AT + timedelta(days=2)), order(2, ship_by=AT, paid=False), "may ship later"),
        (order(1, paid=False, partly_shipped=True), order(2), "not paid for"),
        (order(1, value=Decimal(900)), order(2, partly_shipped=True), "nothing of it has left"),
        (order(1, placed_at=AT - timedelta(hours=1)), order(2, value=Decimal(11)), "worth less"),
        (order(1, placed_at=AT + timedelta(seconds=1)), order(2), "came later"),
        (order(1, value=Decimal(9), currency="USD", placed_at=AT + timedelta(1)), order(2), "came later"),
        (order(1, ship_by=AT, paid=False), order(2, ship_by=AT - timedelta(hours=1)), "not paid for"),
    ],
)
def test_the_weightier_reason_decides_and_is_told(without: Claimant, keeps: Claimant, why: str) -> None:
    (victim,) = choose_victims([keeps, without], 1)

    assert victim.claimant is without
    assert why in victim.why


def test_where_there_is_a_unit_for_nobody_the_reason_is_just_that() -> None:
    victims = choose_victims([order(1), order(2)], 5)

    assert {victim.why for victim in victims} == {"there are units for none of these orders"}


def test_an_order_whose_payment_is_not_known_counts_as_not_paid() -> None:
    assert [is_paid(status) for status in ("paid", "authorized", "pending", None)] == [
        True,
        True,
        False,
        False,
    ]
