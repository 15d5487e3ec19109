"""Settings from the environment: `FAIRWAY_*`, with `_FILE` for secrets. Knows no default that is unsafe."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import FairwayError, UsageProblem
from core.sealing import Keyring
from core.shares import EVERYBODY, Share

MOST_QUEUES = 256  # a worker that serves them all listens to each


@dataclass(frozen=True, slots=True)
class Settings:
    """How this process runs.

    *lease_s* is how long a claimed piece of work belongs to a worker; *allow_private_hosts* lets connections
    point at loopback and private addresses (demo, tests, a shop in the same network). *inbound* opens what the web
    process needs (webhook secrets, bodies), *outbound* the tokens that only workers need. *unseen_patience_s* is how long
    before a pull units must have gone missing at a channel to be given up when no order explains them; *reconcile_every_s*
    how often everything a channel shows is read back. *leave_s* is how long a web process that is told to stop goes on
    taking requests while /readyz says 503. *share* says over how many queues merchants are spread, which all processes have
    to agree on, and which of them a worker serves first. *metrics_port* serves /metrics; with None nobody does.
    """

    database_url: str
    redis_url: str | None
    inbound: Keyring
    outbound: Keyring | None
    lease_s: float = 20.0
    call_deadline_s: float = 9.0
    max_body: int = 5 * 1024 * 1024
    read_deadline_s: float = 10.0
    host: str = "127.0.0.1"
    port: int = 8400
    public_url: str = ""
    allow_private_hosts: bool = False
    pull_every_s: float = 300.0
    catalog_every_s: float = 3600.0
    unseen_patience_s: float = 120.0
    reconcile_every_s: float = 600.0
    statement_cache: int = 256
    leave_s: float = 0.0
    share: Share = EVERYBODY
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the environment; raises `UsageProblem` naming the variable that is missing or wrong."""
    env = os.environ if environ is None else environ
    lease_s = _number(env, "FAIRWAY_LEASE_S", 20.0)
    return Settings(
        database_url=_url("DATABASE_URL", _required(env, "DATABASE_URL"), "postgresql", "postgres"),
        redis_url=_url("REDIS_URL", url, "redis", "rediss", "unix")
        if (url := env.get("REDIS_URL"))
        else None,
        inbound=_keys("FAIRWAY_INBOUND_KEYS", _required(env, "FAIRWAY_INBOUND_KEYS")),
        outbound=_keys("FAIRWAY_OUTBOUND_KEYS", keys)
        if (keys := secret(env, "FAIRWAY_OUTBOUND_KEYS"))
        else None,
        lease_s=lease_s,
        # A call must have ended before its lease does: a worker that lost its lease may not still be calling.
        call_deadline_s=lease_s * 0.45,
        read_deadline_s=_number(env, "FAIRWAY_READ_DEADLINE_S", 10.0),
        host=env.get("FAIRWAY_HOST", "127.0.0.1"),
        port=_port("FAIRWAY_PORT", env.get("FAIRWAY_PORT", "8400")),
        public_url=env.get("FAIRWAY_PUBLIC_URL", ""),
        allow_private_hosts=env.get("FAIRWAY_ALLOW_PRIVATE_HOSTS") == "1",
        pull_every_s=_number(env, "FAIRWAY_PULL_EVERY_S", 300.0),
        catalog_every_s=_number(env, "FAIRWAY_CATALOG_EVERY_S", 3600.0),
        unseen_patience_s=_number(env, "FAIRWAY_UNSEEN_PATIENCE_S", 120.0),
        reconcile_every_s=_number(env, "FAIRWAY_RECONCILE_EVERY_S", 600.0),
        # A pooler in transaction mode cannot keep prepared statements.
        statement_cache=0 if env.get("FAIRWAY_DB_PGBOUNCER") == "1" else 256,
        leave_s=_number(env, "FAIRWAY_LEAVE_S", 0.0),
        share=_share(env.get("FAIRWAY_QUEUES", "1"), env.get("FAIRWAY_SERVES")),
        metrics_host=env.get("FAIRWAY_METRICS_HOST", "127.0.0.1"),
        metrics_port=_port("FAIRWAY_METRICS_PORT", port)
        if (port := env.get("FAIRWAY_METRICS_PORT"))
        else None,
    )


def secret(env: Mapping[str, str], name: str) -> str | None:
    """The value of *name*, or what is in the file that `NAME_FILE` names; raises `UsageProblem` when it cannot be read."""
    path = env.get(f"{name}_FILE")
    if not path:
        return env.get(name)
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageProblem(
            f"{name}_FILE={path!r} cannot be read ({type(error).__name__}).",
            fix="Name a text file that this process may read.",
        ) from None


def _required(env: Mapping[str, str], name: str) -> str:
    value = secret(env, name)
    if not value:
        raise UsageProblem(
            f"{name} is not set.",
            fix="Set it, or run `./fairway up`, which starts everything it needs by itself.",
        )
    return value


def _keys(name: str, text: str) -> Keyring:
    try:
        ring = Keyring.parse(text)
    except FairwayError as error:
        raise UsageProblem(f"{name}: {error.message}", fix=error.fix) from None
    if len(ring.keys) != len(text.split(",")):
        raise UsageProblem(
            f"{name} has two keys of one name: what one of them sealed could not be opened.",
            fix="Give each key a name of its own.",
        )
    return ring


def _url(name: str, text: str, *schemes: str) -> str:
    """*text*, which may hold a password and is never shown."""
    if text.partition("://")[0] not in schemes:
        raise UsageProblem(f"{name} is not the address of a server.", fix=f"It begins with {schemes[0]}:// .")
    return text


def _port(name: str, text: str) -> int:
    """A port to listen at; 0 lets the system choose one."""
    if not (text.isascii() and text.isdecimal()) or int(text) > 65535:
        raise UsageProblem(f"{name}={text!r} is not a port.")
    return int(text)


def _share(queues: str, serves: str | None) -> Share:
    """A number of queues, and numbers of some of them: "0,2". All of them where none are named."""
    if not (queues.isascii() and queues.isdecimal()) or not 1 <= int(queues) <= MOST_QUEUES:
        raise UsageProblem(f"FAIRWAY_QUEUES={queues!r} is not a number from 1 to {MOST_QUEUES}.")
    every = range(int(queues))
    if not serves:
        return Share(len(every), tuple(every))
    named = [part.strip() for part in serves.split(",")]
    if not all(part.isascii() and part.isdecimal() and int(part) in every for part in named):
        raise UsageProblem(
            f"FAIRWAY_SERVES={serves!r} names a queue that there is not.",
            fix=f"With FAIRWAY_QUEUES={queues} they are 0 to {every[-1]}, separated by commas.",
        )
    return Share(len(every), tuple(sorted({int(part) for part in named})))


def _number(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        raise UsageProblem(f"{name}={text!r} is not a number.") from None
    if not (value > 0 and math.isfinite(value)):
        raise UsageProblem(f"{name}={text!r} must be a number above zero.")
    return value
