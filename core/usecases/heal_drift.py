"""A person says what is to become of a difference: whose count is right, or that it stays as it is."""

from __future__ import annotations

from typing import Any

from core.errors import Missing, UsageProblem
from core.failpoints import reach
from core.hub import Hub
from core.rules.drift import Drift
from core.rules.drift_settling import Step, Verdict, Wins
from core.store import drifts, looks, schedule
from core.store.database import Connection, Row, again
from core.usecases.heal_drifts import Healing, heal, healers, lock_books


@again
async def heal_drift(hub: Hub, merchant_id: int, drift_id: int, wins: Wins, *, by: str) -> str:
    """Heal a difference that waits for a person: the hub's count is told again, or the channel's is booked, *by* whom.

    Returns its status from now on. Raises `Missing` where there is no such open difference, `UsageProblem` where it cannot
    be healed so.
    """
    now = hub.clock()
    async with hub.database.transaction([merchant_id]) as tx:
        found = await _find(tx, drift_id)
        row = await _row(tx, merchant_id, found, locked=False)
        who = await healers(tx, merchant_id, found["connection_id"], [row])
        place = next(iter(who.places.values()), None)
        if wins is Wins.CHANNEL:
            if place is None:
                raise UsageProblem(
                    f"Difference {drift_id} cannot be booked: it is of a kit, or of no shelf of ours.",
                    fix="Count the shelf with `fairway stock count`, or heal it --by hub.",
                )
            await lock_books(tx, merchant_id, [row], now)
        await schedule.hold(tx, merchant_id, found["connection_id"], "push")
        row = await _row(tx, merchant_id, found, locked=True)
        verdict = Verdict(Step.SETTLED, Drift(row["kind"]), _units(row), words=f"{by} said so")
        await heal(tx, merchant_id, found["connection_id"], [Healing(row, verdict, wins, by, place)], now)
        status: str = (await _find(tx, drift_id, closed=True))["status"]
        await reach("heal.storing")
    await reach("heal.stored")
    await hub.wake.ring("push", [merchant_id])
    await hub.wake.ring("relevel", [merchant_id])
    return status


@again
async def ignore_drift(hub: Hub, merchant_id: int, drift_id: int, *, by: str) -> None:
    """Leave a difference as it is, until it becomes another one. Raises `Missing`."""
    async with hub.database.transaction([merchant_id]) as tx:
        found = await _find(tx, drift_id)
        row = await _row(tx, merchant_id, found, locked=True)
        now = hub.clock()
        ignored = {"status": "ignored", "healed_by": by, "words": f"{by} left it as it is", "closed_at": None}
        live = row["predicted"] + max(0, row["units"])
        settled = {"settled_at": row["settled_at"] or now, "live": live}
        await drifts.change(tx, merchant_id, [{**dict(row), **settled, **ignored}])


async def _find(tx: Connection, drift_id: int, *, closed: bool = False) -> dict[str, Any]:
    found = await drifts.listed(tx, drift_id=drift_id, whole=closed)
    if not found:
        raise Missing(f"There is no open difference {drift_id}.", fix="See `fairway drifts`.")
    if not closed and found[0]["status"] not in ("asked", "ignored"):
        raise UsageProblem(
            f"Difference {drift_id} waits for nobody: it is {found[0]['status']}.",
            fix="One that is watched may still be explained by an order; one that is told is being healed.",
        )
    return found[0]


async def _row(tx: Connection, merchant_id: int, found: dict[str, Any], *, locked: bool) -> Row:
    only = [found["listing_id"]] if locked else []
    rows = await looks.watched(tx, merchant_id, found["connection_id"], locked=only)
    for row in rows:
        if row["drift_id"] == found["drift_id"]:
            return row
    raise Missing(f"The listing of difference {found['drift_id']} is not compared any more.")


def _units(row: Row) -> int:
    """What is still different: missing units whose orders have come meanwhile are not."""
    if row["kind"] == Drift.MAPPING_CHANGED:
        raise UsageProblem(
            "No count heals a listing that is another thing now.",
            fix="Match it with `fairway catalog --match`, or leave it with `fairway drifts ignore`.",
        )
    return -row["unseen"] if row["units"] < 0 else int(row["units"])
