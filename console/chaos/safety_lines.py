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
        "a push written back without an epoch check", _UC + "push_stock.py",
        "kept = [one for one in outcomes if one.lease in ours]", "kept = list(outcomes)",
        (_T + "test_push_together.py::test_of_two_the_one_whose_lease_was_taken_writes_nothing_back",),
    ),
    SafetyLine(
        "a lease lost at the end called well done", _UC + "lease.py",
        'one.end.outcome if one.lease in ours else "lost_lease",', "one.end.outcome,",
        (_T + "test_lease.py::test_a_lease_lost_at_the_very_end_is_not_called_well_done",),
    ),
    SafetyLine(
        "no dedupe of deliveries", "core/store/deliveries.py",
        "% (connection_id, topic.encode(), body)).digest()",
        "% (connection_id, topic.encode(), body) + __import__('os').urandom(8)).digest()",
        ("tests/webhooks/test_edge_durability.py::test_accepted_duplicate_and_rejected_are_counted_per_minute",),
    ),
    SafetyLine(
        "dedupe by the channel's delivery id", "webhooks/hooks.py",
        "key = dedupe_key(hook.connection_id, topic, body)",
        'key = dedupe_key(hook.connection_id, topic, delivery.headers.get("x-wc-webhook-delivery-id", "").encode() or body)',
        ("tests/webhooks/test_edge_authenticity.py", "tests/webhooks/test_edge_claims.py"),
    ),
    SafetyLine(
        "the answer before the commit", _UC + "accept_delivery.py",
        "        items = sorted(",
        '        self._settle(batch, "")\n        items = sorted(',
        ("tests/webhooks/test_edge_durability.py::test_no_200_before_the_commit_and_503_when_it_does_not_come",),
    ),
    SafetyLine(
        "commits that do not wait for the disk", "core/usecases/examine.py",
        'for name in ("fsync", "full_page_writes", "synchronous_commit")',
        'for name in ("fsync", "full_page_writes")',
        (_T + "test_examine.py", "-k", "commits"),
    ),
    SafetyLine(
        "the checkpoint before the last page", _UC + "pull_orders.py",
        "if last and not await _advance(", "if pages == 1 and not await _advance(",
        ("tests/bad_inputs/test_bad_pages.py",),
    ),
    SafetyLine(
        "a blind retry", "core/store/outbox.py",
        "m.attempt > 1 OR EXISTS (", "false OR EXISTS (",
        (_T + "test_push_effects.py",),
    ),
    SafetyLine(
        "no read-back before a shop is told of a parcel again", "connectors/woocommerce/fulfillments.py",
        'done = any(item.get("key") == mark for item in order["meta_data"])', "done = False",
        ("tests/connectors/woocommerce/test_woo_fulfillments.py",),
    ),
    SafetyLine(
        "stock that is read without its lock", "core/store/stock.py",
        "ORDER BY s.merchant_id, s.variant_id, s.location_id FOR UPDATE OF s",
        "ORDER BY s.merchant_id, s.variant_id, s.location_id",
        (_T + "test_no_unit_twice.py", "-k", "500"),
    ),
    SafetyLine(
        "an old state over a newer one", "core/rules/orders.py",
        "if incoming.changed_at < stored.changed_at:\n            return Verdict.STALE",
        "if incoming.changed_at < stored.changed_at:\n            return Verdict.APPLY",
        (_T + "test_drain.py::test_a_late_old_state_changes_nothing",),
    ),
    SafetyLine(
        "tries that are not counted when they are claimed", "core/store/deliveries.py",
        "attempts = t.attempts + 1", "attempts = t.attempts",
        (_T + "test_drain_failures.py::test_poison_alone_is_parked_after_five_tries_and_holds_up_nobody",),
    ),
    SafetyLine(
        "units that a channel sold put back on sale", "core/rules/stock.py",
        "return max(0, desired - unseen), unseen", "return desired, unseen",
        (_T + "test_push.py::test_units_a_channel_sold_unseen_are_not_put_back_on_sale",),
    ),
    SafetyLine(
        "a call repeated before the first can have landed", "core/rules/effects.py",
        "pause = max(pause, lands)", "pause = pause + 0 * lands",
        (_T + "test_shipping_traps.py::test_a_call_that_lands_after_its_deadline_is_not_made_again_before",),
    ),
    SafetyLine(
        "an attempt that commits after its call", _UC + "push_effects.py",
        "        if not claimed:\n            return done\n        answers = await asyncio.gather(",
        "            if not claimed:\n                return done\n            answers = await asyncio.gather(",
        (_T + "test_push_effects.py::test_the_attempt_is_written_before_the_call",),
    ),
    SafetyLine(
        "commits that are answered before they are on the disk", "core/store/database.py",
        '    "lock_timeout": "5s",', '    "lock_timeout": "5s", "synchronous_commit": "off",',
        ("tests/console/test_servers_killed.py", "-k", "told_is_committed"),
    ),
    SafetyLine(
        "rows locked in any order", "core/store/stock.py",
        "ORDER BY s.merchant_id, s.variant_id, s.location_id FOR UPDATE OF s",
        "ORDER BY random() FOR UPDATE OF s",
        ("tests/store/test_stock_locks.py",),
    ),
    SafetyLine(
        "deliveries stored in any order", _UC + "accept_delivery.py",
        'items = sorted((entry.item for entry in batch), key=attrgetter("dedupe_key"))',
        "items = [entry.item for entry in batch]",
        (_T + "test_accept_delivery.py", "-k", "no_circle"),
    ),
    SafetyLine(
        "kinds of work rung in any order", "core/store/connections.py",
        '("reconcile", "pull", "push",', '("push", "pull", "reconcile",',
        (
            _T + "test_link_account.py"
            "::test_who_links_again_while_the_shop_is_read_back_waits_and_stands_in_nobodys_way",
        ),
    ),
    SafetyLine(
        "the same state applied again", "core/rules/orders.py",
        "return Verdict.SAME", "return Verdict.APPLY",
        (_T + "test_drain.py::test_duplicates_change_nothing",),
    ),
    SafetyLine(
        "units of a cancelled order put back twice", "core/rules/drift_settling.py",
        "if evidence.released >= units:", "if evidence.released > units:",
        ("tests/rules/test_drift_rules.py", "-k", "never_booked_again"),
    ),
    SafetyLine(
        "a call after its lease", "core/net.py",
        "if time.monotonic() >= _until.get():", "if math.inf <= _until.get() < 0:",
        (_T + "test_push.py::test_a_worker_that_comes_to_itself_after_its_lease_says_nothing_any_more",),
    ),
)  # fmt: skip
