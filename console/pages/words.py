"""Says states, times and causes in words, for the pages. Knows no HTML but the time element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from markupsafe import Markup

NOTHING = "\N{EN DASH}"
SPANS = ((86400, "day"), (3600, "h"), (60, "min"), (1, "s"))

# status of a connection -> (kind of badge, glyph, word)
CONNECTION = {
    "active": ("good", "●", "healthy"),
    "failing": ("warn", "▲", "failing"),
    "reauth_required": ("bad", "✕", "needs new credentials"),
    "disconnected": ("quiet", "○", "disconnected"),
}
# outcome of a run -> the same
RUN = {
    "ok": ("good", "●", "ok"),
    "failed": ("bad", "✕", "failed"),
    "died": ("bad", "✕", "died"),
    "lost_lease": ("warn", "▲", "lost its lease"),
    "put_off": ("quiet", "…", "put off"),
    "running": ("quiet", "…", "running"),
}
# level of a line that a run said -> the same
LEVEL = {
    "info": ("quiet", "○", "info"),
    "warning": ("warn", "▲", "warning"),
    "error": ("bad", "✕", "error"),
    "critical": ("bad", "✕", "critical"),
}
# status of a difference between a channel's count and ours -> the same
DRIFT = {
    "watching": ("quiet", "…", "watched: an order may explain it"),
    "told": ("quiet", "…", "being told again"),
    "asked": ("warn", "▲", "asks you"),
    "ignored": ("quiet", "○", "left as it is"),
    "closed": ("good", "●", "over"),
}
INTAKE = {
    "ship": "ship",
    "reserve_only": "reserve only",
    "record_only": "record only",
    "ignore": "ignored",
}


def span(seconds: float) -> str:
    """A length of time as a person says it: "12 s", "3 min", "2 days"."""
    for size, name in SPANS:
        count = int(seconds // size)
        if count >= 1:
            return f"{count} {name}{'s' if name == 'day' and count > 1 else ''}"
    return "0 s"


def ago(moment: datetime | None, now: datetime, never: str = "never") -> Markup | str:
    """A time element: relative in the text, absolute UTC in its attributes."""
    if moment is None:
        return never
    utc = moment.astimezone(UTC)
    seconds = (now - utc).total_seconds()
    text = (
        "just now" if abs(seconds) < 1 else f"{span(seconds)} ago" if seconds > 0 else f"in {span(-seconds)}"
    )
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        utc.isoformat(timespec="seconds").replace("+00:00", "Z"), f"{utc:%Y-%m-%d %H:%M:%S}", text
    )


def healed(drift: Mapping[str, Any]) -> str:
    """What ended a difference, and how long that took: "told again, after 2 min"; "" while it is open."""
    if drift["closed_at"] is None:
        return ""
    ends = {"hub": "told again", "channel": "booked", "order": "an order explained it", "itself": "by itself"}
    how = ends.get(drift["healed_by"], f"by {drift['healed_by']}")
    return f"{how}, after {span((drift['closed_at'] - drift['found_at']).total_seconds())}"


def took(run: Mapping[str, Any]) -> str:
    """How long a run took, in milliseconds or seconds."""
    if run["finished_at"] is None:
        return NOTHING
    seconds = (run["finished_at"] - run["started_at"]).total_seconds()
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def at(moment: datetime) -> Markup:
    """A time to the millisecond, the day in its title: lines of a log are compared with each other."""
    utc = moment.astimezone(UTC)
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        utc.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        f"{utc:%Y-%m-%d %H:%M:%S}",
        utc.time().isoformat(timespec="milliseconds"),
    )


def about(line: Mapping[str, Any]) -> str:
    """What a line of a log is about, but for its order: "effect 7, code rate_limited"."""
    named = {"effect": line["effect_id"], "attempt": line["attempt"], **line["fields"]}
    return ", ".join(f"{event(name)} {value}" for name, value in named.items() if value not in (None, ""))


def counts(detail: Mapping[str, Any]) -> str:
    """The counts of a run that are not zero: "orders 12, pages 2"."""
    flat: list[str] = []
    for name, value in detail.items():
        if isinstance(value, Mapping):
            flat.extend(part for part in [counts(value)] if part)
        elif value not in (0, None, "", False):
            flat.append(f"{name.replace('_', ' ')} {value}")
    return ", ".join(flat)


def money(amount: Decimal | None, currency: str | None) -> str:
    """An amount with its currency; at least two decimals, none of them rounded away."""
    if amount is None:
        return NOTHING
    plain = amount.normalize()
    exponent = plain.as_tuple().exponent
    places = max(2, -exponent if isinstance(exponent, int) else 2)
    return f"{plain:,.{places}f} {currency or ''}".strip()


def plural(count: int, one: str, many: str = "") -> str:
    """A count with its noun: "1 order", "2 orders"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def headline(linked: Sequence[Mapping[str, Any]], needs: int) -> tuple[str, str]:
    """(kind, sentence): the state of the hub in one sentence. *linked* are the connections that are not
    disconnected, each with its *health*.
    """
    if not linked:
        return "quiet", "No shop is connected yet." + (f" {_needs(needs)}." if needs else "")
    healthy = sum(connection["health"] == "active" for connection in linked)
    total = len(linked)
    if healthy == total:
        well = "Your connection is healthy" if total == 1 else f"All {total} connections are healthy"
    elif healthy:
        well = f"{healthy} of {plural(total, 'connection')} {'is' if healthy == 1 else 'are'} healthy"
    else:
        well = "Your connection is not healthy" if total == 1 else f"None of {total} connections is healthy"
    if not needs:
        return "good", f"{well}; nothing needs you."
    return ("warn" if healthy == total else "bad"), f"{well}; {_needs(needs)}."


def _needs(needs: int) -> str:
    return "1 thing needs you" if needs == 1 else f"{needs} things need you"


def shortage_cause(shortage: Mapping[str, Any], names: Mapping[int, str]) -> str:
    """Why units were sold that no shelf has, from the plain data of `core.rules.shortage.explain`."""
    cause = shortage["cause"]
    here = names.get(shortage["connection_id"], "this channel")
    there = names.get(cause.get("competing_connection") or 0, "another channel")
    match cause.get("kind"):
        case "sold_ahead":
            return f"{here} may sell it before the units are there: the order waits for them."
        case "not_pushed":
            return f"{here} sold what it believed it had: its stock push is off, so it was never told."
        case "count" if cause.get("lowered_by"):
            return f"Set aside, and not on the shelf any more ({cause['lowered_by']}): {cause['chosen_because']}."
        case "given_up":
            return f"Its units went to order {cause['to_order']}: {cause['chosen_because']}."
        case "count":
            showed = cause.get("channel_showed")
            believed = f"{here} showed {showed}" if showed is not None else f"{here} believed it had more"
            return f"Nobody else took the units: {believed}, the shelf had fewer. The count may be wrong."
        case "channel_lag":
            return f"{there} sold the same units, but told us only after this order was placed at {here}."
        case "our_lag":
            told = cause.get("channel_told_at")
            last = f" (last told {told[:19].replace('T', ' ')} UTC)" if told else ""
            return f"{there} sold the same units and we knew, but had not told {here} yet{last}."
        case _:
            return "The cause was not recorded."


def event(kind: str) -> str:
    """A code as words: "order_placed" becomes "order placed"."""
    return kind.replace("_", " ")


def states(detail: Mapping[str, Any]) -> str:
    """The state an event led to: "paid, unfulfilled, ship"."""
    return ", ".join(event(str(value)) for value in detail.values() if value)
