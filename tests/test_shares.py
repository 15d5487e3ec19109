"""Queues: which one a merchant's work waits in, and what a worker's share of them is."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.sealing import Keyring
from core.settings import MOST_QUEUES, read_settings
from core.shares import Share, queue_of

ENVIRONMENT = {
    "DATABASE_URL": "postgresql://nobody@/needed",
    "FAIRWAY_INBOUND_KEYS": Keyring.generate("of-tests"),
}


@given(st.integers(0, 2**63 - 1), st.integers(1, MOST_QUEUES))
def test_every_merchant_has_one_of_the_queues(merchant_id: int, queues: int) -> None:
    assert 0 <= queue_of(merchant_id, queues) < queues


@pytest.mark.parametrize("stride", [1, 2, 3, 16, 1000])
@pytest.mark.parametrize("queues", [2, 3, 4, 16])
def test_merchants_are_spread_evenly_whatever_steps_their_numbers_come_in(stride: int, queues: int) -> None:
    counts = Counter(queue_of(number * stride, queues) for number in range(1, 1601))

    assert max(counts.values()) <= 1.2 * 1600 / queues
    assert min(counts.values()) >= 0.8 * 1600 / queues


@pytest.mark.parametrize(
    ("said", "share"),
    [
        ({}, Share()),
        ({"FAIRWAY_QUEUES": "3"}, Share(3, (0, 1, 2))),
        ({"FAIRWAY_QUEUES": "3", "FAIRWAY_SERVES": "2, 0,2"}, Share(3, (0, 2))),
    ],
)
def test_a_process_is_told_by_its_environment_which_queues_it_serves(
    said: dict[str, str], share: Share
) -> None:
    assert read_settings({**ENVIRONMENT, **said}).share == share
    assert share.whole is ("FAIRWAY_SERVES" not in said)
