"""A streaming replica of a PostgreSQL of ours, made and promoted with PostgreSQL's own programs. Decides nothing."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from console.servers.account import own_directory, private_file, server_account
from console.servers.binaries import find_postgres
from console.servers.keeper import Keeper
from console.servers.postgres import ADMIN, Site, done, program_at, url_at
from console.servers.process import Log, Program, claimed, last_words
from console.servers.sockets import socket_directory
from core.errors import FairwayError


@dataclass(frozen=True, slots=True)
class Node:
    """One PostgreSQL that runs: *url* is its administrator's, *data* its folder, *program* how it is run."""

    url: str
    data: Path
    sockets: Path
    binaries: Path
    program: Program
    keeper: Keeper

    @property
    def socket(self) -> str:
        """Where it listens."""
        return f"{self.sockets}/.s.PGSQL.5432"

    def wait_for(self, standby: str) -> None:
        """From now on a commit is answered only once *standby*, by its name, has written it to its disk."""
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(f"synchronous_standby_names = '{standby}'\n")
        self.keeper.send(signal.SIGHUP)

    def promote(self) -> None:
        """Make the replica a server that takes writes, and wait until it does (`pg_ctl promote`); raises `FairwayError`."""
        words = ["promote", "--wait", f"--pgdata={self.data}"]
        beside = _beside(self.program, "promote")
        with claimed(beside, _unsaid) as claim:
            if not done(beside, claim, [str(self.binaries / "pg_ctl"), *words]):
                raise FairwayError(f"The replica cannot be promoted: {last_words(beside.log_file)}")


def first_node(directory: Path, url: str, keeper: Keeper) -> Node:
    """The server that came along with the hub of *directory*."""
    account = server_account()
    binaries, major = find_postgres(account)
    sockets = Path(unquote(urlsplit(url).query.partition("host=")[2].partition("&")[0]))
    site = Site(directory / "postgres", binaries, major, sockets, account)
    return Node(url, site.data, sockets, binaries, program_at(site), keeper)


def start_replica(directory: Path, name: str, port: int, primary: Node, log: Log) -> Node:
    """Copy *primary*, as it is reached at *port* of this machine, to *directory*/*name*, and have the copy follow it.

    *name* is the replica's in `synchronous_standby_names`, too. The caller stops its keeper. Raises `FairwayError`.
    """
    account = server_account()
    binaries, major = find_postgres(account)
    home = own_directory(directory / name, account)
    site = Site(
        own_directory(home / "postgres", account), binaries, major, socket_directory(home, account), account
    )
    password = unquote(urlsplit(primary.url).password or "")
    # In a file, for a command line can be read by everybody.
    passwords = home / "replication.pgpass"
    private_file(passwords, f"127.0.0.1:{port}:*:{ADMIN}:{password}\n", account)
    there = f"host=127.0.0.1 port={port} user={ADMIN} passfile={passwords} application_name={name}"
    program = program_at(site)
    with claimed(program, log) as claim:
        words = ["--write-recovery-conf", "--checkpoint=fast", "--wal-method=stream", f"--pgdata={site.data}"]
        if not done(program, claim, [str(binaries / "pg_basebackup"), f"--dbname={there}", *words]):
            raise FairwayError(f"The replica cannot be made: {last_words(program.log_file)}")
    keeper = Keeper(program, log)
    keeper.start()
    return Node(url_at(site, password), site.data, site.sockets, binaries, program, keeper)


def _beside(program: Program, name: str) -> Program:
    """Another program of the same user, beside one that runs: with a log and a claim of its own."""
    return Program(
        name=name,
        command=[],
        directory=program.directory.with_name(f"{program.directory.name}-{name}"),
        account=program.account,
        farewell=signal.SIGTERM,
        answers=lambda _pid: True,
    )


def _unsaid(_text: str) -> None:
    """Nobody waits long enough to be told."""
