"""The PostgreSQL that comes along: set up once, set for a small machine. Makes no roles and no tables."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from console.servers.account import Account, own_directory, private_file
from console.servers.binaries import find_postgres
from console.servers.keeper import Keeper
from console.servers.process import Log, Program, claimed, last_words, spawn
from core.errors import FairwayError

ADMIN = "postgres"
DATABASE = "fairway"
READY_LINE = 7  # of postmaster.pid, where the server says in which state it is; pg_ctl reads the same

# For two cores and a few gigabytes. What costs an acknowledged row is not for sale.
SETTINGS = {
    "listen_addresses": "",
    "port": "5432",  # names the socket's file
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # With a million orders stored pglz took 90 us of each, for pages written again after a checkpoint; the log is an eighth
    # longer without.
    "wal_compression": "off",
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",  # segments are used again, not made anew, between bursts
    "checkpoint_timeout": "10min",
    "autovacuum_naptime": "15s",  # the queue tables are small and churn
    "jit": "off",  # compiling costs more than any statement of ours
    "password_encryption": "scram-sha-256",
    "lc_messages": "C",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
}


@dataclass(frozen=True, slots=True)
class Site:
    """Where one server keeps what, and what runs it."""

    directory: Path
    binaries: Path
    major: int
    sockets: Path
    account: Account | None

    @property
    def data(self) -> Path:
        return self.directory / "data"


def postgres(
    directory: Path,
    sockets: Path,
    account: Account | None,
    log: Log,
    before: Sequence[str] = (),
) -> tuple[str, Keeper]:
    """A keeper for the server in *directory*/postgres, and its URL for the administrator.

    Sets the data up when there is none. Raises `FairwayError` when no program is found, when it fails, or
    when the data is another major version's.
    """
    binaries, major = find_postgres(account)
    site = Site(own_directory(directory / "postgres", account), binaries, major, sockets, account)
    password_file = directory / "postgres.password"
    program = program_at(site, before)
    if not site.data.exists():
        log(f"setting up PostgreSQL {major} in {site.directory}")
        private_file(password_file, secrets.token_urlsafe(24))
        _set_up(site, program, password_file.read_text("ascii"), log)
    _check(site, password_file)
    return url_at(site, password_file.read_text("ascii")), Keeper(program, log)


def program_at(site: Site, before: Sequence[str] = ()) -> Program:
    """The server of *site*; *before* are words of a program that becomes it."""
    return Program(
        name="PostgreSQL",
        command=[*before, *_command(site)],
        directory=site.directory,
        account=site.account,
        farewell=signal.SIGINT,  # the "fast" shutdown: clients are sent away, a checkpoint is written
        answers=lambda pid: _is_ready(site.data, pid),
        tidy=lambda: _forget(site),
    )


def url_at(site: Site, password: str) -> str:
    """The administrator's URL of the server of *site*."""
    return f"postgresql://{ADMIN}:{password}@/{DATABASE}?host={quote(str(site.sockets))}&port=5432"


def _command(site: Site) -> list[str]:
    settings = SETTINGS | {"unix_socket_directories": f'"{site.sockets}"'}
    if asked := os.environ.get("FAIRWAY_SHARED_BUFFERS"):
        settings["shared_buffers"] = asked
    words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return [str(site.binaries / "postgres"), "-D", str(site.data), *words]


def _forget(site: Site) -> None:
    """Remove a dead server's notes: their process number may be alive by now, as something else."""
    for note in (site.data / "postmaster.pid", site.sockets / ".s.PGSQL.5432.lock"):
        note.unlink(missing_ok=True)


def _is_ready(data: Path, pid: int) -> bool:
    try:
        lines = (data / "postmaster.pid").read_text("utf-8").splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > READY_LINE and lines[0] == str(pid) and lines[READY_LINE].strip() == "ready"


def _check(site: Site, password_file: Path) -> None:
    stored = (site.data / "PG_VERSION").read_text("ascii").strip()
    if stored != str(site.major):
        raise FairwayError(
            f"The data in {site.data} is PostgreSQL {stored}'s, and the program here is {site.major}.",
            fix=f"Name version {stored} in FAIRWAY_POSTGRES_BIN, and move the data with pg_dump.",
        )
    if not password_file.exists():
        raise FairwayError(
            f"{password_file} is gone, and with it the password of the data beside it.",
            fix="Put it back from a backup.",
        )


def _set_up(site: Site, program: Program, password: str, log: Log) -> None:
    """Make the data under another name first: what was interrupted is never taken for data."""
    unfinished = site.directory / "data.new"
    password_file = site.directory / "password.new"
    private_file(password_file, password, site.account)
    initdb = [
        *(str(site.binaries / "initdb"), f"--pgdata={unfinished}", f"--username={ADMIN}", "--encoding=UTF8"),
        *("--auth=scram-sha-256", f"--pwfile={password_file}", "--data-checksums", "--no-instructions"),
    ]
    # The same order of texts on every machine and after every upgrade of it.
    builtin = ["--locale-provider=builtin", "--locale=C.UTF-8"]
    locales = [builtin] if site.major >= 17 else [["--locale=C.UTF-8"], ["--locale=C"]]
    with claimed(program, log) as claim:
        for locale in locales:
            shutil.rmtree(unfinished, ignore_errors=True)
            if done(program, claim, [*initdb, *locale]):
                break
        else:
            raise FairwayError(f"PostgreSQL cannot be set up: {last_words(program.log_file)}")
        single = [
            str(site.binaries / "postgres"),
            "--single",
            "-D",
            str(unfinished),
            "-c",
            "exit_on_error=on",
            ADMIN,
        ]
        if not done(program, claim, single, f"CREATE DATABASE {DATABASE} TEMPLATE template0\n"):
            raise FairwayError(f"The database cannot be made: {last_words(program.log_file)}")
        unfinished.rename(site.data)
    password_file.unlink()


def done(program: Program, claim: int, command: list[str], text: str = "") -> bool:
    """Run *command* as *program*'s user, with *text* on standard input, to its end; whether that was a good one."""
    stdin = subprocess.PIPE if text else subprocess.DEVNULL
    process = spawn(replace(program, command=command), claim, signal_at_end=signal.SIGKILL, stdin=stdin)
    process.communicate(text.encode() or None)
    return process.returncode == 0
