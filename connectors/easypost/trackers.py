"""Has EasyPost follow a parcel. Reads no tracker: what EasyPost answers is handed on as it came."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import mappings
from connectors.easypost.wire import API, rows, thing, write
from core.connector import Page
from core.errors import ChannelError, ErrorCode
from core.flow import Flow, Request, encode
from core.model.fulfillment import TrackerWanted
from mappings.engine import compile_mapping

_CARRIERS = compile_mapping((Path(mappings.__file__).parent / "easypost" / "carrier.toml").read_text("utf-8"))
_PAGE_SIZE = 100  # the API's maximum


def create_tracker(wanted: TrackerWanted) -> Flow[Page]:
    """Follow *wanted*; what is known of it at once comes back as a delivery of topic `callback`.

    For a tracking code and carrier that it has been given within three months EasyPost answers with the tracker it
    has. Looking first finds older ones too, so that nothing is paid for twice.
    https://docs.easypost.com/docs/trackers
    """
    carrier = carrier_name(wanted.carrier)
    found = (yield from _existing(wanted.tracking_number, carrier)) if wanted.look_first else None
    if found is None:
        tracker = {"tracking_code": wanted.tracking_number, **({"carrier": carrier} if carrier else {})}
        found = thing((yield write("POST", "/trackers", {"tracker": tracker})))
    if not _same(found.get("tracking_code"), wanted.tracking_number):
        raise ChannelError(
            ErrorCode.UNEXPECTED,
            f"EasyPost answered with another thing than a tracker of {wanted.tracking_number[:60]}",
        )
    return Page("callback", (encode(found),), None)


def _existing(tracking_number: str, carrier: str) -> Flow[dict[str, Any] | None]:
    """The newest tracker of this parcel; lists begin with the newest."""
    query = [("tracking_code", tracking_number), ("page_size", str(_PAGE_SIZE))]
    query += [("carrier", carrier)] if carrier else []
    found = rows((yield Request("GET", f"{API}/trackers", query=tuple(query))), "trackers")
    return next(
        (
            row
            for row in found
            if _same(row.get("tracking_code"), tracking_number)
            and (not carrier or _same(row.get("carrier"), carrier))
        ),
        None,
    )


def carrier_name(written: str) -> str:
    """What EasyPost calls the carrier that a merchant has *written*, in any spelling; an unknown one stays as it is.

    >>> carrier_name("dhl express"), carrier_name("Ups"), carrier_name("Moon Mail")
    ('DHLExpress', 'UPS', 'Moon Mail')
    """
    squeezed = re.sub(r"[\W_]+", "", written.lower())
    known, _ = _CARRIERS.apply({"carrier": squeezed})
    return str(known["carrier"] or written.strip())


def _same(one: Any, other: str) -> bool:
    return isinstance(one, str) and "".join(one.split()).upper() == "".join(other.split()).upper()
