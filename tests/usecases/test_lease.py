"""Scheduled work under its lease: what a run leaves behind however it ends, and when it is due again."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import Any

import pytest
from runs_rig import everything_kept, lines, never, newest, ring, scheduled, told, work_once
from usecase_rig import Rig, Shop

from core.errors import RECOVERY, ChannelError, ErrorCode, FairwayError, Recovery
from core.hub import Hub
from core.store.schedule import Lease
from core.usecases.lease import LostLease, run_due
from core.usecases.probe import Probed, probe

WAITS = [code for code in ErrorCode if RECOVERY[code] is Recovery.WAIT]
CANARY = "ck_canary_7f3a"


def refusing(error: Exception) -> Any:
    async def work(_hub: Hub, _lease: Lease) -> None:
        raise error

    return work


async def works(_hub: Hub, _lease: Lease) -> Probed:
    return Probed("acct")


async def test_a_run_is_there_from_its_claim_and_ends_with_its_counts(rig: Rig) -> None:
    during: list[dict[str, Any]] = []

    async def work(_hub: Hub, _lease: Lease) -> Probed:
        during.extend(await newest(rig))
        rig.clock.forward(seconds=3)
        return Probed("acct")

    await work_once(rig, work)

    [run] = await newest(rig)
    assert [row["outcome"] for row in during] == ["running"]
    assert (run["outcome"], run["kind"], run["connection"]) == ("ok", "probe", "Mia-one")
    assert run["detail"] == {"account": "acct"}
    assert (run["finished_at"] - run["started_at"]).total_seconds() == 3
    assert [line["message"] for line in await lines(rig, run["run_id"])] == ["probe is done"]


async def test_looking_for_work_that_is_not_due_is_no_run(rig: Rig) -> None:
    assert await run_due(rig.hub, "probe", works, never) == 0

    assert await newest(rig) == []


@pytest.mark.parametrize("code", WAITS)
async def test_a_wait_that_was_asked_for_is_no_failure(rig: Rig, code: ErrorCode) -> None:
    await rig.admin.execute("UPDATE schedule SET failures = 3 WHERE kind = 'probe'")
    asked = ChannelError(code, "slow down", retry_after_s=77)

    await work_once(rig, refusing(asked))

    row, [run] = await scheduled(rig), await newest(rig)
    assert row["failures"] == 3
    assert (row["due_at"] - rig.clock()).total_seconds() == 77
    assert (run["outcome"], run["error"]) == ("put_off", f"{code}: slow down")
    assert await newest(rig, bad=True) == []
    [line] = await lines(rig, run["run_id"])
    assert (line["level"], told(line)["channel_says"], told(line)["again_in_s"]) == (
        "warning",
        "slow down",
        77.0,
    )


async def test_a_ring_does_not_cut_short_the_wait_that_a_channel_asked_for(rig: Rig) -> None:
    async def work(_hub: Hub, _lease: Lease) -> None:
        await ring(rig, rig.first)
        raise ChannelError(ErrorCode.RATE_LIMITED, "slow down", retry_after_s=60)

    await work_once(rig, work)

    assert ((await scheduled(rig))["due_at"] - rig.clock()).total_seconds() == 60


async def test_refusals_are_counted_and_waited_for_longer_each_time(rig: Rig) -> None:
    pauses = []
    for _ in range(3):
        await work_once(rig, refusing(ChannelError(ErrorCode.UNAVAILABLE, "maintenance")))
        pauses.append(((await scheduled(rig))["due_at"] - rig.clock()).total_seconds())

    assert (await scheduled(rig))["failures"] == 3
    assert pauses == [2, 4, 8]
    assert [run["outcome"] for run in await newest(rig, bad=True)] == ["failed"] * 3


async def test_work_that_goes_well_forgets_its_failures(rig: Rig) -> None:
    await work_once(rig, refusing(ChannelError(ErrorCode.UNAVAILABLE, "maintenance")))

    await work_once(rig, works)

    assert (await scheduled(rig))["failures"] == 0


async def test_refused_credentials_pause_the_connection_and_say_so(rig: Rig) -> None:
    refused = ChannelError(ErrorCode.UNAUTHORIZED, "Invalid signature")

    await work_once(rig, refusing(refused))

    [run] = await newest(rig)
    [line] = await lines(rig, run["run_id"])
    status = await rig.admin.fetchval("SELECT status FROM connections WHERE connection_id = $1", rig.first)
    assert (status, run["outcome"]) == ("reauth_required", "failed")
    assert (line["level"], line["connection_id"]) == ("error", rig.first)
    assert "paused until its account is linked again" in line["message"]
    assert told(line)["channel_says"] == "Invalid signature"


async def test_a_lost_lease_is_told_and_changes_nothing(rig: Rig) -> None:
    async def work(_hub: Hub, lease: Lease) -> None:
        await rig.admin.execute(
            "UPDATE schedule SET epoch = epoch + 1, due_at = 'infinity' WHERE connection_id = $1 AND kind = $2",
            lease.connection_id,
            lease.kind,
        )
        raise LostLease

    await work_once(rig, work)

    [run] = await newest(rig)
    assert run["outcome"] == "lost_lease"
    assert [line["level"] for line in await lines(rig, run["run_id"])] == ["warning"]
    row = await scheduled(rig)  # as the other worker's claim has left it
    assert (row["epoch"], row["failures"], row["due_at"].year) == (2, 0, 9999)


async def test_a_lease_lost_at_the_very_end_is_not_called_well_done(rig: Rig) -> None:
    async def work(_hub: Hub, lease: Lease) -> Probed:
        await rig.admin.execute("UPDATE schedule SET epoch = epoch + 1 WHERE kind = $1", lease.kind)
        return Probed("acct")

    await work_once(rig, work)

    [run] = await newest(rig)
    assert run["outcome"] == "lost_lease"


async def test_a_run_whose_worker_was_killed_is_seen_as_died(rig: Rig) -> None:
    begun = asyncio.Event()

    async def work(_hub: Hub, _lease: Lease) -> None:
        begun.set()
        await asyncio.Event().wait()

    await ring(rig, rig.first)
    worker = asyncio.create_task(run_due(rig.hub, "probe", work, never))
    await begun.wait()
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)

    [held] = await newest(rig)
    await rig.admin.execute("UPDATE schedule SET lease_until = clock_timestamp() - interval '1 ms'")
    [over] = await newest(rig, bad=True)
    assert (held["outcome"], held["finished_at"]) == ("running", None)
    assert (over["run_id"], over["outcome"], over["finished_at"]) == (held["run_id"], "died", None)


async def test_a_run_that_died_is_not_revived_by_the_next_one(rig: Rig) -> None:
    await rig.admin.execute(
        "INSERT INTO runs (merchant_id, connection_id, kind, started_at) VALUES ($1, $2, 'probe', $3)",
        rig.merchant_id,
        rig.first,
        rig.clock(),
    )
    rig.clock.forward(seconds=1)
    during: list[dict[str, Any]] = []

    async def work(_hub: Hub, _lease: Lease) -> None:
        during.extend(await newest(rig))

    await work_once(rig, work)

    assert [run["outcome"] for run in during] == ["running", "died"]
    assert [run["outcome"] for run in await newest(rig)] == ["ok", "died"]


async def test_an_unexpected_error_is_kept_by_type_and_place_and_never_by_its_text(rig: Rig) -> None:
    await work_once(rig, refusing(ValueError(f"cannot sign with {CANARY}")))

    [run] = await newest(rig)
    [line] = await lines(rig, run["run_id"])
    assert (run["outcome"], run["error"]) == ("failed", "ValueError")
    assert told(line)["error"] == "ValueError"
    assert told(line)["where"].startswith("test_lease.py:")
    assert CANARY not in await everything_kept(rig)


async def test_the_channels_words_are_kept_and_credentials_are_not(rig: Rig, caplog: Any) -> None:
    shop = Shop({34: 1}, status=401)
    sent: list[str] = []

    async def send(method: str, url: str, headers: Any, body: bytes | None) -> Any:
        sent.append(f"{url} {dict(headers)}")
        return await shop(method, url, headers, body)

    rig.hub.send = send
    await work_once(rig, probe)

    [run] = await newest(rig)
    kept = await everything_kept(rig)
    secrets = ("s3cret", b64encode(b"s3cret:s3cret").decode())
    assert secrets[1] in sent[0]  # they were on their way
    assert "Invalid signature" in run["error"]
    assert [secret for secret in secrets if secret in kept + caplog.text] == []


async def test_a_sentence_of_ours_fails_the_run_with_its_words(rig: Rig) -> None:
    await work_once(rig, refusing(FairwayError("There is no channel here.", fix="Link one.")))

    [run] = await newest(rig)
    assert (run["outcome"], run["error"]) == ("failed", "There is no channel here. Link one.")


class Slow:
    """Work that takes long at one connection, until it is let go on."""

    def __init__(self, connection: int, error: Exception | None = None) -> None:
        self.connection, self.error = connection, error
        self.go_on = asyncio.Event()
        self.done: list[int] = []

    async def __call__(self, _hub: Hub, lease: Lease) -> None:
        if lease.connection_id == self.connection:
            await self.go_on.wait()
            if self.error:
                raise self.error
        self.done.append(lease.connection_id)


async def test_who_is_slow_holds_up_nobody_else(rig: Rig) -> None:
    slow = Slow(rig.first)
    await ring(rig, rig.first, rig.second)
    assert await run_due(rig.hub, "probe", slow, never, patience_s=0.05) == 2

    for _ in range(2):
        await ring(rig, rig.second)
        assert await run_due(rig.hub, "probe", slow, never, patience_s=0.05) == 1
    during = list(slow.done)
    slow.go_on.set()
    await rig.hub.settled()

    assert during == [rig.second] * 3
    assert slow.done == [*during, rig.first]
    assert [run["outcome"] for run in await newest(rig)] == ["ok"] * 4


async def test_there_are_no_more_under_way_than_there_are_places(rig: Rig) -> None:
    slow = Slow(rig.first)
    await ring(rig, rig.first)
    await run_due(rig.hub, "probe", slow, never, limit=1, patience_s=0.05)
    await ring(rig, rig.second)

    second = asyncio.create_task(run_due(rig.hub, "probe", slow, never, limit=1, patience_s=0.05))
    await asyncio.sleep(0.2)
    before = list(slow.done)
    slow.go_on.set()

    assert await second == 1
    assert (before, slow.done) == ([], [rig.first, rig.second])


async def test_what_breaks_late_is_said_and_breaks_nothing_else(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    slow = Slow(rig.first, ConnectionResetError("gone"))
    await ring(rig, rig.first, rig.second)

    assert await run_due(rig.hub, "probe", slow, never, patience_s=0.05) == 2
    slow.go_on.set()
    await rig.hub.settled()

    assert "a run that took long broke" in caplog.text
    assert slow.done == [rig.second]


async def test_what_is_under_way_when_the_hub_closes_is_broken_off(rig: Rig) -> None:
    slow = Slow(rig.first)
    await ring(rig, rig.first)
    await run_due(rig.hub, "probe", slow, never, patience_s=0.05)

    await rig.hub.break_off()

    assert not any(rig.hub.under_way.values())
    assert [run["finished_at"] for run in await newest(rig)] == [None]


async def test_whoever_does_not_wait_any_more_ends_what_it_began(rig: Rig) -> None:
    slow = Slow(rig.first)
    await ring(rig, rig.first)
    waits = asyncio.create_task(run_due(rig.hub, "probe", slow, never))
    while not any(rig.hub.under_way.values()):
        await asyncio.sleep(0.01)
    waits.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waits
    assert not any(rig.hub.under_way.values())
