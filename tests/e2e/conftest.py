"""What end-to-end tests with servers of their own share."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def own_directory() -> Iterator[Path]:
    """A directory with a short name: a socket's path has about a hundred characters at most."""
    directory = Path(tempfile.mkdtemp(prefix="fairway-bell-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)
