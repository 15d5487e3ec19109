"""The safety lines of the hub: each with what is there without it, and the tests that have to notice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SafetyLine:
    """*text* of *file*, there exactly once, and what stands *instead* of it; *tests* are pytest's words."""

    name: str
    file: str
    text: str
    instead: str
    tests: tuple[str, ...]


_UC = "core/usecases/"
_T = "tests/usecases/"

LINES = (
    SafetyLine(
        "a drain without an epoch check", "core/store/deliveries.py",
        "JOIN todo t USING (merchant_id, delivery_id, epoch) ORDER BY",
        "JOIN todo t USING (merchant_id, delivery_id) ORDER BY",
        (_T + "test_drain_failures.py::test_a_zombie_whose_lease_was_taken_writes_nothing",),
    ),
    SafetyLine(
        "an effect written back without an epoch check", _UC + "push_effects.py",
        "        if not await held(tx, lease):\n            raise LostLease\n        await outbox.settle",
        "        await outbox.settle",
        (_T + "test_push_effects.py::test_a_worker_whose_lease_was_taken_writes_nothing_back",),
    ),
    SafetyLine(
        "a lease lost at the end called well done", _UC + "lease.py",
        'outcome=end.outcome if ours else "lost_lease"', "outcome=end.outcome",
        (_T + "test_lease.py::test_a_lease_lost_at_the_very_end_is_not_called_well_done",),
    ),
    SafetyLine(
        "no dedupe of deliveries", "core/store/deliveries.py",
        "% (connection_id, topic.encode(), body)).digest()",
        "% (connection_id, topic.encode(), body) + __import__('os').urandom(8)).digest()",
        ("tests/webhooks/test_edge_durability.py::test_accepted_duplicate_and_rejected_are_counted_per_minute",),
    ),
    SafetyLine(
        "the answer before the commit", _UC + "accept_delivery.py",
        "        items = [entry.item for entry in batch]\n",
        '        items = [entry.item for entry in batch]\n        self._settle(batch, "")\n',
        ("tests/webhooks/test_edge_durability.py::test_no_200_before_the_commit_and_503_when_it_does_not_come",),
    ),
    SafetyLine(
        "the checkpoint before the last page", _UC + "pull_orders.py",
        "if last and not await _advance(", "if pages == 1 and not await _advance(",
        ("tests/bad_inputs/test_bad_pages.py",),
    ),
    SafetyLine(
        "a blind retry", "core/store/outbox.py",
        "m.attempt > 1 AS look_first", "false AS look_first",
        (_T + "test_push_effects.py",),
    ),
    SafetyLine(
        "no read-back before a shop is told of a parcel again", "connectors/woocommerce/fulfillments.py",
        'done = any(item.get("key") == mark for item in order["meta_data"])', "done = False",
        ("tests/connectors/woocommerce/test_woo_fulfillments.py",),
    ),
)  # fmt: skip
