"""Whom the servers run as, and which folders are theirs. Changes nothing outside the hub's own folders."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from core.errors import FairwayError, UsageProblem


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine who is not root."""

    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """The user for the servers when we are root (PostgreSQL refuses root), None when they run as ourselves.

    `FAIRWAY_EMBEDDED_USER`, else `postgres`, else `nobody`. Raises `FairwayError` when none of them exists.
    """
    if os.geteuid() != 0:
        return None
    asked = os.environ.get("FAIRWAY_EMBEDDED_USER")
    for name in (asked,) if asked else ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid == 0:
            raise UsageProblem(f"FAIRWAY_EMBEDDED_USER={name} is root, and PostgreSQL refuses root.")
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise FairwayError(
        f"There is no user {asked or 'postgres or nobody'} here for PostgreSQL, which refuses root.",
        fix="Name one in FAIRWAY_EMBEDDED_USER.",
    )


def can_enter(directory: Path, account: Account | None) -> bool:
    """Whether *account* may go through every folder down to *directory*."""
    if account is None:
        return True
    return all(_may_enter(folder.stat(), account) for folder in (directory, *directory.parents))


def _may_enter(found: os.stat_result, account: Account) -> bool:
    if found.st_uid == account.uid:
        return bool(found.st_mode & 0o100)
    if found.st_gid == account.gid:
        return bool(found.st_mode & 0o010)
    return bool(found.st_mode & 0o001)


def own_directory(path: Path, account: Account | None) -> Path:
    """Make *path* a private folder of the servers' user."""
    path.mkdir(mode=0o700, exist_ok=True)
    path.chmod(0o700)
    if account is not None:
        os.chown(path, account.uid, account.gid)
    return path


def hub_directory(path: Path, account: Account | None) -> Path:
    """The hub's folder, made if missing: private, but for the servers' user who passes through it to his own.

    Raises `UsageProblem` when that user cannot get there, for nothing above it is ours to change.
    """
    path = path.absolute()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = path.resolve()
    if account is None or can_enter(path, account):
        return path
    if not can_enter(path.parent, account):
        raise UsageProblem(
            f"PostgreSQL runs as the user {account.name}, who cannot enter {path.parent}.",
            fix="Choose a directory that is not below a private one, such as /var/lib/fairway.",
        )
    os.chown(path, -1, account.gid)
    path.chmod(0o710)
    return path


def private_file(path: Path, content: str, account: Account | None = None) -> None:
    """Write *path* so that it is never readable by others, nor ever half written."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(
        os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(content)
        if account is not None:
            os.fchown(file.fileno(), account.uid, account.gid)
    fresh.replace(path)
