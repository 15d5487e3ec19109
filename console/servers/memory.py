"""Where servers live whose data nobody needs afterwards."""

from __future__ import annotations

import shutil
from pathlib import Path

_SHARED = Path("/dev/shm")  # noqa: S108 - what is made there has a name of its own
_ROOM = 4 * 2**30


def in_memory() -> str | None:
    """A directory in memory, if there is one with room; None where there is not. What a disk would have to be waited for
    is then only written: durable is nothing there.
    """
    return str(_SHARED) if _SHARED.is_dir() and shutil.disk_usage(_SHARED).free > _ROOM else None
