"""A rig for use cases on a real database; every test ends with the checker finding nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
from usecase_rig import Rig


@pytest.fixture
async def rig(fresh: str, make_hub: Callable[..., Any], clock: Any) -> AsyncIterator[Rig]:
    admin = await asyncpg.connect(fresh)
    made = Rig(await make_hub(), clock, admin)
    await made.open()
    yield made
    assert await made.violations() == {}
    await admin.close()
