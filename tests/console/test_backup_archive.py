"""The file of a backup is read whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.backup.archive import Facts, finish, read
from core.errors import UsageProblem

FACTS = Facts("2026-11-24T12:00:00+00:00", {"0001_initial.sql": "abc"}, 18, {"inbound": "00"}, {"orders": 2})
DUMP = b"PGDMP" + bytes(range(256)) * 20


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("backup") / "hub.backup"
    path.write_bytes(DUMP)
    finish(path, FACTS)
    return path.read_bytes()


def test_what_was_written_is_read_and_the_dump_comes_first(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "hub.backup"
    path.write_bytes(whole)

    assert read(path) == FACTS
    assert whole.startswith(DUMP)


@given(data=st.data())
def test_a_file_that_is_cut_off_is_refused(
    data: st.DataObject, whole: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("cut") / "hub.backup"
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])

    with pytest.raises(UsageProblem):
        read(path)


@given(data=st.data())
def test_a_file_of_which_one_byte_is_another_is_refused(
    data: st.DataObject, whole: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    at = data.draw(st.integers(0, len(DUMP) - 1))
    changed = bytearray(whole)
    changed[at] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("changed") / "hub.backup"
    path.write_bytes(changed)

    with pytest.raises(UsageProblem, match="checksum"):
        read(path)


@pytest.mark.parametrize(
    "text", [b"", b"PGDMP", b"FAIRWAY1", b"x" * 5000, b"\0" * 30 + b"FAIRWAY1", b"{}" * 9]
)
def test_any_other_file_is_refused(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_bytes(text)

    with pytest.raises(UsageProblem):
        read(path)
