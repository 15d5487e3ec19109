"""A small simulated marketplace whose stock semantics are chosen when it is opened; there is no such vendor."""

from simulators.plain.semantics import Lag, Semantics
from simulators.plain.shop import PlainOrder, PlainShop

__all__ = ["Lag", "PlainOrder", "PlainShop", "Semantics"]
