"""What every REST handler needs: call, answer, WordPress's error objects, paging and field selection."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from simulators.woocommerce.face import Face

if TYPE_CHECKING:
    from simulators.woocommerce.shop import WooCommerceSimulator

Row = TypeVar("Row")

_DATE = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d(?::?\d\d)?)?")


class RestError(Exception):
    """A refusal as WordPress writes it: code, message (HTML entities and all) and data with the status."""

    def __init__(self, status: int, code: str, message: str, **data: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"code": code, "message": message, "data": {"status": status, **data}}


def invalid(name: str, message: str, code: str, data: Any = None) -> RestError:
    """A parameter that breaks the route's schema."""
    return RestError(
        400,
        "rest_invalid_param",
        f"Invalid parameter(s): {name}",
        params={name: message},
        details={name: {"code": code, "message": message, "data": data}},
    )


def missing(name: str) -> RestError:
    return RestError(400, "rest_missing_callback_param", f"Missing parameter(s): {name}", params=[name])


def not_one_of(name: str, allowed: Sequence[str]) -> RestError:
    return invalid(
        name, f"{name} is not one of {', '.join(allowed[:-1])}, and {allowed[-1]}.", "rest_not_in_enum"
    )


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request. *args*: the numbers in its path; *face*: the shop at this address."""

    shop: WooCommerceSimulator
    path: str
    query: Mapping[str, str]
    body: dict[str, Any]
    args: tuple[int, ...]
    face: Face

    def whole(self, name: str, default: int) -> int:
        text = self.query.get(name, str(default))
        if not text.lstrip("-").isdecimal():
            raise invalid(name, f"{name} is not of type integer.", "rest_invalid_type", {"param": name})
        return int(text)

    def flag(self, name: str) -> bool:
        return self.query.get(name, "").lower() in ("1", "true")

    def choice(self, name: str, allowed: Sequence[str], default: str) -> str:
        value = self.query.get(name, default)
        if value not in allowed:
            raise not_one_of(name, allowed)
        return value

    def words(self, name: str) -> list[str]:
        """A list parameter, written `a,b`; PHP's `name[]=a&name[]=b` was folded by the router."""
        return [word for word in self.query.get(name, "").split(",") if word]

    def numbers(self, name: str) -> set[int]:
        words = self.words(name)
        if not all(word.isdecimal() for word in words):
            raise invalid(
                name, f"{name}[0] is not of type integer.", "rest_invalid_type", {"param": f"{name}[0]"}
            )
        return {int(word) for word in words}

    def date(self, name: str) -> datetime | None:
        """A time filter in UTC, read as the shop reads it: local without an offset; an offset together with
        dates_are_gmt is applied twice.
        """
        text = self.query.get(name)
        if text is None:
            return None
        found = _DATE.fullmatch(text)
        try:
            plain = datetime.fromisoformat(f"{found[1]}T{found[2]}") if found else None
        except ValueError:
            plain = None
        if found is None or plain is None:
            raise invalid(name, "Invalid date.", "rest_invalid_date")
        zone = self.face.zone
        if found[3]:
            aware = datetime.fromisoformat(
                f"{found[1]}T{found[2]}{'+00:00' if found[3] == 'Z' else found[3]}"
            )
            plain = aware.astimezone(zone).replace(tzinfo=None)
        if self.flag("dates_are_gmt"):
            return plain.replace(tzinfo=UTC)
        return plain.replace(tzinfo=zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Answer:
    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Call], Awaitable[Answer]]


def page(
    call: Call,
    items: Sequence[Row],
    render: Callable[[Row], dict[str, Any]],
    defaults: Sequence[tuple[str, str]] = (),
    shown_defaults: Sequence[tuple[str, str]] = (),
) -> Answer:
    """One page of *items*. Links repeat *defaults*, and *shown_defaults* where the page has rows."""
    size, number = call.whole("per_page", 10), call.whole("page", 1)
    if not 1 <= size <= 100:
        raise invalid(
            "per_page", "per_page must be between 1 (inclusive) and 100 (inclusive)", "rest_out_of_bounds"
        )
    if number < 1:
        raise invalid("page", "page must be greater than or equal to 1", "rest_out_of_bounds")
    rows = items[(number - 1) * size : number * size]
    # Past the end WordPress counts nothing at all.
    total = len(items) if rows or number == 1 else 0
    last = -(-total // size)
    fixed = [*defaults, *(shown_defaults if rows else ())]
    query = [
        (key, value)
        for key, value in call.query.items()
        if key not in {name.split("[")[0] for name, _ in fixed}
    ]
    query += fixed
    found = [
        f'<{_with_page(f"{call.face.home}{call.path}", query, to)}>; rel="{rel}"'
        for rel, to, there in (
            ("prev", min(number - 1, last), number > 1),
            ("next", number + 1, number < last),
        )
        if there
    ]
    headers = {"X-WP-Total": str(total), "X-WP-TotalPages": str(last)}
    if found:
        headers["Link"] = ", ".join(found)
    return Answer([select(render(item), call, single=False) for item in rows], headers=headers)


def _with_page(url: str, query: Sequence[tuple[str, str]], number: int) -> str:
    pairs = [(key, str(number) if key == "page" else value) for key, value in query]
    if "page" not in dict(query):
        pairs.append(("page", str(number)))
    return url + "?" + "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in pairs)


def select(body: dict[str, Any], call: Call, *, single: bool = True) -> dict[str, Any]:
    """What `_fields` leaves. The links of a single resource always stay."""
    wanted = call.words("_fields")
    if not wanted:
        return body
    found: dict[str, Any] = {}
    for key, value in body.items():
        inner = [name.partition(".")[2] for name in wanted if name.startswith(f"{key}.")]
        if key in wanted or (single and key == "_links"):
            found[key] = value
        elif inner and isinstance(value, dict):
            found[key] = {name: value[name] for name in inner if name in value}
    return found
