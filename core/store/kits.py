"""What kits are made of: reading them whole, nested ones with what is inside, and replacing them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from core.store.database import Connection, Row

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
    return _parts(rows)


async def all_parts(tx: Connection, merchant_id: int) -> Parts:
    """Every kit of a merchant."""
    return _parts(
        await tx.fetch(
            """SELECT kit_id, component_id, units FROM kit_components WHERE merchant_id = $1
               ORDER BY kit_id, component_id""",
            merchant_id,
        )
    )


def _parts(rows: Iterable[Row]) -> Parts:
    parts: Parts = {}
    for row in rows:
        parts.setdefault(row["kit_id"], {})[row["component_id"]] = row["units"]
    return parts


async def lock_definitions(tx: Connection, merchant_id: int) -> None:
    """Keep others from defining this merchant's kits until the transaction ends: two changes that are fine by
    themselves may be a circle together.
    """
    await tx.execute("SELECT FROM merchants WHERE merchant_id = $1 FOR NO KEY UPDATE", merchant_id)


async def lock_variants(tx: Connection, merchant_id: int, variants: Sequence[int]) -> None:
    """Keep others from giving *variants* a first balance until the transaction ends."""
    await tx.execute(
        """SELECT FROM variants WHERE merchant_id = $1 AND variant_id = ANY ($2::bigint[])
           ORDER BY variant_id FOR UPDATE""",
        merchant_id,
        variants,
    )


async def replace(tx: Connection, merchant_id: int, parts: Mapping[int, Mapping[int, int]]) -> None:
    """Make each kit of *parts* consist of exactly these components; of none: it is no kit any more."""
    rows = [(kit, component, units) for kit, inside in parts.items() for component, units in inside.items()]
    await tx.execute(
        "DELETE FROM kit_components WHERE merchant_id = $1 AND kit_id = ANY ($2::bigint[])",
        merchant_id,
        list(parts),
    )
    await tx.execute(
        """INSERT INTO kit_components (merchant_id, kit_id, component_id, units)
           SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::int[])""",
        merchant_id,
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
    )


async def variants_named(tx: Connection, merchant_id: int, skus: Sequence[str]) -> dict[str, int]:
    """SKU -> variant, of those *skus* that are known."""
    rows = await tx.fetch(
        "SELECT sku, variant_id FROM variants WHERE merchant_id = $1 AND sku = ANY ($2::text[])",
        merchant_id,
        skus,
    )
    return {row["sku"]: row["variant_id"] for row in rows}


async def skus_of(tx: Connection, merchant_id: int, variants: Iterable[int]) -> dict[int, str]:
    """Variant -> SKU."""
    rows = await tx.fetch(
        "SELECT variant_id, sku FROM variants WHERE merchant_id = $1 AND variant_id = ANY ($2::bigint[])",
        merchant_id,
        list(variants),
    )
    return {row["variant_id"]: row["sku"] for row in rows}


async def free_units(tx: Connection, merchant_id: int, variants: Iterable[int]) -> dict[int, dict[int, int]]:
    """Location -> variant -> free units, as `core.rules.kits` asks for them."""
    rows = await tx.fetch(
        """SELECT location_id, variant_id, on_hand - reserved AS free FROM stock
           WHERE merchant_id = $1 AND variant_id = ANY ($2::bigint[])""",
        merchant_id,
        list(variants),
    )
    free: dict[int, dict[int, int]] = {}
    for row in rows:
        free.setdefault(row["location_id"], {})[row["variant_id"]] = row["free"]
    return free
