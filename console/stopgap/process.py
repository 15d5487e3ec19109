"""Starts a server so that it dies with us, and waits for it the way each server needs."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from pwd import struct_passwd

from core.errors import FairwayError

PR_SET_PDEATHSIG = 1
SOCKET_PATH_MAX = 100  # bytes of a unix socket's path; Linux stops at 107

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def spawn(
    command: Sequence[str], *, log_file: Path, dies_by: signal.Signals, user: struct_passwd | None = None
) -> subprocess.Popen[bytes]:
    """Start *command* in its own session; the kernel sends it *dies_by* when we end, however we end."""
    parent = os.getpid()

    def prepare() -> None:
        if user is not None:
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
        if _libc is not None:  # after setuid, which would clear it
            _libc.prctl(PR_SET_PDEATHSIG, int(dies_by), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    with log_file.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our own command line
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=prepare,  # noqa: PLW1509 - no thread of ours forks here
            cwd="/",
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"},
        )


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], name: str, log_file: Path) -> None:
    """Wait as long as the server lives: recovery may take its time. Raises `FairwayError` when it ends."""
    while not ready():
        if process.poll() is not None:
            tail = log_file.read_text(errors="replace").splitlines()[-4:] if log_file.exists() else []
            raise FairwayError(
                f"{name} did not start: {' / '.join(tail)}", fix=f"The whole log is in {log_file}."
            )
        time.sleep(0.02)


def stop(process: subprocess.Popen[bytes] | None, how: signal.Signals, *, patience_s: float = 20.0) -> None:
    """Ask the server to end and reap it; kill it when it does not."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(how)
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def socket_directory(directory: Path, owner: struct_passwd | None) -> Path:
    """A private directory for sockets whose path is short enough for the kernel."""
    chosen = directory / "run"
    if len(str(chosen).encode()) + len("/.s.PGSQL.5432.lock") > SOCKET_PATH_MAX:
        chosen = Path(tempfile.mkdtemp(prefix="fairway-"))
    chosen.mkdir(exist_ok=True)
    own(chosen, owner)
    return chosen


def own(path: Path, owner: struct_passwd | None) -> None:
    """Make *path* private to the user its server runs as."""
    path.chmod(0o700)
    if owner is not None:
        os.chown(path, owner.pw_uid, owner.pw_gid)


def find_on_path(*names: str) -> Path | None:
    return next((Path(found) for name in names if (found := shutil.which(name))), None)
