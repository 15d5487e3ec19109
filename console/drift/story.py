"""How the drifts come about, one after the other, and what follows until every one is settled."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from console.drift.cases import Case, How, Plan
from console.drift.judge import Judge
from console.drift.shops import CHANNELS
from console.drift.world import TICK_S, World
from core.store import drift_books

APART_S = 25.0  # what comes about in that time after a write may have crossed it
LISTED_AFTER_S = 60.0  # so late the shops' lists show what was ordered
LISTLESS_S = 45.0  # after the shops were read, their orders cannot be listed for so long
LONGEST_S = 1200.0  # until everything is settled
BUYS_FOR_S = 300.0  # so long after the shops were read buyers go on buying

Tell = Callable[[str, float], None]

_LOWERED = (How.CUT_LOST, How.CUT_LOST_SOLD, How.CUT_LOST_SELLING)
_LIFTED = (How.LIFT_LOST, How.LIFT_LOST_SOLD, How.LIFT_LOST_SELLING)
_SOLD_BEFORE = (How.RAISED_SOLD, How.CUT_LOST_SOLD, How.LIFT_LOST_SOLD)
_SELLING = (
    How.RAISED_SELLING, How.LOWERED_SELLING, How.CUT_LOST_SELLING, How.LIFT_LOST_SELLING, How.SELLING, How.SELLING_TWICE,
    How.SELLING_ON, How.SELLING_AT_BOTH, How.UNANSWERED_SELLING, How.PENDING_SELLING,
)  # fmt: skip
_SHIPPED = (How.RETURNED, How.RETURNING, How.RETURNING_TOLD, How.RETURNING_PART)
_ORDERED = (*_SHIPPED, How.CANCELLING)


@dataclass(slots=True)
class Story:
    """*asked_at* is when the sweep began; *sweeps* are its ids, one for each shop."""

    plan: Plan
    world: World
    judge: Judge
    tell: Tell
    luck: random.Random = field(init=False)
    asked_at: datetime | None = None
    sweeps: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.luck = random.Random(f"buyers {self.plan.seed}")  # noqa: S311

    async def live(self) -> None:
        """Everything from the first count to the last healing."""
        self.tell("opening", 0.0)
        await self.world.begin(self.plan.shelves)
        self.tell("orders", 0.15)
        await self._orders()
        self.tell("lost writes", 0.25)
        await self._lost_writes()
        self.tell("lost answers", 0.35)
        await self._lost_answers()
        self._edits()
        await self._last_orders()
        self.tell("reading the shops", 0.5)
        self.asked_at = self.world.clock()
        self.sweeps = await self.world.sweep()
        await self.judge.look(self.sweeps, self.asked_at)
        await self._settle()

    def _buy(self, cases: Iterable[Case]) -> None:
        for case in cases:
            case.order_id = self.world.buy(case.shop, case.sku, case.bought) or ""

    async def _orders(self) -> None:
        """Orders that are cancelled or returned later; some of the goods are back already."""
        cases = self.plan.ways(*_ORDERED)
        self._buy(cases)
        await self._known()
        for case in self.plan.ways(*_SHIPPED):
            self.world.shops[case.shop].ship(case.order_id)
        await self._known()
        for case in self.plan.ways(How.RETURNED):
            self.world.take_back(case.shop, case.order_id, case.sku, case.sold)
        await self._known()

    async def _known(self) -> None:
        """The orders so far are known, and both shops show what follows."""
        await self.world.live(10)
        await self.world.pull()
        await self.world.live(APART_S)

    async def _lost_writes(self) -> None:
        """The shelf is counted anew, the shops are told, and some forget it: a backup, a cache, another program."""
        lost = self.plan.ways(*_LOWERED, *_LIFTED)
        for case in lost:
            case.before = self.world.shops[case.shop].shown(case.sku)
        await self.world.adjust(
            {case.sku: -case.units if case.how in _LOWERED else case.units for case in lost}
        )
        await self.world.live(APART_S)
        for case in lost:
            self.world.shops[case.shop].put(case.sku, case.before)
        self._buy(self.plan.ways(*_SOLD_BEFORE))
        await self._known()

    async def _lost_answers(self) -> None:
        """Writes come through and their answers do not; the worker that waited for them does not come back for a while."""
        await self.world.adjust(
            {case.sku: -case.units for case in self.plan.ways(How.UNANSWERED, How.UNANSWERED_SELLING)}
        )
        await self.world.spell("relevel")
        self.world.wire.losing = True
        await self.world.spell("push")
        self.world.wire.losing = False
        self.world.clock.forward(35)

    def _edits(self) -> None:
        shops = self.world.shops
        for case in self.plan.ways(How.RAISED, How.RAISED_SELLING, How.RAISED_SOLD):
            shops[case.shop].put(case.sku, shops[case.shop].shown(case.sku) + case.units)
        for case in self.plan.ways(How.LOWERED, How.LOWERED_SELLING):
            shops[case.shop].put(case.sku, shops[case.shop].shown(case.sku) - case.units)
        for case in self.plan.ways(How.EMPTIED):
            shops[case.shop].put(case.sku, 0)
        for case in self.plan.ways(How.RENAMED):
            shops[case.shop].rename(case.sku)
        for case in self.plan.ways(How.UNCOUNTED):
            shops[case.shop].stop_counting(case.sku)
        for case in self.plan.ways(How.REMOVED):
            shops[case.shop].remove(case.sku)

    async def _last_orders(self) -> None:
        """Orders that are counted at the last moment, and those that have not come when the shops are read."""
        shops = self.world.shops
        counted = self.plan.ways(How.COUNTED)
        for case in counted:
            case.before = shops[case.shop].shown(case.sku)
        self._buy(counted)
        self.world.clock.forward(1)
        await self.world.pull()
        for case in counted:
            shops[case.shop].put(case.sku, case.before)  # what a page says that was made before the order
        self.world.clock.forward(1)
        self._buy(self.plan.ways(*_SELLING))
        self._buy(self.plan.ways(How.SELLING_TWICE))
        for case in self.plan.ways(How.SELLING_OUT):
            case.sold = shops[case.shop].shown(case.sku)
        self._buy(self.plan.ways(How.SELLING_OUT))
        for case in self.plan.ways(How.RETURNING, How.RETURNING_TOLD, How.RETURNING_PART):
            self.world.take_back(case.shop, case.order_id, case.sku, case.sold)
        for case in self.plan.ways(How.CANCELLING):
            self.world.cancel(case.shop, case.order_id, case.sku, case.sold)
        await self.world.adjust({case.sku: case.units for case in self.plan.ways(How.PENDING_SELLING)})
        self.world.wire.between = self._somebody_buys
        self.world.wire.listed_after = LISTED_AFTER_S

    def _somebody_buys(self) -> None:
        """Whenever the hub calls, somebody may buy."""
        self.judge.watch()
        if self.luck.random() < 0.5:
            self.world.buy(self.luck.choice(CHANNELS), self.luck.choice(self.plan.busy), 1)

    async def _settle(self) -> None:
        """Until every difference is over, or a person's to decide."""
        world = self.world
        begun = world.clock()
        for case in self.plan.ways(How.COUNTED):  # the page is made anew
            world.shops[case.shop].put(case.sku, case.before - case.sold)
        self._buy(self.plan.ways(How.SELLING_ON))
        world.wire.unlisted = True
        while (passed := (world.clock() - begun).total_seconds()) < LONGEST_S:
            if passed >= LISTLESS_S:
                world.wire.unlisted = False
            if passed >= BUYS_FOR_S:
                world.wire.between = self.judge.watch
            else:
                self._somebody_buys()
            await world.live(TICK_S)
            self.judge.watch()
            self.tell("healing", 0.5 + 0.5 * min(1.0, passed / (BUYS_FOR_S + 60)))
            if passed >= BUYS_FOR_S + LISTED_AFTER_S:
                await world.ring("pull")
                await world.live(TICK_S)
                async with world.hub.database.transaction([world.merchant_id]) as tx:
                    if not await drift_books.unsettled(tx):
                        return
