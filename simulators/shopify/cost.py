"""What a query costs in points, and the bucket they are taken from. Executes nothing.

Documented at https://shopify.dev/docs/api/usage/limits: an object costs 1, a mutation 10, a connection is
sized by `first`. How it is sized is not documented; answers of real stores fit 2 points and the square root
of `first` times the node, and show that the plain values below cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import isqrt
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    IntValueNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)

from simulators.shopify.render import Json

MAX_QUERY_COST = 1000
MUTATION_COST = 10
DEAR_MUTATIONS = {"fulfillmentTrackingInfoUpdate": 50}  # as real stores charge
FREE = {
    "PageInfo",
    "MoneyV2",
    "LocationAddress",
    "UserError",
    "InventorySetQuantitiesUserError",
    "FulfillmentOrderHoldUserError",
    "FulfillmentOrderReleaseHoldUserError",
}
UNKNOWN: Any = object()  # the answer, before there is one


@dataclass(frozen=True, slots=True)
class Pricer:
    """Prices one operation. With the answer's data it tells what was used, without what may be used."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]

    def price(self, root: GraphQLObjectType, selections: SelectionSetNode, data: Any = UNKNOWN) -> int:
        if root is not self.schema.mutation_type:
            return self._inside(root, selections, data)
        total = 0
        for field_node in selections.selections:
            name = field_node.name.value if isinstance(field_node, FieldNode) else ""
            total += DEAR_MUTATIONS.get(name, MUTATION_COST)
            if isinstance(field_node, FieldNode) and field_node.selection_set:
                payload = get_named_type(root.fields[field_node.name.value].type)
                answer = _below(data, field_node)
                total += max(0, self._inside(payload, field_node.selection_set, answer) - 1)
        return total

    def _inside(self, parent: Any, selections: SelectionSetNode, data: Any) -> int:
        total = 0
        for node in selections.selections:
            if isinstance(node, FragmentSpreadNode):
                fragment = self.fragments[node.name.value]
                total += self._inside(
                    self.schema.get_type(fragment.type_condition.name.value), fragment.selection_set, data
                )
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                target = self.schema.get_type(condition.name.value) if condition else parent
                total += self._inside(target, node.selection_set, data)
            elif isinstance(node, FieldNode) and node.selection_set:
                total += self._field(parent, node, node.selection_set, _below(data, node))
        return total

    def _field(self, parent: Any, node: FieldNode, selections: SelectionSetNode, data: Any) -> int:
        if (
            not isinstance(parent, GraphQLObjectType | GraphQLInterfaceType)
            or node.name.value not in parent.fields
        ):
            return 0
        kind = get_named_type(parent.fields[node.name.value].type)
        if data is None:
            return 1
        if kind.name.endswith("Connection"):
            count, sample = self._size(node), UNKNOWN
            if data is not UNKNOWN:
                items: list[Any] = next((data[key] for key in ("nodes", "edges") if key in data), [])
                count, sample = len(items), data
            return 2 + isqrt(count) * self._inside(kind, selections, sample)
        times = isqrt(self._ids(node)) if node.name.value == "nodes" else 1
        if isinstance(data, list):
            data = next((one for one in data if one is not None), UNKNOWN)
        own = 0 if kind.name in FREE or kind.name.endswith("Edge") else 1
        if isinstance(kind, GraphQLUnionType):
            return own
        return times * (own + self._inside(kind, selections, data))

    def _ids(self, node: FieldNode) -> int:
        """How many ids `nodes(ids:)` asks for; it is sized like a connection. 1 where it has none."""
        for argument in node.arguments or ():
            if isinstance(argument.value, VariableNode):
                return len(self.variables.get(argument.value.name.value) or ())
        return 1

    def _size(self, node: FieldNode) -> int:
        for argument in node.arguments or ():
            if argument.name.value == "first":
                if isinstance(argument.value, VariableNode):
                    return int(self.variables.get(argument.value.name.value) or 0)
                if isinstance(argument.value, IntValueNode):
                    return int(argument.value.value)
        return 0


def _below(data: Any, node: FieldNode) -> Any:
    if isinstance(data, dict):
        return data.get((node.alias or node.name).value, UNKNOWN)
    return UNKNOWN


@dataclass(slots=True)
class Bucket:
    """A leaky bucket of points that fills again at *restore_rate* a second."""

    maximum: float
    restore_rate: float
    now: Callable[[], datetime]
    available: float = field(init=False)
    _at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.available = self.maximum
        self._at = self.now()

    def holds(self, points: int) -> bool:
        at = self.now()
        passed = max(0.0, (at - self._at).total_seconds())
        self.available = min(self.maximum, self.available + passed * self.restore_rate)
        self._at = at
        return self.available >= points

    def take(self, points: int) -> None:
        self.available -= points

    def report(self, requested: int, actual: int | None) -> Json:
        """The `extensions.cost` of an answer."""
        return {
            "requestedQueryCost": requested,
            "actualQueryCost": actual,
            "throttleStatus": {
                "maximumAvailable": self.maximum,
                "currentlyAvailable": int(self.available),
                "restoreRate": self.restore_rate,
            },
        }
