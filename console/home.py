"""Where a hub lives on this machine: its directory, its keys, and how its processes find the servers."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from core.errors import UsageProblem
from core.flow import decode
from core.sealing import Keyring
from core.store.migrate import ROLES

CHECKOUT = Path(__file__).resolve().parents[1]


def default_directory() -> Path:
    """`FAIRWAY_DIRECTORY`, else /var/lib/fairway as root, else .fairway in the checkout."""
    asked = os.environ.get("FAIRWAY_DIRECTORY")
    if asked:
        return Path(asked)
    return Path("/var/lib/fairway") if os.getuid() == 0 else CHECKOUT / ".fairway"


@dataclass(frozen=True, slots=True)
class Home:
    """One hub's directory and secrets. *passwords* are those of the serving roles."""

    directory: Path
    inbound_keys: str
    outbound_keys: str
    passwords: Mapping[str, str]

    @staticmethod
    def open(directory: Path) -> Home:
        """Read the secrets of *directory*, or make them on first use (readable by us alone)."""
        directory.mkdir(parents=True, exist_ok=True, mode=0o711)
        path = directory / "secrets.json"
        if not path.exists():
            made = {
                "inbound_keys": Keyring.generate("in1"),
                "outbound_keys": Keyring.generate("out1"),
                "passwords": {role: secrets.token_urlsafe(24) for role in ROLES},
            }
            path.touch(mode=0o600)
            path.write_text(json.dumps(made), "utf-8")
        return Home(directory=directory, **decode(path.read_bytes()))

    def environment(self, database_url: str, redis_url: str | None, role: str) -> dict[str, str]:
        """What a process of *role* finds in its environment; only workers get the outbound keys."""
        found = {
            "DATABASE_URL": as_role(database_url, role, self.passwords[role]),
            "FAIRWAY_INBOUND_KEYS": self.inbound_keys,
        }
        if redis_url:
            found["REDIS_URL"] = redis_url
        if role == "fairway_worker":
            found["FAIRWAY_OUTBOUND_KEYS"] = self.outbound_keys
        return found

    def announce(self, facts: Mapping[str, str]) -> None:
        """Write down how to reach the running hub, for commands in other terminals."""
        path = self.directory / "hub.json"
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(json.dumps(dict(facts)), "utf-8")

    def withdraw(self) -> None:
        (self.directory / "hub.json").unlink(missing_ok=True)

    def running(self) -> dict[str, str]:
        """How to reach the running hub; raises `UsageProblem` when none runs here."""
        try:
            facts: dict[str, str] = decode((self.directory / "hub.json").read_bytes())
        except FileNotFoundError:
            raise UsageProblem(
                f"No hub is running in {self.directory}.",
                fix="Start one with `./fairway up`, or set DATABASE_URL and FAIRWAY_INBOUND_KEYS.",
            ) from None
        return facts


def as_role(url: str, role: str, password: str) -> str:
    """The same database for another role."""
    parts = urlsplit(url)
    where = parts.netloc.rsplit("@", 1)[-1] if "@" in parts.netloc else parts.netloc
    return urlunsplit(parts._replace(netloc=f"{role}:{password}@{where}"))
