"""The Valkey that comes along. It knows nothing that PostgreSQL does not: its data may be thrown away."""

from __future__ import annotations

import secrets
import signal
import socket
from pathlib import Path
from urllib.parse import quote

from console.servers.account import Account, own_directory, private_file
from console.servers.binaries import find_valkey
from console.servers.keeper import Keeper
from console.servers.process import Log, Program


def valkey(directory: Path, sockets: Path, account: Account | None, log: Log) -> tuple[str, Keeper]:
    """A keeper for the server in *directory*/valkey, and its URL. Raises `FairwayError` without a program."""
    program = find_valkey(account)
    home = own_directory(directory / "valkey", account)
    password_file = directory / "valkey.password"
    if not password_file.exists():
        private_file(password_file, secrets.token_urlsafe(24))
    password = password_file.read_text("ascii")
    path = sockets / "valkey.sock"
    # In a file, for a command line can be read by everybody.
    private_file(home / "valkey.conf", _configuration(home, path, password), account)
    keeper = Keeper(
        Program(
            name="Valkey",
            command=[str(program), str(home / "valkey.conf")],
            directory=home,
            account=account,
            farewell=signal.SIGTERM,
            answers=lambda _: _answers(path, password),
        ),
        log,
    )
    return f"unix://:{password}@{quote(str(path))}?db=0", keeper


def _configuration(home: Path, path: Path, password: str) -> str:
    return f"""\
port 0
unixsocket "{path}"
unixsocketperm 700
requirepass {password}
dir "{home}"
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
daemonize no
"""


def _answers(path: Path, password: str) -> bool:
    """Whether it serves: a server that still loads its file answers, too, but not with PONG."""
    with socket.socket(socket.AF_UNIX) as talk:
        talk.settimeout(1)
        try:
            talk.connect(str(path))
            talk.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            said = b""
            while said.count(b"\r\n") < 2 and (more := talk.recv(256)):
                said += more
        except OSError:
            return False
    return said.endswith(b"+PONG\r\n")
