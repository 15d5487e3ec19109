"""Properties of offers: each rule only ever takes away, the narrower scope decides, and every step is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.levelling import Goods, Standing, level_all
from core.rules.offers import Allowance, ListingRule, Mode, changes_at, merge, offer

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
LATER, EARLIER = NOW + timedelta(days=1), NOW - timedelta(days=1)

few = st.integers(0, 30)
maybe_few = st.one_of(st.none(), few)
times = st.one_of(st.none(), st.sampled_from([EARLIER, NOW, LATER]))
allowances = st.one_of(st.none(), st.builds(Allowance, up_to=few, until=times))
rules = st.builds(
    ListingRule,
    buffer=maybe_few,
    cap=maybe_few,
    percent=st.one_of(st.none(), st.integers(0, 100)),
    minimum=maybe_few,
    ends_at=times,
    stop_sell=st.one_of(st.none(), st.just(EARLIER)),
    freeze=st.one_of(st.none(), st.sampled_from([EARLIER, NOW])),
    mode=st.one_of(st.none(), st.sampled_from(Mode)),
    strict_below=maybe_few,
    backorder=allowances,
    preorder=allowances,
)
frees = st.integers(-20, 60)


@given(frees, rules, few, few, st.integers(1, 6), maybe_few)
def test_an_offer_is_never_below_nothing_nor_beyond_what_is_free_and_allowed(
    free: int, rule: ListingRule, incoming: int, backordered: int, units: int, quota: int | None
) -> None:
    made = offer(free, rule, now=NOW, units=units, incoming=incoming, backordered=backordered, quota=quota)

    back = rule.backorder.left(NOW) if rule.backorder else 0
    pre = min(rule.preorder.left(NOW), incoming) if rule.preorder else 0
    assert 0 <= made.quantity * units <= max(0, free + max(0, back + pre - backordered))
    assert quota is None or made.quantity <= quota
    assert rule.cap is None or made.quantity <= rule.cap
    assert rule.minimum is None or made.quantity == 0 or made.quantity >= rule.minimum


@given(frees, frees, rules, few)
def test_more_free_units_never_make_a_smaller_offer(
    one: int, other: int, rule: ListingRule, owed: int
) -> None:
    small, large = sorted((one, other))

    assert (
        offer(small, rule, now=NOW, backordered=owed).quantity
        <= offer(large, rule, now=NOW, backordered=owed).quantity
    )


@given(frees, rules)
def test_the_steps_of_an_offer_begin_with_what_is_free_and_end_with_the_offer(
    free: int, rule: ListingRule
) -> None:
    made = offer(free, rule, now=NOW)

    assert made.steps[0].quantity == free
    assert made.steps[-1].quantity == made.quantity or (len(made.steps) == 1 and free == made.quantity)
    assert all(str(step.quantity) in step.words for step in made.steps)


@given(frees, rules)
def test_whatever_the_rule_a_listing_that_is_stopped_offers_nothing(free: int, rule: ListingRule) -> None:
    stopped = rule.model_copy(update={"stop_sell": EARLIER})
    assert offer(free, stopped, now=NOW).quantity == 0


@given(st.lists(rules, max_size=4))
def test_the_narrower_scope_decides_field_by_field_and_what_stops_holds_whoever_says_it(
    scopes: list[ListingRule],
) -> None:
    merged = merge(scopes)

    for name in ListingRule.model_fields:
        said = [value for scope in scopes if (value := getattr(scope, name)) is not None]
        expected = min(said) if said and name in ("stop_sell", "freeze") else (said or [None])[-1]
        assert getattr(merged, name) == expected


@pytest.mark.parametrize(
    ("free", "rule", "words"),
    [
        (12, ListingRule(buffer=2, cap=5), ["free 12", "buffer 2 → 10", "cap 5 → 5"]),
        (2, ListingRule(minimum=3), ["free 2", "below the minimum of 3 → 0"]),
        (-3, ListingRule(), ["free -3", "less than nothing → 0"]),
        (-3, ListingRule(backorder=Allowance(up_to=5)), ["free -3", "backorder 5 more → 2"]),
        (9, ListingRule(percent=50), ["free 9", "50 % → 4"]),
        (9, ListingRule(ends_at=EARLIER), ["free 9", "ended 2026-11-26 12:00 → 0"]),
        (9, ListingRule(stop_sell=EARLIER), ["free 9", "stop-sell since 2026-11-26 12:00 → 0"]),
    ],
)
def test_each_step_says_what_it_did(free: int, rule: ListingRule, words: list[str]) -> None:
    assert [step.words for step in offer(free, rule, now=NOW).steps] == words


def test_backordered_units_come_off_what_may_still_be_backordered() -> None:
    rule = ListingRule(backorder=Allowance(up_to=10))
    assert offer(0, rule, now=NOW, backordered=4).quantity == 6
    assert offer(0, rule, now=NOW, backordered=12).quantity == 0
    assert offer(3, rule, now=NOW, backordered=12).quantity == 3


def test_backorders_end_with_their_day() -> None:
    rule = ListingRule(backorder=Allowance(up_to=10, until=NOW))
    assert offer(0, rule, now=NOW - timedelta(seconds=1)).quantity == 10
    assert offer(0, rule, now=NOW).quantity == 0


def test_preorders_sell_what_is_on_its_way_and_no_more() -> None:
    rule = ListingRule(preorder=Allowance(up_to=100, until=LATER))
    assert offer(0, rule, now=NOW, incoming=40).quantity == 40
    assert offer(0, rule, now=NOW, incoming=40, backordered=15).quantity == 25
    assert offer(0, rule, now=LATER, incoming=40).quantity == 0


def test_packs_are_made_of_what_the_buffer_leaves() -> None:
    assert offer(20, ListingRule(buffer=3, cap=2), now=NOW, units=6).quantity == 2
    assert offer(20, ListingRule(buffer=3), now=NOW, units=6).quantity == 2


def test_a_rule_knows_when_time_alone_changes_its_offer() -> None:
    rule = ListingRule(ends_at=LATER, backorder=Allowance(up_to=1, until=NOW + timedelta(hours=1)))
    assert changes_at(rule, NOW) == NOW + timedelta(hours=1)
    assert changes_at(rule, NOW + timedelta(hours=1)) == LATER
    assert changes_at(rule, LATER) is None


@given(rules, frees)
def test_a_listing_turns_strict_only_below_its_number(rule: ListingRule, free: int) -> None:
    below = rule.strict_below is not None and free < rule.strict_below
    assert rule.strict(free) == (rule.mode is Mode.STRICT or below)


@given(
    st.lists(
        st.tuples(st.integers(1, 2), st.sampled_from([(1,), (2,), (1, 2)]), st.integers(1, 2)), max_size=8
    ),
    st.lists(
        rules.filter(lambda rule: rule.mode is None and rule.strict_below is None), min_size=2, max_size=2
    ),
    st.lists(st.integers(0, 1), min_size=8, max_size=8),
    st.lists(frees, min_size=4, max_size=4),
)
def test_what_a_pooled_listing_may_sell_depends_on_no_listing_beside_it(
    listings: list[tuple[int, tuple[int, ...], int]],
    two: list[ListingRule],
    which: list[int],
    free: list[int],
) -> None:
    goods = Goods({1: {1: free[0], 2: free[1]}, 2: {1: free[2], 2: free[3]}})
    standings = [
        Standing((1, place, place, ""), variant_id, locations, units, two[which[place]])
        for place, (variant_id, locations, units) in enumerate(listings)
    ]

    assert level_all(standings, goods, NOW) == [level_all([one], goods, NOW)[0] for one in standings]
