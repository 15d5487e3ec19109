"""Properties of strict quotas: whatever is lost on the way, the channels together never offer more than is free."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from core.rules.quotas import BLIND, QuotaLevel, grant, share

level_lists = st.lists(
    st.builds(
        QuotaLevel,
        key=st.just("x"),
        possible=st.integers(0, 30),
        weight=st.floats(0, 20),
        limit=st.one_of(st.none(), st.integers(0, 20)),
        minimum=st.integers(0, 4),
        units=st.integers(1, 3),
    ),
    max_size=6,
)
frees = st.integers(-5, 80)
blind_lists = st.lists(
    st.builds(
        QuotaLevel,
        key=st.just("x"),
        possible=st.integers(0, 12),
        weight=st.floats(0, 20),
        blind=st.sampled_from([0, BLIND]),
        unsure=st.integers(0, BLIND),
        shows=st.integers(0, 12),
    ),
    min_size=1,
    max_size=5,
)


@given(frees, level_lists)
def test_shares_are_of_different_units_and_within_every_limit(free: int, levels: list[QuotaLevel]) -> None:
    given_ = share(free, levels)

    assert sum(got * level.units for got, level in zip(given_, levels, strict=True)) <= max(0, free)
    for got, level in zip(given_, levels, strict=True):
        assert got >= 0
        assert level.limit is None or got <= level.limit
        assert got == 0 or got >= level.minimum


@given(frees, level_lists)
def test_no_unit_is_left_that_a_channel_could_offer(free: int, levels: list[QuotaLevel]) -> None:
    levels = [replace(level, minimum=0) for level in levels]
    given_ = share(free, levels)

    left = max(0, free) - sum(got * level.units for got, level in zip(given_, levels, strict=True))
    assert not any(
        level.units <= left and (level.limit is None or got < level.limit)
        for got, level in zip(given_, levels, strict=True)
    )


@given(st.integers(1, 5), st.lists(st.floats(0.1, 20), min_size=1, max_size=6, unique=True))
def test_where_units_are_fewer_than_channels_the_fastest_has_one(free: int, weights: list[float]) -> None:
    given_ = share(free, [QuotaLevel(place, weight=weight) for place, weight in enumerate(weights)])

    assert sum(given_) == free
    assert given_[weights.index(max(weights))] >= 1


@given(frees, level_lists)
def test_nothing_is_granted_that_another_channel_may_still_be_showing(
    free: int, levels: list[QuotaLevel]
) -> None:
    granted = grant(free, levels)

    before = sum(level.possible * level.units for level in levels)
    after = sum(max(got, level.possible) * level.units for got, level in zip(granted, levels, strict=True))
    assert after <= max(free, before)


@given(frees, level_lists)
def test_once_all_channels_have_confirmed_they_offer_no_more_than_is_free(
    free: int, levels: list[QuotaLevel]
) -> None:
    granted = grant(free, levels)

    assert sum(got * level.units for got, level in zip(granted, levels, strict=True)) <= max(0, free)
    assert all(level.limit is None or got <= level.limit for got, level in zip(granted, levels, strict=True))


@given(frees, level_lists)
def test_asking_until_nothing_moves_leaves_no_unit_unoffered(free: int, levels: list[QuotaLevel]) -> None:
    levels = [replace(level, minimum=0, units=1) for level in levels]
    for _ in range(20):
        granted = grant(free, levels)
        if granted == [level.possible for level in levels]:
            break
        levels = [replace(level, possible=got) for level, got in zip(levels, granted, strict=True)]
    else:
        raise AssertionError("quotas never come to rest")

    room = sum(max(0, free) if level.limit is None else level.limit for level in levels)
    assert sum(level.possible for level in levels) == min(max(0, free), room)


@given(frees, blind_lists)
def test_what_a_write_that_does_not_compare_may_put_back_on_sale_is_not_granted_to_anybody(
    free: int, levels: list[QuotaLevel]
) -> None:
    granted = grant(free, levels)

    raised = [level for level, got in zip(levels, granted, strict=True) if got > level.possible]
    shown = sum(max(got, level.possible) for got, level in zip(granted, levels, strict=True))
    back = sum(level.unsure for level in levels) + sum(level.blind for level in raised if level.possible)
    assert not raised or shown + back <= free


@given(st.integers(0, 60), blind_lists)
def test_once_every_order_has_come_no_more_is_held_back_than_a_write_may_put_back(
    free: int, levels: list[QuotaLevel]
) -> None:
    levels = [replace(level, shows=None) for level in levels]
    for _ in range(40):
        levels = [replace(level, unsure=0) for level in levels]
        granted = grant(free, levels)
        if granted == [level.possible for level in levels]:
            break
        levels = [replace(level, possible=got) for level, got in zip(levels, granted, strict=True)]
    else:
        raise AssertionError("quotas never come to rest")

    shown = sum(level.possible for level in levels)
    assert free - BLIND <= shown <= free


@dataclass
class Channel:
    """A channel that shows *shown*, of which the hub knows that it is at most *possible*."""

    shown: int = 0
    possible: int = 0
    desired: int = 0
    weight: float = 1.0
    under_way: list[int] = field(default_factory=list)  # writes that may still come about


steps = st.lists(
    st.tuples(
        st.sampled_from(["sell", "sell", "write", "lose", "vanish", "late", "learn", "grant", "restock"]),
        st.integers(0, 3),
        st.integers(1, 4),
    ),
    max_size=80,
)


@given(st.integers(0, 25), steps)
def test_no_unit_is_sold_twice_whatever_answers_are_lost_or_late(
    on_hand: int, played: list[tuple[str, int, int]]
) -> None:
    channels = [Channel(weight=weight) for weight in (1.0, 1.0, 3.0, 0.2)]
    owed: list[int] = []  # sales whose orders the hub has not heard of
    booked = 0

    def free() -> int:
        return on_hand - booked

    def level() -> None:
        levels = [QuotaLevel(i, c.possible, c.weight) for i, c in enumerate(channels)]
        for channel, wish in zip(channels, grant(free(), levels), strict=True):
            channel.desired = wish
            channel.possible = max(channel.possible, wish)

    level()
    for what, which, many in played:
        channel = channels[which]
        if what == "sell":
            sold = min(many, channel.shown)
            channel.shown -= sold
            owed += [which] * sold
        elif what == "write" and not owed.count(which):
            channel.shown = channel.desired  # and the answer arrives
            channel.possible = max(channel.desired, *channel.under_way, 0)
        elif what == "lose" and not owed.count(which):
            channel.shown = channel.desired  # and it is lost
        elif what == "vanish":
            channel.under_way.append(channel.desired)
        elif what == "late" and channel.under_way and not owed.count(which):
            channel.shown = channel.under_way.pop()
        elif what == "learn" and owed:
            booked += 1
            channels[owed.pop(0)].possible -= 1
            level()
        elif what == "grant":
            level()
        elif what == "restock":
            on_hand += many
            level()
        assert sum(c.possible for c in channels) <= max(free(), 0)
        assert all(c.shown + owed.count(i) <= c.possible for i, c in enumerate(channels))
    assert booked + len(owed) <= on_hand
