"""A private folder for sockets whose path the kernel accepts. Opens none."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from console.servers.account import Account, own_directory

LONGEST = 103  # bytes of a socket's path on macOS; Linux takes 107
LONGEST_NAME = "/.s.PGSQL.5432"


def socket_directory(directory: Path, account: Account | None) -> Path:
    """`run` in *directory*, or where that path is too long, a folder as private in the temporary one."""
    inside = directory / "run"
    if _fits(inside):
        return own_directory(inside, account)
    # Named after the directory, so that one that a crash left behind is used again.
    name = f"fairway-{hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]}"
    short = next(path for top in (tempfile.gettempdir(), "/tmp") if _fits(path := Path(top, name)))  # noqa: S108
    if short.is_symlink() or (short.exists() and not _ours(short, account)):
        short = Path(tempfile.mkdtemp(prefix="fairway-", dir=short.parent))
    return own_directory(short, account)


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) + len(LONGEST_NAME) <= LONGEST


def _ours(path: Path, account: Account | None) -> bool:
    found = path.stat()
    owners = {os.geteuid(), account.uid if account else os.geteuid()}
    return stat.S_ISDIR(found.st_mode) and found.st_uid in owners and stat.S_IMODE(found.st_mode) == 0o700
