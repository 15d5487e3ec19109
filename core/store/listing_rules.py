"""The merchant's rules of what listings may sell: one row per scope, and which variants a scope is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.rules.offers import ListingRule, changes_at
from core.store.database import Connection


@dataclass(frozen=True, slots=True)
class Scope:
    """What a rule is about: one listing, variants with a tag, a connection, or (all empty) the whole merchant."""

    connection_id: int = 0
    tag: str = ""
    listing_id: int = 0

    @property
    def words(self) -> str:
        """What it is about, in a word: the kind of scope, with the tag where it is one."""
        if self.listing_id:
            return "listing"
        return f"tag {self.tag}" if self.tag else "connection" if self.connection_id else "merchant"


@dataclass(frozen=True, slots=True)
class Said:
    """A rule with its scope and its merchant."""

    merchant_id: int
    scope: Scope
    rule: ListingRule


async def rule_of(tx: Connection, merchant_id: int, scope: Scope) -> ListingRule:
    """What is said about exactly this scope; the row stays locked until the transaction ends."""
    found = await tx.fetchval(
        """SELECT rule FROM listing_rules WHERE merchant_id = $1 AND connection_id = $2 AND tag = $3 AND listing_id = $4
           FOR UPDATE""",
        merchant_id,
        scope.connection_id,
        scope.tag,
        scope.listing_id,
    )
    return ListingRule.model_validate(found or {})


async def put_rule(
    tx: Connection, merchant_id: int, scope: Scope, rule: ListingRule, said_by: str, now: datetime
) -> None:
    """Replace what is said about a scope; a rule that says nothing is taken away."""
    said = rule.model_dump(mode="json", exclude_none=True)
    where = (merchant_id, scope.connection_id, scope.tag, scope.listing_id)
    if not said:
        await tx.execute(
            "DELETE FROM listing_rules WHERE merchant_id = $1 AND connection_id = $2 AND tag = $3 AND listing_id = $4",
            *where,
        )
        return
    await tx.execute(
        """INSERT INTO listing_rules (merchant_id, connection_id, tag, listing_id, rule, changes_at, said_by, said_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
           ON CONFLICT (merchant_id, connection_id, tag, listing_id) DO UPDATE SET rule = excluded.rule,
             changes_at = excluded.changes_at, said_by = excluded.said_by, said_at = excluded.said_at""",
        *where,
        said,
        changes_at(rule, now),
        said_by,
        now,
    )


async def rules_about(tx: Connection, merchants: Iterable[int], listings: Sequence[int]) -> list[Said]:
    """All rules of *merchants* but those of listings that are not among *listings*."""
    rows = await tx.fetch(
        """SELECT merchant_id, connection_id, tag, listing_id, rule FROM listing_rules
           WHERE merchant_id = ANY ($1::bigint[]) AND (listing_id = 0 OR listing_id = ANY ($2::bigint[]))
           ORDER BY merchant_id, connection_id, tag, listing_id""",
        sorted(set(merchants)),
        listings,
    )
    return [
        Said(
            row["merchant_id"],
            Scope(row["connection_id"], row["tag"], row["listing_id"]),
            ListingRule.model_validate(row["rule"]),
        )
        for row in rows
    ]


async def with_limit(tx: Connection, merchants: Sequence[int]) -> list[int]:
    """Those of *merchants* that say anywhere how much may be oversold."""
    rows = await tx.fetch(
        """SELECT DISTINCT merchant_id FROM listing_rules
           WHERE merchant_id = ANY ($1::bigint[]) AND rule ? 'buffer_limit' ORDER BY 1""",
        merchants,
    )
    return [row["merchant_id"] for row in rows]


async def tags_of(tx: Connection, variants: Iterable[tuple[int, int]]) -> dict[int, tuple[str, ...]]:
    """Variant -> its tags, for those of (merchant, variant) that have some."""
    wanted = sorted(set(variants))
    rows = await tx.fetch(
        """SELECT v.variant_id, v.tags FROM unnest($1::bigint[], $2::bigint[]) AS k (merchant_id, variant_id)
           JOIN variants v USING (merchant_id, variant_id) WHERE v.tags <> '{}'""",
        [pair[0] for pair in wanted],
        [pair[1] for pair in wanted],
    )
    return {row["variant_id"]: tuple(row["tags"]) for row in rows}


async def variants_in(tx: Connection, merchant_id: int, scope: Scope) -> list[int]:
    """Variants with a listing that a rule of *scope* is about."""
    rows = await tx.fetch(
        """SELECT DISTINCT l.variant_id FROM listings l JOIN variants v USING (merchant_id, variant_id)
           WHERE l.merchant_id = $1 AND ($2 = 0 OR l.connection_id = $2) AND ($3 = '' OR $3 = ANY (v.tags))
             AND ($4 = 0 OR l.listing_id = $4) ORDER BY 1""",
        merchant_id,
        scope.connection_id,
        scope.tag,
        scope.listing_id,
    )
    return [row["variant_id"] for row in rows]


async def due(tx: Connection, now: datetime) -> list[Said]:
    """Rules of the declared merchants that have come to other offers by themselves since they were looked at last;
    they are not found again before their next change.
    """
    rows = await tx.fetch(
        """SELECT merchant_id, connection_id, tag, listing_id, rule FROM listing_rules WHERE changes_at <= $1
           ORDER BY merchant_id, connection_id, tag, listing_id FOR UPDATE SKIP LOCKED""",
        now,
    )
    found = []
    for row in rows:
        scope = Scope(row["connection_id"], row["tag"], row["listing_id"])
        rule = ListingRule.model_validate(row["rule"])
        await tx.execute(
            """UPDATE listing_rules SET changes_at = $5
               WHERE merchant_id = $1 AND connection_id = $2 AND tag = $3 AND listing_id = $4""",
            row["merchant_id"],
            scope.connection_id,
            scope.tag,
            scope.listing_id,
            changes_at(rule, now),
        )
        found.append(Said(row["merchant_id"], scope, rule))
    return found


async def rules_for_people(tx: Connection) -> list[dict[str, Any]]:
    """Every rule of the declared merchants, the widest scope first: merchant, scope in words, rule, said_by, said_at."""
    rows = await tx.fetch(
        """SELECT m.name AS merchant, c.name AS connection, r.tag, l.listing_id, coalesce(l.sku, l.title) AS listing,
             lc.name AS listed_at, r.rule, r.said_by, r.said_at
           FROM listing_rules r JOIN merchants m USING (merchant_id)
           LEFT JOIN connections c ON c.merchant_id = r.merchant_id AND c.connection_id = r.connection_id
           LEFT JOIN listings l ON l.merchant_id = r.merchant_id AND l.listing_id = r.listing_id
           LEFT JOIN connections lc ON lc.merchant_id = l.merchant_id AND lc.connection_id = l.connection_id
           ORDER BY m.name, r.listing_id, r.tag, r.connection_id"""
    )
    return [dict(row) for row in rows]


async def put_tags(tx: Connection, merchant_id: int, skus: Sequence[str], tags: Sequence[str]) -> list[int]:
    """Give variants these tags instead of those they have; returns the variants that were found."""
    rows = await tx.fetch(
        """UPDATE variants SET tags = $3 WHERE merchant_id = $1 AND sku = ANY ($2::text[]) RETURNING variant_id""",
        merchant_id,
        skus,
        sorted(set(tags)),
    )
    return sorted(row["variant_id"] for row in rows)
