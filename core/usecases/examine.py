"""Examine the database, the walls between tenants and the keys, as findings for a person. Changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.hub import Hub
from core.sealing import Keyring, SealBroken, associated
from core.store import connections, doctor
from core.store.database import Connection
from core.store.migrate import ROLES, migrations

OLDEST_POSTGRES = 150000
CLOCK_WARNING_S, CLOCK_PROBLEM_S = 2.0, 60.0  # business times are compared with channels', to the second
FEW_PLACES = 10  # sessions that a second worker and a web process need


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"  # it works, and somebody should look
    PROBLEM = "problem"  # something is lost, unsafe or not done


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked: what was *found*, and how to *fix* it where it is not well."""

    check: str
    state: State
    found: str
    fix: str = ""


def well(check: str, found: str) -> Finding:
    return Finding(check, State.OK, found)


def warning(check: str, found: str, fix: str) -> Finding:
    return Finding(check, State.WARNING, found, fix)


def problem(check: str, found: str, fix: str) -> Finding:
    return Finding(check, State.PROBLEM, found, fix)


async def examined(check: str, question: Callable[[], Awaitable[Finding | list[Finding]]]) -> list[Finding]:
    """The answer to *question*; an error in it is a finding, too, so that one check never hides the others."""
    try:
        answer = await question()
    except Exception as error:  # noqa: BLE001 - whatever it is, the person has to know and the next check runs
        return [problem(check, f"could not be checked ({type(error).__name__})", "See the server's log.")]
    return answer if isinstance(answer, list) else [answer]


async def examine_database(hub: Hub) -> AsyncIterator[Finding]:
    """The server's promises, the clock, the schema, the roles. The last finding is "schema"."""

    def ask(
        judge: Callable[[Hub, Connection], Awaitable[Finding | list[Finding]]],
    ) -> Callable[[], Awaitable[Finding | list[Finding]]]:
        async def question() -> Finding | list[Finding]:
            async with hub.database.transaction([]) as tx:
                return await judge(hub, tx)

        return question

    for check, judge in (
        ("postgresql", _server), ("clock", _clock), ("roles", _roles), ("tenants", _tenants), ("schema", _schema),
    ):  # fmt: skip
        for finding in await examined(check, ask(judge)):
            yield finding


async def _server(_hub: Hub, tx: Connection) -> list[Finding]:
    return judge_server(await doctor.server(tx), await doctor.weak_commits(tx))


def judge_server(found: Mapping[str, Any], weak: list[str]) -> list[Finding]:
    """Findings about the server's settings; *weak* are roles whose commits are not waited for."""
    if found["version_num"] < OLDEST_POSTGRES:
        version = problem(
            "postgresql", f"version {found['version']}", "Fairway needs PostgreSQL 15 or newer."
        )
    else:
        version = well("postgresql", f"version {found['version']}, {found['size'] / 1e6:,.0f} MB")
    risky = [
        f"{name} is off"
        for name in ("fsync", "full_page_writes", "synchronous_commit")
        if found[name] == "off"
    ] + [f"synchronous_commit is off for {who}" for who in weak]
    if risky:
        commits = problem(
            "commits", "; ".join(risky), "Set it to on: a crash would lose orders that were acknowledged."
        )
    else:
        commits = well("commits", "on disk before they are acknowledged")
    if found["data_checksums"] == "on":
        checksums = well("checksums", "a damaged page is noticed")
    else:
        checksums = warning(
            "checksums", "data checksums are off", "Stop the server and run pg_checksums --enable."
        )
    left = found["places"] - found["taken"]
    text = f"{left} of {found['places']} sessions are free"
    if left < FEW_PLACES:
        sessions = problem(
            "sessions", text, "Raise max_connections, or end what holds them (pg_stat_activity)."
        )
    else:
        sessions = well("sessions", text)
    return [version, commits, checksums, sessions]


