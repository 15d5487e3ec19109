"""Every connector behaves as the kit asks. One test for each behaviour of each connector."""

from __future__ import annotations

from conformance.tiers import Bench


async def test_behaviour(bench: Bench, channel: str, behaviour: str) -> None:
    verdict = await bench.judge(channel, behaviour)

    if verdict.error:
        raise verdict.error
