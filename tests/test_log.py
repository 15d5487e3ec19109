"""The log: texts that cannot harm a terminal, a line or a database, and lines that are kept for whom they belong to."""

from __future__ import annotations

import asyncio
import io
import logging
import sys
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.flow import decode
from core.log import clean, get_log, keep_lines, kept_lines, set_up_logging

log = get_log("test")


@given(st.text() | st.text(st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp"])))
def test_a_text_becomes_one_line_that_can_be_encoded(text: str) -> None:
    harmless = clean(text)

    assert "\n" not in harmless
    assert "\x00" not in harmless
    assert "\x1b" not in harmless
    assert harmless.encode().decode() == harmless
    assert clean(harmless) == harmless


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5)
)
def test_every_value_can_be_written_as_json(value: Any) -> None:
    written = orjson.dumps(clean(value))

    assert written != b"null" or value is None


def test_numbers_and_truths_stay_what_they_are() -> None:
    assert [clean(value) for value in (7, 2.5, True, None)] == [7, 2.5, True, None]
    assert clean(1 << 70) == str(1 << 70)


def test_of_an_exception_only_type_and_place_are_kept() -> None:
    with keep_lines() as said:
        try:
            raise ValueError("the secret")
        except ValueError:
            log.exception("it failed", extra={"fields": {"order": 7}})

    [line] = said
    assert (line.level, line.message) == ("error", "it failed")
    assert line.fields["order"] == 7
    assert line.fields["error"] == "ValueError"
    assert line.fields["where"].startswith("test_log.py:")
    assert "the secret" not in str(line)


def test_a_block_within_a_block_keeps_for_itself() -> None:
    with keep_lines() as outer:
        log.info("one")
        with keep_lines() as inner:
            log.info("two")
        log.info("three")

    assert [line.message for line in outer] == ["one", "three"]
    assert [line.message for line in inner] == ["two"]


def test_outside_of_a_block_nothing_is_kept() -> None:
    with keep_lines() as said:
        pass
    log.info("after")

    assert said == []
    assert kept_lines() == []


async def test_tasks_started_in_a_block_share_its_list_and_others_do_not() -> None:
    async def keeps(name: str) -> list[str]:
        async def part(number: int) -> None:
            await asyncio.sleep(0)
            log.info("%s %s", name, number)

        with keep_lines() as said:
            await asyncio.gather(part(1), part(2))
        return [line.message for line in said]

    assert await asyncio.gather(keeps("a"), keeps("b")) == [["a 1", "a 2"], ["b 1", "b 2"]]


def test_libraries_are_not_kept() -> None:
    with keep_lines() as said:
        logging.getLogger("asyncpg").warning("theirs")
        log.debug("too small")
        log.warning("ours")

    assert [line.message for line in said] == ["ours"]


def test_standard_error_gets_one_json_object_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    before = root.handlers[:]
    levels = {
        name: logging.getLogger(name).level
        for name in (None, "arq", "aiohttp.access", "aiohttp.server", "asyncio")
    }
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    set_up_logging()
    try:
        log.warning("two\nlines", extra={"fields": {"count": 2, "text": "\x1b[2J", "big": 1 << 80}})
    finally:
        root.handlers[:] = before
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)

    [line] = stderr.getvalue().splitlines()
    told: Any = decode(line.encode())
    assert (told["level"], told["logger"], told["message"]) == ("warning", "fairway.test", "two\\x0alines")
    assert (told["count"], told["text"], told["big"]) == (2, "\\x1b[2J", str(1 << 80))
