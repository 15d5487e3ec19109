"""Where servers live whose data nobody needs afterwards."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SHARED = Path("/dev/shm")  # noqa: S108 - what is made there has a name of its own
_ROOM = 4 * 2**30


@contextmanager
def throwaway(prefix: str) -> Iterator[Path]:
    """An empty directory, in memory if there is room, and gone at the end: what a disk would have to be waited for is
    then only written. Durable is nothing there.
    """
    roomy = _SHARED.is_dir() and shutil.disk_usage(_SHARED).free > _ROOM
    with tempfile.TemporaryDirectory(
        prefix=prefix, dir=_SHARED if roomy else None, ignore_cleanup_errors=True
    ) as directory:
        Path(directory).chmod(0o711)  # as root, PostgreSQL runs as another user
        yield Path(directory)
