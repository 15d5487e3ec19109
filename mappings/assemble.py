"""Turns mapped fields into an Order: what must be readable, what becomes a hold, what is flagged.

Only an order whose id, lines or quantities cannot be read is `Unreadable`. Everything else that is unknown
becomes a hold with the place and the value, so that the sale is reserved all the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from core.connector import OrderRead, Overrides, Problem, Unreadable
from core.model.order import Hold, Order
from core.rules.totals import amounts_add_up, fulfillment_status, lines_add_up, refunded_too_much
from mappings.engine import Mapping

MAX_LINES = 5_000

_REPAIRED = re.compile(rb"\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})")
_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")


def read_order(
    mapping: Mapping,
    payload: Any,
    *,
    channel: str,
    overrides: Overrides,
    body: bytes = b"",
    guard: Callable[[Any], list[Problem]] = lambda _: [],
    finish: Callable[[dict[str, Any], list[Problem]], None] = lambda _values, _problems: None,
) -> OrderRead | Unreadable:
    """Read one order payload.

    *guard* is the payload's contract (`mappings.contracts`): what it finds joins the holds. *finish* may complete
    the mapped values in place before the order is built (a channel's own arithmetic). *body* is looked at for
    characters that had to be repaired.
    """
    if not isinstance(payload, dict):
        return Unreadable((Problem(code="shape", pointer="", message="the payload is not an object"),))
    values, problems = mapping.apply(payload, overrides)
    fatal = _fatal(values, problems)
    if fatal:
        return Unreadable(fatal)
    seen = {problem.pointer for problem in problems}
    problems += [problem for problem in guard(payload) if problem.pointer not in seen]
    finish(values, problems)
    lines, doubled = _distinct(values["lines"])
    flags = list(values.pop("flags", ()) or ())
    if _REPAIRED.search(body) and _REPAIRED.search(_PAIR.sub(b"", body)):
        flags.append("text_repaired")
    holds = [Hold(code=p.code, pointer=p.pointer, message=p.message) for p in [*problems, *doubled]]
    known = {name: value for name, value in values.items() if value is not None}
    try:
        order = Order.model_validate({**known, "channel": channel, "lines": lines})
    except ValidationError as error:
        return Unreadable(
            tuple(
                Problem(code="shape", pointer="/" + "/".join(map(str, e["loc"])), message=e["msg"])
                for e in error.errors()
            )
        )
    if amounts_add_up(order) is False or lines_add_up(order) is False:
        flags.append("amount_mismatch")
        holds.append(
            Hold(code="amount_mismatch", pointer="", message="the order's amounts do not add up to its total")
        )
    if refunded_too_much(order):
        message = "more money was given back than the order cost"
        holds.append(Hold(code="refund_exceeds_total", pointer="", message=message))
    return OrderRead(
        order.model_copy(
            update={
                "holds": tuple(holds),
                "flags": tuple(flags),
                "fulfillment_status": fulfillment_status(order.lines),
            }
        )
    )


def _fatal(values: dict[str, Any], problems: list[Problem]) -> tuple[Problem, ...]:
    lines = values.get("lines")
    if values.get("channel_order_id") is None or not isinstance(lines, list):
        return tuple(problems) or (
            Problem(code="shape", pointer="", message="no order id or no list of lines could be read"),
        )
    if len(lines) > MAX_LINES:
        return (Problem(code="shape", pointer="", message=f"more than {MAX_LINES} lines"),)
    if any(line.get("quantity") is None or line.get("line_id") is None for line in lines):
        return tuple(problems)
    return ()


def _distinct(lines: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[Problem]]:
    """A line id given twice stays two lines (both reserved), and a person looks at it."""
    seen: dict[str, int] = {}
    kept: list[dict[str, Any]] = []
    problems: list[Problem] = []
    for index, line in enumerate(lines):
        line_id = line["line_id"]
        seen[line_id] = seen.get(line_id, 0) + 1
        if seen[line_id] > 1:
            message = f"the line id {line_id} is given twice"
            problems.append(Problem(code="duplicate_line", pointer=f"/lines/{index}", message=message))
            line_id = f"{line_id}#{seen[line_id]}"
        line["line_id"] = line_id
        kept.append({key: value for key, value in line.items() if value is not None})
    return kept, problems
