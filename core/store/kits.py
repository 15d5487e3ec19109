"""What kits are made of: reading them whole, nested ones with what is inside."""

from __future__ import annotations

from collections.abc import Iterable

from core.store.database import Connection

Parts = dict[int, dict[int, int]]  # kit -> component -> units in one


async def parts_of(tx: Connection, variants: Iterable[tuple[int, int]]) -> Parts:
    """What those of (merchant, variant) that are kits are made of, and every kit inside them: what
    `core.rules.kits.flatten` asks for. {} where none is a kit.
    """
    wanted = sorted(set(variants))
    rows = await tx.fetch(
        """WITH RECURSIVE inside AS (
             SELECT c.merchant_id, c.kit_id, c.component_id, c.units
             FROM unnest($1::bigint[], $2::bigint[]) AS k (merchant_id, kit_id)
             JOIN kit_components c USING (merchant_id, kit_id)
             UNION
             SELECT c.merchant_id, c.kit_id, c.component_id, c.units
             FROM inside i JOIN kit_components c ON c.merchant_id = i.merchant_id AND c.kit_id = i.component_id)
           SELECT kit_id, component_id, units FROM inside ORDER BY kit_id, component_id""",
        [pair[0] for pair in wanted],
        [pair[1] for pair in wanted],
    )
    parts: Parts = {}
    for row in rows:
        parts.setdefault(row["kit_id"], {})[row["component_id"]] = row["units"]
    return parts
