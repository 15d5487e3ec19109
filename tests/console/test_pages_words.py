"""The words of the status pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from console.pages import words

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("health", "needs", "said"),
    [
        ([], 0, "No shop is connected yet."),
        (["active"], 0, "Your connection is healthy; nothing needs you."),
        (["active", "active"], 3, "All 2 connections are healthy; 3 things need you."),
        (["active", "failing"], 1, "1 of 2 connections is healthy; 1 thing needs you."),
        (["reauth_required"], 1, "Your connection is not healthy; 1 thing needs you."),
    ],
)
def test_the_state_is_one_sentence(health: list[str], needs: int, said: str) -> None:
    linked = [{"health": word} for word in health]

    _, sentence = words.headline(linked, needs)

    assert sentence == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (59, "59 s"), (61, "1 min"), (7300, "2 h"), (90000, "1 day"), (2e5, "2 days")],
)
def test_spans_are_said_as_a_person_says_them(seconds: float, said: str) -> None:
    assert words.span(seconds) == said


def test_what_ended_a_difference_is_said_with_its_time() -> None:
    found = {"found_at": NOW, "closed_at": NOW + timedelta(seconds=130), "healed_by": "hub"}

    ends = {
        by: words.healed({**found, "healed_by": by}) for by in ("hub", "channel", "order", "itself", "Mia")
    }

    assert ends == {
        "hub": "told again, after 2 min",
        "channel": "booked, after 2 min",
        "order": "an order explained it, after 2 min",
        "itself": "by itself, after 2 min",
        "Mia": "by Mia, after 2 min",
    }
    assert words.healed({**found, "closed_at": None}) == ""


def test_units_taken_back_from_an_order_are_said_with_the_reason() -> None:
    counted = {"kind": "count", "lowered_by": "Mia counted", "chosen_because": "it was placed later"}
    given = {"kind": "given_up", "to_order": "#7", "chosen_because": "it is worth less"}

    said = [words.shortage_cause({"connection_id": 1, "cause": cause}, {}) for cause in (counted, given)]

    assert "Mia counted" in said[0]
    assert "placed later" in said[0]
    assert "#7" in said[1]
    assert "worth less" in said[1]


@pytest.mark.parametrize("kind", ["not_pushed", "count", "channel_lag", "our_lag", "sold_ahead", None])
def test_every_cause_of_a_shortage_has_words(kind: str | None) -> None:
    row = {"connection_id": 1, "cause": {"kind": kind, "competing_connection": 2} if kind else {}}

    said = words.shortage_cause(row, {1: "Here", 2: "There"})

    assert said.endswith(".")
    assert (kind is None) == (said == "The cause was not recorded.")
