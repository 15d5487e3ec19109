"""The invariants of the database as SQL: every query lists rows that may not exist. Mends nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from core.store.database import Connection
from core.store.policies import ELSEWHERE

UNSEEN_PATIENCE = timedelta(hours=1)  # by then an order or a pull has settled what a channel sold unseen

# What a line takes from the shelves, one row for each variant: its own, or, of a kit, every component with its units
# in one kit, beside the ready-made kits that the line has (ready_held) or misses, and those that left (ready_shipped).
_PARTS = """CROSS JOIN LATERAL (
          SELECT m.variant_id, m.units, coalesce(sum(r.held) FILTER (WHERE r.variant_id = m.variant_id), 0) AS held,
            coalesce(sum(r.shipped) FILTER (WHERE r.variant_id = m.variant_id), 0) AS shipped,
            coalesce(sum(r.held) FILTER (WHERE r.variant_id <> m.variant_id), 0) AS ready_held,
            coalesce(sum(r.shipped) FILTER (WHERE r.variant_id <> m.variant_id), 0) AS ready_shipped
          FROM (SELECT l.variant_id, 1 AS units WHERE l.variant_id IS NOT NULL AND l.made_of IS NULL
            UNION ALL SELECT key::bigint, value::int FROM jsonb_each_text(l.made_of)) m
          LEFT JOIN reservations r ON r.merchant_id = l.merchant_id AND r.order_id = l.order_id
            AND r.line_id = l.line_id AND r.variant_id IN (m.variant_id, l.variant_id)
          GROUP BY m.variant_id, m.units) p"""

# Each name tells a person what is wrong; each query must find nothing. All of one check happens in one
# statement, so that it sees one state of the database, whatever commits meanwhile.
ALWAYS: dict[str, str] = {
    "duplicate_order": """
        SELECT FROM orders GROUP BY merchant_id, connection_id, channel_order_id HAVING count(*) > 1""",
    "order_without_history": """
        SELECT FROM orders o WHERE NOT EXISTS (
          SELECT FROM order_events e WHERE e.merchant_id = o.merchant_id AND e.order_id = o.order_id)""",
    "order_version_disagrees_with_history": """
        SELECT FROM orders o CROSS JOIN LATERAL (
          SELECT max(version) AS newest, count(DISTINCT version) AS versions FROM order_events e
          WHERE e.merchant_id = o.merchant_id AND e.order_id = o.order_id) e
        WHERE e.newest <> o.version OR e.versions <> o.version""",
    "order_without_its_delivery": """
        SELECT FROM orders o WHERE NOT EXISTS (
          SELECT FROM deliveries d WHERE d.merchant_id = o.merchant_id AND d.delivery_id = o.delivery_id)""",
    # What no foreign key says (migration 0020): parts are written together with their order.
    "part_of_unknown_order": """
        SELECT FROM (SELECT merchant_id, order_id FROM order_lines UNION SELECT merchant_id, order_id FROM order_events
          UNION SELECT merchant_id, order_id FROM reservations) p
        WHERE NOT EXISTS (SELECT FROM orders o WHERE o.merchant_id = p.merchant_id AND o.order_id = p.order_id)""",
    "stock_not_conserved": """
        SELECT FROM stock s FULL JOIN (
          SELECT merchant_id, variant_id, location_id, sum(on_hand_delta) AS there,
            sum(reserved_delta) AS held, sum(quarantined_delta) AS apart, sum(incoming_delta) AS expected
          FROM stock_ledger GROUP BY 1, 2, 3) l USING (merchant_id, variant_id, location_id)
        WHERE coalesce(s.on_hand, 0) <> coalesce(l.there, 0)
          OR coalesce(s.reserved, 0) <> coalesce(l.held, 0)
          OR coalesce(s.quarantined, 0) <> coalesce(l.apart, 0)
          OR coalesce(s.incoming, 0) <> coalesce(l.expected, 0)""",
    "reserved_below_zero": "SELECT FROM stock WHERE reserved < 0",
    "reserved_disagrees_with_reservations": """
        SELECT FROM stock s FULL JOIN (
          SELECT merchant_id, variant_id, location_id, sum(held) AS held FROM reservations
          WHERE held > 0 GROUP BY 1, 2, 3) r USING (merchant_id, variant_id, location_id)
        WHERE coalesce(s.reserved, 0) <> coalesce(r.held, 0)""",
    # What a line still asks of the shelves is held or known to be short: nothing is sold and forgotten. Where
    # a person matches, units per listing may have changed since the sale, so there any decision will do.
    "line_without_its_units": f"""
        SELECT FROM order_lines l JOIN orders o USING (merchant_id, order_id)
        LEFT JOIN listings li ON li.merchant_id = l.merchant_id AND li.listing_id = l.listing_id
        {_PARTS}
        LEFT JOIN shortages s ON s.merchant_id = l.merchant_id AND s.order_id = l.order_id AND s.line_id = l.line_id
          AND s.variant_id = p.variant_id
        LEFT JOIN shortages k ON k.merchant_id = l.merchant_id AND k.order_id = l.order_id AND k.line_id = l.line_id
          AND k.variant_id = l.variant_id AND l.made_of IS NOT NULL
        CROSS JOIN LATERAL (
          SELECT p.held + coalesce(s.quantity, 0) + p.units * (p.ready_held + coalesce(k.quantity, 0)) AS has,
            CASE WHEN NOT l.moves_stock OR o.intake NOT IN ('ship', 'reserve_only')
                   OR o.gone_at IS NOT NULL OR o.cancelled_at IS NOT NULL THEN 0
                 ELSE greatest(0, ((l.quantity - l.quantity_cancelled) * coalesce(li.units, 1) - p.ready_shipped)
                   * p.units - p.shipped)
            END AS asks) x
        WHERE x.asks <> x.has
          AND (li.matched_by IS DISTINCT FROM 'merchant' OR (x.asks > 0) <> (x.has > 0))""",
    "shipped_units_not_booked": f"""
        SELECT FROM order_lines l JOIN orders o USING (merchant_id, order_id)
        LEFT JOIN listings li ON li.merchant_id = l.merchant_id AND li.listing_id = l.listing_id
        {_PARTS}
        WHERE l.moves_stock AND l.quantity_fulfilled > 0 AND o.gone_at IS NULL
          AND o.intake IN ('ship', 'reserve_only') AND li.matched_by IS DISTINCT FROM 'merchant'
          AND (least(l.quantity, l.quantity_fulfilled) * coalesce(li.units, 1) - p.ready_shipped) * p.units
            > p.shipped""",
    "units_of_what_its_line_is_not": """
        SELECT FROM (
          SELECT merchant_id, order_id, line_id, variant_id FROM reservations WHERE held > 0 OR shipped > 0
          UNION ALL SELECT merchant_id, order_id, line_id, variant_id FROM shortages) u
        JOIN order_lines l USING (merchant_id, order_id, line_id)
        WHERE u.variant_id IS DISTINCT FROM l.variant_id AND (l.made_of ? u.variant_id::text) IS NOT TRUE""",
    "kit_inside_itself": """
        WITH RECURSIVE inside AS (
          SELECT merchant_id, kit_id, component_id FROM kit_components
          UNION SELECT i.merchant_id, i.kit_id, c.component_id FROM inside i
          JOIN kit_components c ON c.merchant_id = i.merchant_id AND c.kit_id = i.component_id)
        SELECT FROM inside WHERE kit_id = component_id""",
    "reservation_of_unknown_line": """
        SELECT FROM reservations r WHERE (r.held > 0 OR r.shipped > 0) AND NOT EXISTS (
          SELECT FROM order_lines l
          WHERE l.merchant_id = r.merchant_id AND l.order_id = r.order_id AND l.line_id = r.line_id)""",
    "shortage_of_unknown_line": """
        SELECT FROM shortages s WHERE NOT EXISTS (
          SELECT FROM order_lines l
          WHERE l.merchant_id = s.merchant_id AND l.order_id = s.order_id AND l.line_id = s.line_id)""",
    # Selling never takes more than is free: only a count that found fewer units explains less than nothing, until what it
    # did not find is taken back from orders.
    "free_below_zero_unexplained": """
        SELECT FROM stock s WHERE s.on_hand < s.reserved
          AND NOT EXISTS (
            SELECT FROM stock_ledger l
            WHERE l.merchant_id = s.merchant_id AND l.variant_id = s.variant_id
              AND l.location_id = s.location_id AND l.on_hand_delta < 0 AND l.reason NOT IN ('reserve',
                'release', 'ship'))""",
    "shortage_without_cause": """
        SELECT FROM shortages WHERE oversold > 0 AND cause ->> 'kind' IS NULL""",
    "shortage_open_and_closed": "SELECT FROM shortages WHERE (quantity > 0) <> (closed_at IS NULL)",
    "hold_disagrees_with_shortage": """
        SELECT FROM orders o WHERE (o.holds @> '[{"code": "short_stock"}]') <> EXISTS (
          SELECT FROM shortages s
          WHERE s.merchant_id = o.merchant_id AND s.order_id = o.order_id AND s.quantity > 0)""",
    # What is missing is missing in an incident, to the unit; an incident that ended says why.
    "shortage_disagrees_with_incidents": """
        SELECT FROM (SELECT * FROM shortages WHERE quantity > 0) s FULL JOIN (
          SELECT l.merchant_id, l.order_id, l.line_id, i.variant_id, sum(l.missing) AS missing
          FROM incident_lines l JOIN stock_incidents i USING (merchant_id, incident_id)
          WHERE l.missing > 0 AND i.closed_at IS NULL GROUP BY 1, 2, 3, 4) i
          USING (merchant_id, order_id, line_id, variant_id)
        WHERE s.quantity IS DISTINCT FROM i.missing""",
    "incident_disagrees_with_its_lines": """
        SELECT FROM stock_incidents i LEFT JOIN (
          SELECT merchant_id, incident_id, sum(missing) AS missing FROM incident_lines GROUP BY 1, 2) l
          USING (merchant_id, incident_id)
        WHERE i.missing <> coalesce(l.missing, 0) OR (i.missing > 0) <> (i.closed_at IS NULL)""",
    "incident_opened_or_closed_without_a_word": """
        SELECT FROM stock_incidents i
        WHERE NOT EXISTS (SELECT FROM incident_events e WHERE e.merchant_id = i.merchant_id
            AND e.incident_id = i.incident_id AND e.kind = 'opened')
          OR (i.closed_at IS NOT NULL) <> EXISTS (SELECT FROM incident_events e WHERE e.merchant_id = i.merchant_id
            AND e.incident_id = i.incident_id AND e.kind = 'closed' AND e.detail ->> 'because' <> '')""",
    "hold_disagrees_with_proposal": """
        SELECT FROM orders o WHERE (o.holds @> '[{"code": "cancel_proposed"}]') <> EXISTS (
          SELECT FROM incident_lines l WHERE l.merchant_id = o.merchant_id AND l.order_id = o.order_id
            AND l.missing > 0 AND l.policy = 'cancel' AND l.decided_at IS NOT NULL)""",
    "unmapped_line_without_hold": """
        SELECT FROM order_lines l JOIN orders o USING (merchant_id, order_id)
        WHERE l.moves_stock AND l.variant_id IS NULL AND l.quantity > l.quantity_cancelled
          AND o.gone_at IS NULL AND o.intake IN ('ship', 'reserve_only')
          AND NOT o.holds @> '[{"code": "unmapped_sku"}]'""",
    "gone_order_without_flag": "SELECT FROM orders WHERE (gone_at IS NOT NULL) <> ('gone' = ANY (flags))",
    "todo_without_delivery": """
        SELECT FROM todo t WHERE t.merchant_id = ANY (declared_merchants()) AND NOT EXISTS (
          SELECT FROM deliveries d WHERE d.merchant_id = t.merchant_id AND d.delivery_id = t.delivery_id)""",
    "parked_without_reason": """
        SELECT FROM parked WHERE jsonb_array_length(reasons) = 0
          OR jsonb_path_exists(reasons, '$[*] ? (!exists(@.code) || !exists(@.message))')""",
    "parked_and_still_todo": """
        SELECT FROM parked p JOIN todo t USING (merchant_id, delivery_id) WHERE p.resolved_at IS NULL""",
    "level_untold_but_not_pending": """
        SELECT FROM listing_levels WHERE desired IS NOT NULL AND NOT pending
          AND (predicted IS NULL OR predicted <> greatest(0, desired + unshipped - unseen) OR maybe IS NOT NULL)
          AND NOT EXISTS (SELECT FROM dirty d WHERE d.merchant_id = listing_levels.merchant_id
            AND d.variant_id = listing_levels.variant_id)""",
    # What a channel's number includes of its own unshipped units is what its orders say.
    "unshipped_disagrees_with_orders": """
        SELECT FROM (SELECT merchant_id, listing_id, sum(unshipped) AS units FROM listing_levels GROUP BY 1, 2) ll
        FULL JOIN (SELECT merchant_id, listing_id, sum(unshipped) AS units FROM order_lines
          WHERE unshipped > 0 AND listing_id IS NOT NULL GROUP BY 1, 2) l USING (merchant_id, listing_id)
        WHERE coalesce(ll.units, 0) <> coalesce(l.units, 0)""",
    "level_of_another_variant": """
        SELECT FROM listing_levels ll JOIN listings l USING (merchant_id, connection_id, listing_id)
        WHERE ll.variant_id IS DISTINCT FROM l.variant_id""",
    "level_may_sell_less_than_it_shows": """
        SELECT FROM listing_levels WHERE possible < predicted + unseen - unshipped""",
    # Strict listings never offer more than is free, all together, whatever answers were lost. Only where units were
    # found missing, or a rule has just made them strict, may they, and then all that is too much is being taken back.
    "strict_listings_offer_beyond_free": """
        WITH RECURSIVE made_of AS (
          SELECT merchant_id, kit_id, component_id, units, 1 AS depth FROM kit_components
          UNION ALL
          SELECT m.merchant_id, m.kit_id, c.component_id, m.units * c.units, m.depth + 1 FROM made_of m
          JOIN kit_components c ON c.merchant_id = m.merchant_id AND c.kit_id = m.component_id
          WHERE m.depth < 9),  -- a kit that contains itself is another check's
        free AS (
          SELECT merchant_id, variant_id, greatest(0, sum(on_hand - reserved)) AS units FROM stock GROUP BY 1, 2),
        shown AS (
          SELECT ll.merchant_id, ll.variant_id, max(ll.ahead) AS ahead, bool_or(ll.strict) AS strict, sum(l.units *
            -- What it has sold already, as far as is known, no write can take back.
            CASE WHEN ll.pending THEN least(ll.possible, ll.desired)
              ELSE ll.possible - greatest(0, ll.unseen - ll.desired) END) AS units
          FROM listing_levels ll JOIN listings l USING (merchant_id, listing_id) GROUP BY 1, 2),
        drawn AS (
          SELECT s.merchant_id, coalesce(m.component_id, s.variant_id) AS variant_id, s.ahead, s.strict,
            EXISTS (SELECT FROM dirty d WHERE d.merchant_id = s.merchant_id AND d.variant_id = s.variant_id) AS waits,
            CASE WHEN m.component_id IS NULL THEN s.units
              ELSE greatest(0, s.units - coalesce(f.units, 0)) * m.units END AS units
          FROM shown s LEFT JOIN free f USING (merchant_id, variant_id)
          LEFT JOIN made_of m ON m.merchant_id = s.merchant_id AND m.kit_id = s.variant_id
            AND NOT EXISTS (SELECT FROM kit_components c WHERE c.merchant_id = m.merchant_id AND c.kit_id = m.component_id))
        SELECT FROM drawn d LEFT JOIN free f USING (merchant_id, variant_id)
        GROUP BY d.merchant_id, d.variant_id, f.units
        HAVING bool_or(d.strict) AND NOT bool_or(d.waits) AND sum(d.units) > coalesce(f.units, 0) + max(d.ahead)""",
    "confirmed_beyond_desired": "SELECT FROM listing_levels WHERE confirmed_seq > desired_seq",
    "checkpoint_moved_back": """
        SELECT FROM (SELECT finished_until, lag(finished_until) OVER (
            PARTITION BY merchant_id, connection_id, resource ORDER BY epoch) AS before FROM checkpoint_log) c
        WHERE before > finished_until""",
    "checkpoint_disagrees_with_log": """
        SELECT FROM checkpoints c
        LEFT JOIN checkpoint_log l USING (merchant_id, connection_id, resource, epoch)
        WHERE l.finished_until IS DISTINCT FROM c.finished_until""",
    # Windows follow on each other: none is left out, none is there twice.
    "certificate_left_out": """
        SELECT FROM (SELECT since, lag(until) OVER (PARTITION BY merchant_id, connection_id ORDER BY since) AS before
          FROM certificates) w
        WHERE before <> since""",
    # Rows name a connection; it must be one of the same merchant.
    "cross_tenant_reference": """
        SELECT FROM (
          SELECT DISTINCT merchant_id, connection_id FROM orders
          UNION SELECT DISTINCT merchant_id, connection_id FROM deliveries
          UNION SELECT DISTINCT merchant_id, connection_id FROM listings
          UNION SELECT DISTINCT merchant_id, connection_id FROM listing_levels
          UNION SELECT DISTINCT merchant_id, connection_id FROM fetches
          UNION SELECT DISTINCT merchant_id, connection_id FROM outbox
          UNION SELECT DISTINCT merchant_id, connection_id FROM certificates
          UNION SELECT merchant_id, connection_id FROM schedule
            WHERE merchant_id = ANY (declared_merchants())
        ) r WHERE NOT EXISTS (
          SELECT FROM connections c
          WHERE c.merchant_id = r.merchant_id AND c.connection_id = r.connection_id)""",
    "line_of_foreign_variant": """
        SELECT FROM order_lines l WHERE l.variant_id IS NOT NULL AND NOT EXISTS (
          SELECT FROM variants v WHERE v.merchant_id = l.merchant_id AND v.variant_id = l.variant_id)""",
    # What was shipped is on the line. It may be more than the line has: channels let orders be edited afterwards.
    "shipment_not_on_its_line": """
        SELECT FROM fulfillment_lines l JOIN fulfillments f USING (merchant_id, fulfillment_id)
        LEFT JOIN order_lines o ON o.merchant_id = f.merchant_id AND o.order_id = f.order_id AND o.line_id = l.line_id
        GROUP BY f.merchant_id, f.order_id, l.line_id, o.quantity_fulfilled
        HAVING o.quantity_fulfilled IS NULL OR sum(l.quantity) > o.quantity_fulfilled""",
    "fulfillment_without_parcel": """
        SELECT FROM fulfillments f WHERE NOT EXISTS (SELECT FROM fulfillment_parcels p
          WHERE p.merchant_id = f.merchant_id AND p.fulfillment_id = f.fulfillment_id)""",
    "effect_done_without_answer": """
        SELECT FROM outbox o WHERE (o.status = 'done') <> EXISTS (SELECT FROM effect_attempts a
          WHERE a.merchant_id = o.merchant_id AND a.effect_id = o.effect_id AND a.outcome = 'ok')""",
    "effect_done_twice": """
        SELECT FROM effect_attempts WHERE outcome = 'ok' GROUP BY merchant_id, effect_id HAVING count(*) > 1""",
    "effect_refused_without_reason": "SELECT FROM outbox WHERE status = 'rejected' AND error = ''",
    "drift_booked_without_entry": """
        SELECT FROM drifts d WHERE d.healed_by = 'channel' AND d.units <> 0 AND NOT EXISTS (SELECT FROM stock_ledger l
          WHERE l.merchant_id = d.merchant_id AND l.op_key = 'drift:' || d.drift_id)""",
    "account_linked_twice": """
        SELECT FROM connections WHERE status <> 'disconnected'
        GROUP BY channel, account HAVING count(*) > 1""",
}

# At rest: faults are over, workers have had their time, nothing new comes in. Where a patience is given,
# $1 is the moment that long ago.
AT_REST: dict[str, tuple[str, timedelta | None]] = {
    "todo_left": ("SELECT FROM todo WHERE merchant_id = ANY (declared_merchants())", None),
    "fetches_left": (
        """SELECT FROM fetches f JOIN connections c USING (merchant_id, connection_id)
           WHERE c.status = 'active' AND f.next_at <= $1""",
        timedelta(0),
    ),
    # Unless what came of it waits for a person.
    "gap_never_healed": (
        """SELECT FROM certificates w JOIN connections c USING (merchant_id, connection_id)
           WHERE w.status <> 'certified' AND w.first_read_at <= $1 AND c.status = 'active'
             AND NOT EXISTS (SELECT FROM parked p WHERE p.merchant_id = w.merchant_id
               AND p.connection_id = w.connection_id AND p.resolved_at IS NULL)""",
        UNSEEN_PATIENCE,
    ),
    "dirty_left": ("SELECT FROM dirty WHERE merchant_id = ANY (declared_merchants())", None),
    "pending_levels_left": (
        """SELECT FROM listing_levels ll JOIN connections c USING (merchant_id, connection_id)
           WHERE ll.pending AND c.push_stock AND c.status = 'active' AND ll.next_at <= $1 AND NOT ll.frozen
             AND ll.parked_at IS NULL AND NOT EXISTS (SELECT FROM waves w WHERE w.merchant_id = ll.merchant_id
               AND w.connection_id = ll.connection_id AND w.kind = ll.wave AND w.decided_at IS NULL)""",
        timedelta(0),
    ),
    "effects_left": (
        """SELECT FROM outbox o JOIN connections c USING (merchant_id, connection_id)
           WHERE o.status = 'pending' AND c.status = 'active' AND o.next_at <= $1
             AND (c.push_fulfillments OR o.kind = 'tracker')""",
        timedelta(0),
    ),
    "effect_attempt_never_settled": (
        """SELECT FROM effect_attempts a WHERE a.outcome IS NULL AND NOT EXISTS (
             SELECT FROM effect_attempts later WHERE later.merchant_id = a.merchant_id
               AND later.effect_id = a.effect_id AND later.attempt > a.attempt AND later.outcome IS NOT NULL)""",
        None,
    ),
    # A worker that died leaves one behind; whoever took over has found out what it did.
    "attempt_never_settled": (
        """SELECT FROM push_attempts a WHERE a.outcome IS NULL AND NOT EXISTS (
             SELECT FROM push_attempts later
             WHERE (later.merchant_id, later.connection_id, later.listing_id, later.channel_location_id)
               = (a.merchant_id, a.connection_id, a.listing_id, a.channel_location_id)
               AND later.epoch > a.epoch AND later.outcome IS NOT NULL)""",
        None,
    ),
    "shortage_that_could_be_filled": (
        f"""SELECT FROM shortages sh JOIN orders o USING (merchant_id, order_id)
           JOIN order_lines l USING (merchant_id, order_id, line_id)
           JOIN stock s ON s.merchant_id = sh.merchant_id AND s.variant_id IN (sh.variant_id, l.variant_id)
           WHERE sh.quantity > 0 AND s.on_hand > s.reserved AND ({ELSEWHERE}
             OR EXISTS (SELECT FROM connection_locations cl WHERE cl.merchant_id = o.merchant_id
               AND cl.connection_id = o.connection_id AND cl.location_id = s.location_id))""",
        None,
    ),
    "promised_more_than_is_there": ("SELECT FROM stock WHERE on_hand < reserved", None),
    "cancellation_never_decided": (
        "SELECT FROM incident_lines WHERE missing > 0 AND policy = 'cancel' AND decided_at IS NULL",
        None,
    ),
    # Unless a person has to say what became of them.
    "unseen_sale_never_came": (
        """SELECT FROM listing_levels ll WHERE unseen > 0 AND unseen_at <= $1 AND NOT EXISTS (
             SELECT FROM drifts d WHERE d.merchant_id = ll.merchant_id AND d.connection_id = ll.connection_id
               AND d.listing_id = ll.listing_id AND d.channel_location_id = ll.channel_location_id
               AND d.status IN ('asked', 'ignored'))""",
        UNSEEN_PATIENCE,
    ),
    "drift_never_settled": (
        """SELECT FROM drifts d JOIN connections c USING (merchant_id, connection_id)
           JOIN listing_levels ll USING (merchant_id, connection_id, listing_id, channel_location_id)
           WHERE (d.status = 'watching' OR (d.status = 'told' AND NOT ll.pending)) AND d.looked_at <= $1
             AND c.status = 'active' AND c.push_stock""",
        UNSEEN_PATIENCE,
    ),
}


async def verify(tx: Connection, *, at_rest: bool, now: datetime) -> dict[str, Any]:
    """Check the declared merchants: {"checks": how many, "violations": {name: rows that may not exist}}.

    *at_rest* also asks that no work is left, which holds only when workers have run and nothing comes in.
    *now* is the business time that ages are measured by.
    """
    found: dict[str, int] = {}
    for name, query in ALWAYS.items():
        found[name] = await tx.fetchval(f"SELECT count(*) FROM ({query}) AS violation")
    for name, (query, patience) in AT_REST.items() if at_rest else ():
        before = [] if patience is None else [now - patience]
        found[name] = await tx.fetchval(f"SELECT count(*) FROM ({query}) AS violation", *before)
    return {"checks": len(found), "violations": {name: count for name, count in found.items() if count}}
