"""Why a channel shows what it shows: the state of a level as sentences for a person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any


def not_levelled(level: Mapping[str, Any], *, counted: bool) -> str | None:
    """Why nothing is worked out for a listing; None where it is. *counted*: its variant was ever counted."""
    if level["variant_id"] is None:
        return "It is matched to no variant: see `fairway catalog --report`."
    if level["bundle"]:
        return "It is a bundle of the channel's own: its count cannot be written."
    if not level["tracked"]:
        return "The channel keeps no count for it."
    if level["channel_location_id"] is None:
        return "The channel has shown no count for it yet: see `fairway catalog`."
    if not level["shelves"]:
        return "No location stands behind it: see `fairway stock locations`."
    if not counted:
        return "It was never counted, so its channel is told nothing: see `fairway stock count`."
    return None


def why_pending(level: Mapping[str, Any], now: datetime) -> list[str]:
    """What keeps a level from showing what it should, the strongest reason first; [] where it shows it."""
    if level["dirty"]:
        return ["It is being levelled anew."]
    if not level["pending"]:
        return []
    reasons = []
    if level["status"] != "active":
        reasons.append(
            f"The connection is {level['status'].replace('_', ' ')}: nothing is written before it works again."
        )
    if not level["push_stock"]:
        reasons.append(
            f"Nothing is written to this connection: fairway connections --push-on {level['connection']}"
        )
    if level["frozen"]:
        reasons.append("It is frozen: nothing is written before `fairway unfreeze`.")
    if level["parked_at"] is not None:
        reasons.append(
            f"Not tried again before its offer changes, or `fairway stock retry`. The channel said: {level['error']}"
        )
    if level["held"]:
        reasons.append("It is part of a wave that waits for a person: see `fairway waves`.")
    if level["maybe"] is not None:
        reasons.append(
            f"A try or a sale at the same moment left it open whether {level['maybe']} is shown; it is looked at again."
        )
    if level["failures"] and level["parked_at"] is None and level["next_at"] > now:
        reasons.append(f"Tried again at {level['next_at']:%H:%M:%S}. The channel said: {level['error']}")
    if not reasons:
        reasons.append("It is told with the next push.")
    return reasons


def where_it_stands(level: Mapping[str, Any]) -> list[str]:
    """What a channel should show, step by step from what it was told."""
    if level["predicted"] is None:
        return ["nobody has looked yet"]
    said = []
    if level["confirmed"] is not None:
        told = f"{level['confirmed_at']:%Y-%m-%d %H:%M:%S}" if level["confirmed_at"] else "once"
        said.append(f"showed {level['confirmed']} when it was told or looked at ({told})")
    if level["confirmed"] != level["predicted"]:
        said.append(f"should show {level['predicted']} by itself, after its own sales")
    if level["unseen"]:
        said.append(f"sold {level['unseen']} whose orders are on their way")
    if level["possible"] > max(0, level["predicted"]) + level["unseen"]:
        said.append(f"may be selling up to {level['possible']} until it has confirmed less")
    return said
