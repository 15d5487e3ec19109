"""The file of a backup: PostgreSQL's own dump, and behind it what Fairway has to know of it. Talks to no database.

The dump comes first, so that `pg_restore` reads the file as it is. The end is one line of JSON, its length in eight bytes,
and eight bytes that name the format.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from core.errors import UsageProblem
from core.flow import DecodeError, decode

MAGIC = b"FAIRWAY1"
_LENGTH = 8
_LONGEST = 1_000_000  # what is behind the dump is short
_PIECE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a backup. *taken_at*: everything committed before is in it. *lock*: opens with the right keys only
    (its ring -> sealed bytes in hex). *migrations*: name -> checksum.
    """

    taken_at: str
    migrations: Mapping[str, str]
    postgres: int
    lock: Mapping[str, str]
    counts: Mapping[str, int]

    def taken(self) -> datetime:
        return datetime.fromisoformat(self.taken_at).astimezone(UTC)


def finish(dump: Path, facts: Facts) -> tuple[int, str]:
    """Put *facts* behind the dump and have all of it on the disk; returns (size in bytes, sha256 of the dump)."""
    digest, size = _digest(dump, dump.stat().st_size)
    tail = json.dumps({**asdict(facts), "sha256": digest, "size": size}).encode()
    with dump.open("ab") as file:
        file.write(tail + len(tail).to_bytes(_LENGTH) + MAGIC)
        file.flush()
        os.fsync(file.fileno())
        return file.tell(), digest


def read(path: Path) -> Facts:
    """What is known of the backup in *path*, every byte of which was checked. Raises `UsageProblem`: not a backup, cut off,
    or changed since.
    """
    try:
        whole = path.stat().st_size
        with path.open("rb") as file:
            end = _LENGTH + len(MAGIC)
            file.seek(max(0, whole - end))
            last = file.read()
            length = int.from_bytes(last[:_LENGTH])
            if last[_LENGTH:] != MAGIC or not 0 < length <= min(_LONGEST, whole - end):
                raise UsageProblem(
                    f"{path} is no backup of Fairway, or its end is missing.",
                    fix="Copy it again from where it was made; `fairway backup` writes such files.",
                )
            file.seek(whole - end - length)
            said = decode(file.read(length))
    except (OSError, DecodeError) as error:
        raise UsageProblem(f"{path} cannot be read ({type(error).__name__}).") from None
    if not isinstance(said, dict):
        raise UsageProblem(f"{path} is no backup of Fairway.")
    digest, size = said.pop("sha256", None), said.pop("size", None)
    if size != whole - end - length or digest != _digest(path, whole - end - length)[0]:
        raise UsageProblem(
            f"{path} is not as it was written: its checksum is another one.",
            fix="Copy it again from where it was made.",
        )
    try:
        return Facts(**said)
    except TypeError:
        raise UsageProblem(f"{path} is a backup of another version of Fairway.") from None


def _digest(path: Path, size: int) -> tuple[str, int]:
    found, left = hashlib.sha256(), size
    with path.open("rb") as file:
        while left and (piece := file.read(min(_PIECE, left))):
            found.update(piece)
            left -= len(piece)
    return found.hexdigest(), size - left
