"""Refuse to start where what we promise cannot be kept; say what is merely wrong. Changes nothing."""

from __future__ import annotations

from core.errors import FairwayError
from core.hub import Hub
from core.log import get_log
from core.usecases.examine import Finding, State, examine_database, examine_keys, examined

REFUSED = (
    "postgresql",
    "commits",
    "schema",
    "keys",
)  # orders could be lost, or one process could open all secrets

log = get_log("start")


async def start_safely(hub: Hub, *, works: bool) -> None:
    """Examine the servers and the keys of a process that is about to serve, or that *works* (calls channels).

    Raises `FairwayError` for what is `REFUSED`. Another problem, as a clock that is wrong, is logged as an error:
    deliveries are taken all the same.
    """
    async for finding in examine_database(hub):
        _judge(finding)
    if works or hub.settings.outbound is not None:
        for finding in await examined("keys", lambda: examine_keys(hub)):
            _judge(finding)


def _judge(finding: Finding) -> None:
    if finding.state is not State.PROBLEM:
        return
    if finding.check in REFUSED:
        raise FairwayError(f"Not started: {finding.check}: {finding.found}.", fix=finding.fix)
    log.error(
        "something is wrong here",
        extra={"fields": {"check": finding.check, "found": finding.found, "fix": finding.fix}},
    )
