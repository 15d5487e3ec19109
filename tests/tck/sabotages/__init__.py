"""Connectors spoiled on purpose, one mistake each: mistakes that somebody could make in good faith."""

from sabotages import conversations, deliveries, live, parcels, readings, requests  # noqa: F401 - each fills the table
from sabotages.base import SABOTAGES, spoiled

__all__ = ["SABOTAGES", "spoiled"]
