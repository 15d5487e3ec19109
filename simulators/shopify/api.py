"""Executes GraphQL for a simulated shop: validated against its schema, paid from its bucket of points.

Answers are the bodies that Shopify gives with status 200, errors included; see
https://shopify.dev/docs/api/admin-graphql/2026-07#status-and-error-codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    build_schema,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
)

from simulators.books import Books
from simulators.shopify.cost import MAX_QUERY_COST, Bucket, Pricer
from simulators.shopify.render import Json
from simulators.shopify.root import Root

LIMITS_PAGE = "https://shopify.dev/api/usage/rate-limits"


@cache
def schema() -> GraphQLSchema:
    """The part of the Admin API this simulator knows."""
    folder = Path(__file__).with_name("schema")
    return build_schema("\n".join(path.read_text("utf-8") for path in sorted(folder.glob("*.graphql"))))


@dataclass(frozen=True, slots=True)
class _Known:
    """A document that was seen before: parsed, and what is wrong with it."""

    document: DocumentNode | None
    errors: tuple[GraphQLError, ...]


@dataclass(slots=True)
class Api:
    """Counts every operation in *books* by the name of its fields."""

    root: Root
    bucket: Bucket
    books: Books
    _known: dict[str, _Known] = field(default_factory=dict)

    def answer(self, query: str, variables: Mapping[str, Any] | None, operation_name: str | None) -> Json:
        known = self._known.get(query)
        if known is None:
            known = self._known[query] = _read(query)
        if known.document is None or known.errors:
            return {"errors": [error.formatted for error in known.errors]}
        operation = get_operation_ast(known.document, operation_name)
        if operation is None:
            return {"errors": [{"message": f"No operation named {operation_name!r}"}]}
        pricer = Pricer(schema(), _fragments(known.document), variables or {})
        is_mutation = operation.operation is OperationType.MUTATION
        root_type = schema().mutation_type if is_mutation else schema().query_type
        assert root_type is not None  # noqa: S101 - both are in the schema
        requested = pricer.price(root_type, operation.selection_set)
        if requested > MAX_QUERY_COST:
            return {"errors": [_too_expensive(requested)]}
        if not self.bucket.holds(requested):
            self.books.throttled += 1
            throttled = {
                "message": "Throttled",
                "extensions": {"code": "THROTTLED", "documentation": LIMITS_PAGE},
            }
            return {"errors": [throttled], "extensions": {"cost": self.bucket.report(requested, None)}}
        self.books.calls.update(_names(operation))
        result = execute_sync(
            schema(),
            known.document,
            root_value=self.root.mutations() if is_mutation else self.root.queries(),
            variable_values=dict(variables or {}),
            operation_name=operation_name,
        )
        actual = pricer.price(root_type, operation.selection_set, result.data)
        self.bucket.take(min(actual, requested))
        answer: Json = {"data": result.data} if result.data is not None or not result.errors else {}
        if result.errors:
            answer["errors"] = [error.formatted for error in result.errors]
        return answer | {"extensions": {"cost": self.bucket.report(requested, min(actual, requested))}}


def _read(query: str) -> _Known:
    try:
        document = parse(query)
    except GraphQLError as error:
        return _Known(None, (error,))
    return _Known(document, tuple(validate(schema(), document)))


def _fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}


def _names(operation: OperationDefinitionNode) -> list[str]:
    return [name.value for one in operation.selection_set.selections if (name := getattr(one, "name", None))]


def _too_expensive(cost: int) -> Json:
    return {
        "message": f"Query cost is {cost}, which exceeds the single query max cost limit ({MAX_QUERY_COST}).",
        "extensions": {
            "code": "MAX_COST_EXCEEDED",
            "cost": cost,
            "maxCost": MAX_QUERY_COST,
            "documentation": LIMITS_PAGE,
        },
    }
