"""Answers of channels that are none, or are about something else, at every call of every conversation there is.

The numbers are those of our list of bad inputs.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest
from answers_rig import Step, Talks, steps, told, unknown
from conformance.conversations import conversations
from conformance.kits import KITS

from core.errors import ChannelError, ErrorCode, Recovery
from core.flow import Response, decode, encode

NO_JSON = {
    "a page": b"<!DOCTYPE html><html><title>Log in</title></html>",
    "nothing": b"",
    "null": b"null",
    "a text": b'"ok"',
    "a number": b"1",
    "a deep list": b"[" * 100_000,
    "bytes": bytes(range(256)),
}
OTHER_JSON = {"a list": b"[]", "an object": b"{}", "no data": b'{"data":null}', "a list of null": b"[null]"}
EFFECTS = ("push_stock", "push_fulfillment", "push_tracking", "create_tracker")

each_channel = pytest.mark.parametrize("channel", KITS)


@pytest.fixture(scope="module")
async def talks() -> Talks:
    """Every conversation with every simulated account, as it goes when nothing is wrong."""
    return {channel: await conversations(kit) for channel, kit in KITS.items()}


def writes_after(asked: list[Any]) -> int:
    return sum(not request.reads for request in asked[1:])


@each_channel
async def test_108_an_answer_that_is_no_json_is_an_error_and_after_a_write_unknown(
    channel: str, talks: Talks
) -> None:
    for step in steps(channel, talks):
        cut = {"cut off": step.answer.body[:-2]}
        for name, body in {**NO_JSON, **cut}.items():
            end, asked = step.answered(Response(200, {"content-type": "text/html"}, body))

            assert unknown(end), f"{step} was answered {name}: {end!r}"
            assert writes_after(asked) == 0, f"{step} was answered {name} and went on"


@each_channel
async def test_108_an_effect_that_is_answered_with_other_json_is_unknown(channel: str, talks: Talks) -> None:
    for step in steps(channel, talks):
        if step.request.reads or step.talk.name not in EFFECTS:
            continue
        for name, body in OTHER_JSON.items():
            end, _ = step.answered(Response(200, {"content-type": "application/json"}, body))

            assert unknown(end), f"{step} was answered with {name}: {end!r}"


@each_channel
async def test_108_an_answer_with_any_value_of_another_kind_breaks_no_flow(
    channel: str, talks: Talks
) -> None:
    chance = random.Random(108)
    for step in steps(channel, talks):
        good = decode(step.answer.body)
        places = list(_places(good))
        for place in chance.sample(places, min(40, len(places))) + _ids(places):
            for value in (None, [], {}, "x", 7):
                step.answered(
                    Response(step.answer.status, step.answer.headers, encode(_with(good, place, value)))
                )


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in steps:
        yield (*path, step)
        yield from _places(item, (*path, step))


def _ids(places: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [place for place in places if place[-1] == "id" and len(place) <= 4]


def _with(value: Any, place: tuple[Any, ...], other: Any) -> Any:
    changed = copy.deepcopy(value)
    where = changed
    for step in place[:-1]:
        where = where[step]
    where[place[-1]] = other
    return changed


def _graphql(step: Step, **changes: Any) -> Response:
    return Response(200, step.answer.headers, encode({**decode(step.answer.body), **changes}))


async def test_109_throttled_waits_for_the_bucket_and_counts_as_no_attempt(talks: Talks) -> None:
    status = {"maximumAvailable": 2000, "currentlyAvailable": 20, "restoreRate": 100}
    for step in steps("shopify", talks):
        throttled = _graphql(
            step,
            data=None,
            errors=[{"message": "Throttled", "extensions": {"code": "THROTTLED"}}],
            extensions={"cost": {"requestedQueryCost": 720, "throttleStatus": status}},
        )

        error = KITS["shopify"].connector.classify(throttled)
        end, asked = step.answered(throttled)

        assert error is not None
        assert (error.code, error.retry_after_s) == (ErrorCode.RATE_LIMITED, 7.0)
        assert told(end) == [ErrorCode.RATE_LIMITED], step
        assert all(ChannelError(code).recovery is Recovery.WAIT for code in told(end))
        assert writes_after(asked) == 0, step


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("ACCESS_DENIED", ErrorCode.FORBIDDEN),
        ("INTERNAL_SERVER_ERROR", ErrorCode.UNAVAILABLE),
        ("MAX_COST_EXCEEDED", ErrorCode.REJECTED),
        ("A_NEW_WORD", ErrorCode.REJECTED),
    ],
)
async def test_109_data_that_comes_with_errors_is_not_believed(
    word: str, code: ErrorCode, talks: Talks
) -> None:
    for step in steps("shopify", talks):
        partial = _graphql(step, errors=[{"message": "No.", "path": ["x"], "extensions": {"code": word}}])

        end, _ = step.answered(partial)

        assert set(told(end)) == {code}, step


async def test_109_user_errors_refuse_an_effect_whatever_else_is_told(talks: Talks) -> None:
    tried = 0
    for step in steps("shopify", talks):
        if step.request.reads or step.talk.name not in EFFECTS:
            continue
        [(mutation, payload)] = decode(step.answer.body)["data"].items()
        refused = {**payload, "userErrors": [{"field": None, "message": "No.", "code": "NOT_TODAY"}]}

        end, _ = step.answered(_graphql(step, data={mutation: refused}), then=step.talk.asked[0].answer)

        assert told(end) == [ErrorCode.REJECTED], step
        tried += 1
    assert tried >= 2


@each_channel
async def test_110_a_redirect_is_an_unknown_outcome_and_asks_nothing_more(channel: str, talks: Talks) -> None:
    for step in steps(channel, talks):
        for status in (301, 302, 303, 307, 308):
            for target in (
                "https://evil.example/",
                "http://169.254.169.254/latest/meta-data",
                "/wp-login.php",
            ):
                end, asked = step.answered(Response(status, {"location": target}, b""))

                assert unknown(end), (str(step), status)
                assert len(asked) == 1, (str(step), status)


@each_channel
async def test_114_no_answer_or_a_broken_gateway_is_an_unknown_outcome(channel: str, talks: Talks) -> None:
    for step in steps(channel, talks):
        for answer in (ErrorCode.TIMEOUT, Response(502, {}, NO_JSON["a page"]), Response(504, {}, b"")):
            end, asked = step.answered(answer)

            assert unknown(end), (str(step), answer)
            assert writes_after(asked) == 0, (str(step), answer)


@each_channel
async def test_112_refused_credentials_are_told_as_such_at_every_call(channel: str, talks: Talks) -> None:
    for step in steps(channel, talks):
        end, asked = step.answered(Response(401, {"www-authenticate": "Basic"}, b"{}"))

        assert told(end) == [ErrorCode.UNAUTHORIZED], step
        assert ChannelError(told(end)[0]).recovery is Recovery.REAUTHORIZE
        assert len(asked) == 1, step
