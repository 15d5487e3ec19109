"""With --distributed PostgreSQL takes transactions back (SQLSTATE 40001), once in each call that says it is done again.

Covered are the calls of a worker, which the rig repeats as a worker's next look does (`run_due` in its claim only: what it
has claimed is held until its lease ends), what is decorated with `core.store.database.again`, and the batches of the edge,
which the hub repeats by itself. Not covered: what reads for a person, and transactions outside of such a call.
"""

from __future__ import annotations

import functools
import os
import sys
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import asyncpg

from core.store.database import Connection, Database
from core.usecases.accept_delivery import Intake
from jobs import work

# What `jobs.work` calls of the use cases, whenever it looks.
OF_WORKERS = (
    *("drain", "run_due", "relevel", "settle_unmapped", "expire_rules", "take_back_found", "fill_shortages"),
    *("settle_incidents", "tally_sales", "hold_back", "measure", "sweep"),
)
ROOT = Path(__file__).resolve().parents[1]
FIRST_ONLY = {"run_due", "_commit"}
REACH = 3  # one of the first three transactions of a call is taken back; most have no more
TAKE_BACK = "DO $$ BEGIN RAISE EXCEPTION 'taken back by the profile' USING ERRCODE = '40001'; END $$"


@dataclass(slots=True)
class _Call:
    left: int  # transactions before the one that is taken back
    struck: bool = False

    def due(self) -> bool:
        self.left -= 1
        self.struck = self.struck or self.left < 0
        return self.left == -1


left_alone = False  # the test that runs counts what is done, or plays such an error itself
struck = Counter[str]()  # by the name of what was called
_call: ContextVar[_Call | None] = ContextVar("call", default=None)

Work = Callable[..., Awaitable[Any]]


def take_back_once_each() -> None:
    """From now on; call it when the modules that call use cases are imported."""
    Database.transaction = _transaction(Database.transaction)  # type: ignore[method-assign]
    Database.session = _session(Database.session)  # type: ignore[method-assign]
    Intake._commit = _once(Intake._commit)  # type: ignore[method-assign]
    ours = [module for module in sys.modules.values() if _is_ours(getattr(module, "__file__", None) or "")]
    promised = {getattr(work, name): _once(getattr(work, name), repeats=True) for name in OF_WORKERS}
    promised |= {
        called: _once(called) for module in ours for called in vars(module).values() if _is_again(called)
    }
    for module in ours:
        for name, value in list(vars(module).items()):
            if iscoroutinefunction(value) and value in promised:
                setattr(module, name, promised[value])


def _is_ours(file: str) -> bool:
    return file.startswith(f"{ROOT}/") and "/.venv/" not in file


def _is_again(value: object) -> bool:
    return iscoroutinefunction(value) and value.__code__.co_qualname == "again.<locals>.done"


def _once(called: Work, *, repeats: bool = False) -> Work:
    """*called*, of which one transaction is taken back: which one differs from test to test. *repeats*: as a worker does, to
    whom it is due at the next look.
    """

    @functools.wraps(called)
    async def calling(*args: Any, **kwargs: Any) -> Any:
        if left_alone:
            return await called(*args, **kwargs)
        test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
        reach = 1 if called.__name__ in FIRST_ONLY else REACH
        call = _Call(zlib.crc32(f"{test} {called.__name__}".encode()) % reach)
        token = _call.set(call)
        try:
            with suppress(*((asyncpg.SerializationError,) if repeats else ())):
                return await called(*args, **kwargs)
            return await called(*args, **kwargs)
        finally:
            _call.reset(token)
            struck[called.__name__] += call.struck

    return calling


def _transaction(really: Any) -> Any:
    @asynccontextmanager
    async def transaction(self: Database, merchants: Iterable[int]) -> AsyncIterator[Connection]:
        async with really(self, merchants) as tx:
            yield tx
            await _strike(tx)  # at the end, as a commit would say it

    return transaction


def _session(really: Any) -> Any:
    @asynccontextmanager
    async def session(self: Database) -> AsyncIterator[Connection]:
        async with really(self) as connection:
            await _strike(connection)
            yield connection

    return session


async def _strike(connection: Connection) -> None:
    call = _call.get()
    if call is not None and call.due():
        await connection.execute(TAKE_BACK)
