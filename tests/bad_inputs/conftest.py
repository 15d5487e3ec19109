"""Lets these tests use the conversations of the conformance kit, which lies beside them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "tck"))
pytest.register_assert_rewrite("conformance")
