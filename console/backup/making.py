"""Makes a backup, and puts one back into an empty database so that nothing is told twice afterwards."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg

from console.backup import archive, programs
from console.backup.archive import Facts
from core.clock import Clock
from core.errors import FairwayError, UsageProblem
from core.sealing import Keyring, SealBroken, associated
from core.store import backups, restores, runs
from core.store.database import Database
from core.store.migrate import make_roles, migrate, migrations

Rings = Mapping[str, Keyring]  # "inbound", "outbound"
_LOCK = b"fairway backup"


async def make_backup(admin_url: str, target: Path, rings: Rings) -> dict[str, Any]:
    """Write the database of *admin_url* to *target*, which is there whole or not at all.

    Raises `UsageProblem` when *target* is there already, or the database is none of ours; `FairwayError`.
    """
    async with _admin(admin_url) as admin:
        found = await backups.contents(admin)
    facts = Facts(
        taken_at=found.at.isoformat(),
        migrations=found.migrations,
        postgres=found.postgres,
        lock={name: ring.seal(_LOCK, associated("backup", name)).hex() for name, ring in rings.items()},
        counts={"merchants": found.merchants, "orders": found.orders},
    )
    with _whole(target) as partial:
        await programs.dump(admin_url, partial)
        size, digest = archive.finish(partial, facts)
    return {"file": str(target), "bytes": size, "sha256": digest, "taken_at": facts.taken_at, **facts.counts}


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """A file to write, readable by us alone, that becomes *target* when the block ends well."""
    partial = target.with_name(f".{target.name}.partial")
    try:
        if target.exists():
            raise FileExistsError
        partial.touch(mode=0o600)
        yield partial
        os.link(partial, target)  # unlike a rename it replaces nothing that came meanwhile
    except FileExistsError:
        raise UsageProblem(
            f"{target} is there already.", fix="Name another file: no backup is written over."
        ) from None
    except OSError as error:
        raise UsageProblem(f"{target} cannot be written: {error.strerror}.") from None
    finally:
        partial.unlink(missing_ok=True)


async def restore_backup(
    admin_url: str,
    source: Path,
    rings: Rings,
    passwords: Mapping[str, str] | None = None,
    *,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Put the backup *source* into the empty database of *admin_url* and mark what may have happened since.

    No serving role can connect before all of that is committed. *clock* is the one the hub will go by: the database's, where
    none is given. Raises `UsageProblem`, having touched nothing, for a file that is no whole backup, keys that do not
    open it, another schema than ours, a database that is not empty; `FairwayError` when PostgreSQL refuses.
    """
    facts = archive.read(source)
    _check_keys(facts, rings)
    _check_schema(facts, source)
    async with _admin(admin_url) as admin:
        await backups.insist_on_all(admin)
        await backups.insist_on_empty(admin)
        await make_roles(admin, passwords or {})
        await backups.shut(admin)
    await programs.restore(admin_url, source)
    migrated = await migrate(admin_url, passwords)
    database = await Database.connect(admin_url, size=1, application="fairway-restore", admin=True)
    try:
        async with database.transaction([]) as tx:
            merchants = await backups.declare_all(tx)
            now = (clock or database.clock)()
            doubted = await restores.doubt(tx, merchants, now)
            detail = {"taken_at": facts.taken_at, **doubted}
            await runs.record(tx, 0, "restore", now, now, detail=detail)
            await backups.open_again(tx)
    finally:
        await database.close()
    return {
        "file": str(source),
        "taken_at": facts.taken_at,
        **facts.counts,
        "migrated": migrated,
        "doubted": doubted,
    }


@asynccontextmanager
async def _admin(url: str) -> AsyncIterator[backups.Admin]:
    try:
        admin = await asyncpg.connect(url)
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        raise FairwayError(
            f"PostgreSQL does not answer ({type(error).__name__}).",
            fix="Is it running, and is DATABASE_URL its owner's?",
        ) from error
    try:
        yield admin
    finally:
        await admin.close()


def _check_keys(facts: Facts, rings: Rings) -> None:
    for name, sealed in facts.lock.items():
        ring = rings.get(name)
        try:
            fits = ring is not None and ring.open(bytes.fromhex(sealed), associated("backup", name)) == _LOCK
        except (SealBroken, ValueError, IndexError):
            fits = False
        if not fits:
            raise UsageProblem(
                f"The {name} keys here do not open what is in this backup.",
                fix="A backup holds no keys. Put back those that were kept with it: secrets.json of the hub's"
                f" directory, or FAIRWAY_{name.upper()}_KEYS.",
            )


def _check_schema(facts: Facts, source: Path) -> None:
    ours = {one.name: one.checksum for one in migrations()}
    strange = [name for name, checksum in facts.migrations.items() if ours.get(name) != checksum]
    if strange:
        raise UsageProblem(
            f"{source} is of another version of Fairway: {strange[0]} is not known here.",
            fix="Restore it with the version that made it, or a newer one.",
        )
