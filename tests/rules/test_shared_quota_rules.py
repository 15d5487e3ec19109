"""Properties of quotas where listings share only part of their units: kits, components, several shelves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.rules.quotas import QuotaLevel, grant, share
from core.rules.shared_quotas import Draw, Pool, grant_pools, share_pools

frees = st.integers(-3, 30)
level_lists = st.lists(
    st.builds(
        QuotaLevel,
        key=st.just("x"),
        possible=st.integers(0, 12),
        weight=st.sampled_from([0.5, 1.0, 1.0, 3.0]),
        limit=st.one_of(st.none(), st.integers(0, 20)),
        minimum=st.integers(0, 3),
        units=st.integers(1, 2),
    ),
    min_size=3,
    max_size=3,
)


def shelves_of_two(one: int, two: int) -> list[Pool]:
    """The first channel sells from both shelves, the others from one each."""
    return [
        Pool(one + two, (Draw((0, 1, 2)),), asked_by=(0,)),
        Pool(one, (Draw((0, 1)),), asked_by=(1,)),
        Pool(two, (Draw((0, 2)),), asked_by=(2,)),
    ]


def kit_of_two(left: int, right: int, ready: int, each: int) -> list[Pool]:
    """The first listing is a kit of one left and *each* right parts, the others sell the parts."""
    return [
        Pool(left, (Draw((0,), 1, ready), Draw((1,))), asked_by=(0, 1)),
        Pool(right, (Draw((0,), each, ready), Draw((2,))), asked_by=(0, 2)),
    ]


@st.composite
def pool_lists(draw: st.DrawFn) -> list[Pool]:
    if draw(st.booleans()):
        return shelves_of_two(draw(frees), draw(frees))
    return kit_of_two(draw(frees), draw(frees), draw(st.integers(0, 4)), draw(st.integers(1, 3)))


def fits(pools: list[Pool], levels: list[QuotaLevel], shown: list[int]) -> bool:
    return all(pool.holds(shown, levels) for pool in pools)


@given(pool_lists(), level_lists)
def test_shares_fit_into_every_pool_and_within_every_limit(
    pools: list[Pool], levels: list[QuotaLevel]
) -> None:
    shares = share_pools(pools, levels)

    assert fits(pools, levels, shares)
    for got, level in zip(shares, levels, strict=True):
        assert got == 0 or got >= level.minimum
        assert level.limit is None or got <= level.limit


@given(pool_lists(), level_lists)
def test_nothing_is_granted_that_another_listing_may_still_be_showing(
    pools: list[Pool], levels: list[QuotaLevel]
) -> None:
    granted = grant_pools(pools, levels)

    before = [level.possible for level in levels]
    after = [max(got, level.possible) for got, level in zip(granted, levels, strict=True)]
    assert after == before or fits(pools, levels, after)
    assert fits(pools, levels, granted)


@given(frees, level_lists)
def test_one_pool_is_shared_as_it_is_without_pools(free: int, levels: list[QuotaLevel]) -> None:
    pool = [Pool(free, (Draw((0, 1, 2)),), asked_by=(0, 1, 2))]

    alone, pooled = share(free, levels), share_pools(pool, levels)

    assert abs(sum(a * level.units for a, level in zip(alone, levels, strict=True)) - sum(
        p * level.units for p, level in zip(pooled, levels, strict=True)
    )) <= 1  # fmt: skip
    assert (shown(grant(free, levels), levels) == 0) == (shown(grant_pools(pool, levels), levels) == 0)


def shown(granted: list[int], levels: list[QuotaLevel]) -> int:
    """What is on sale until everybody has confirmed what was *granted*."""
    return sum(max(got, level.possible) for got, level in zip(granted, levels, strict=True))


@given(st.integers(0, 20), st.integers(0, 20), st.permutations([0, 1, 2]), st.booleans())
def test_whichever_shelf_an_order_is_served_from_nobody_comes_away_empty(
    one: int, two: int, order: list[int], other_first: bool
) -> None:
    levels = [QuotaLevel(place) for place in range(3)]
    shares = share_pools(shelves_of_two(one, two), levels)
    shelf = {1: one, 2: two}
    reach = {0: (2, 1) if other_first else (1, 2), 1: (1,), 2: (2,)}

    for place in order:
        for _ in range(shares[place]):
            there = [location for location in reach[place] if shelf[location] > 0]
            assert there
            shelf[there[0]] -= 1


@given(
    st.integers(0, 20), st.integers(0, 20), st.integers(0, 4), st.integers(1, 3), st.permutations([0, 1, 2])
)
def test_whoever_sells_first_a_kit_never_lacks_a_component(
    left: int, right: int, ready: int, each: int, order: list[int]
) -> None:
    levels = [QuotaLevel(place) for place in range(3)]
    shares = share_pools(kit_of_two(left, right, ready, each), levels)

    for place in order:
        for _ in range(shares[place]):
            if place == 0 and ready:
                ready -= 1
            else:
                left -= place in (0, 1)
                right -= each if place == 0 else int(place == 2)
            assert left >= 0
            assert right >= 0


def test_a_shelf_with_one_unit_does_not_keep_another_channel_from_a_hundred() -> None:
    levels = [QuotaLevel("both"), QuotaLevel("one"), QuotaLevel("two", limit=0)]

    assert share_pools(shelves_of_two(1, 100), levels) == [101, 0, 0]