async def _clock(hub: Hub, tx: Connection) -> Finding:
    before = hub.wall()
    theirs = (await doctor.server(tx))["clock"]
    after = hub.wall()
    # The server read its clock somewhere between the two.
    apart = max((before - theirs).total_seconds(), (theirs - after).total_seconds(), 0.0)
    text = f"{apart:.1f} s apart from the database's"
    fix = "Keep the clocks of both machines right (NTP): all processes go by the database's."
    if apart > CLOCK_PROBLEM_S:
        return problem("clock", text, fix)
    return warning("clock", text, fix) if apart > CLOCK_WARNING_S else well("clock", text)


async def _roles(_hub: Hub, tx: Connection) -> Finding:
    known = await doctor.roles(tx)
    wrong = [f"{name} {what}" for name, what in sorted(known.items()) if what]
    wrong += [f"{name} does not exist" for name in ROLES if name not in known]
    if wrong:
        return problem(
            "roles", "; ".join(wrong), "Tenants are not apart: take it away (ALTER ROLE, ALTER TABLE OWNER)."
        )
    return well("roles", "the serving roles own nothing and see what they declare")


async def _tenants(_hub: Hub, tx: Connection) -> Finding:
    if found := await doctor.open_tables(tx):
        names = ", ".join(found)
        return problem(
            "tenants",
            f"row level security is not forced on {names}",
            "ALTER TABLE ... FORCE ROW LEVEL SECURITY.",
        )
    return well("tenants", "row level security is forced on every tenant's table")


async def _schema(_hub: Hub, tx: Connection) -> Finding:
    there, ours = await doctor.migrations(tx), {item.name: item.checksum for item in migrations()}
    if missing := [name for name in ours if name not in (there or {})]:
        return problem("schema", f"not migrated: {', '.join(missing)}", "Run `fairway migrate`.")
    assert there is not None  # noqa: S101 - nothing is missing from it
    if changed := [name for name, checksum in ours.items() if there[name] != checksum]:
        return problem(
            "schema",
            f"ran here in another form: {', '.join(changed)}",
            "Use the version of Fairway that migrated it.",
        )
    if newer := sorted(set(there) - set(ours)):
        return problem("schema", f"this Fairway does not know {', '.join(newer)}", "Update Fairway here.")
    return well("schema", f"{len(ours)} migrations, all run")


async def examine_keys(hub: Hub) -> list[Finding]:
    """Whether the keys are there, are two, and open all that was sealed with them."""
    inbound, outbound = hub.settings.inbound, hub.settings.outbound
    if outbound is None:
        rings = problem(
            "keys", "there is no outbound key", "Set FAIRWAY_OUTBOUND_KEYS: workers call channels with it."
        )
    elif shared := _shared(inbound, outbound):
        rings = problem(
            "keys",
            f"inbound and outbound share the key {shared}",
            "The web process can open tokens: make a new key.",
        )
    else:
        rings = well("keys", "inbound and outbound are two")
    async with hub.database.transaction([]) as tx:
        merchants = await connections.merchant_ids(tx)
    async with hub.database.transaction(merchants) as tx:
        bodies = await doctor.data_keys(tx)
        secrets = await doctor.sealed_values(tx)
    closed = [
        f"the bodies of {row['name']}"
        for row in bodies
        if not _opens(inbound, row["data_key"], associated("merchant", row["merchant_id"]))
    ]
    for row in secrets:
        ring = inbound if row["ring"] == "inbound" else outbound
        if not _opens(
            ring, row["sealed"], associated(row["merchant_id"], row["connection_id"], row["field"])
        ):
            closed.append(f"{row['field']} of {row['connection']}")
    if closed:
        fix = "Add the old key back behind the new one; if it is lost, link the account again."
        return [rings, problem("sealed", f"no key opens {', '.join(closed[:5])}", fix)]
    return [rings, well("sealed", f"{len(secrets)} credentials and {len(bodies)} data keys open")]


def _opens(ring: Keyring | None, sealed: bytes, owner: bytes) -> bool:
    try:
        return ring is not None and bool(ring.open(sealed, owner))
    except SealBroken:
        return False


def _shared(one: Keyring, other: Keyring) -> str:
    """The name of a key that both rings hold, under whatever name, or ""."""
    for name, key in one.keys.items():
        sealed = Keyring("x", {"x": key}).seal(b"probe", b"")
        if any(_opens(Keyring("x", {"x": same}), sealed, b"") for same in other.keys.values()):
            return name
    return ""
