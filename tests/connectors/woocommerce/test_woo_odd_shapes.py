"""Orders in the odd but honest shapes of PHP, old shops and plugins."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from core.model.order import Order, PaymentStatus, Source

Read = Callable[..., Order]


def test_a_draft_of_wordpress_is_no_sale_yet(payload: dict[str, Any], order_of: Read) -> None:
    order = order_of(payload | {"status": "draft"})

    assert (order.source, order.payment_status, order.holds) == (Source.DRAFT, PaymentStatus.PENDING, ())


def test_an_empty_time_is_none(payload: dict[str, Any], order_of: Read) -> None:
    times = ("date_created_gmt", "date_modified_gmt", "date_paid_gmt", "date_completed_gmt")

    order = order_of(payload | dict.fromkeys(times, ""))

    assert (order.placed_at, order.changed_at, order.holds) == (None, None, ())


@pytest.mark.parametrize(("written", "units", "held"), [("2.0", 2, False), ("1.5", 2, True)])
def test_a_quantity_may_be_a_decimal_written_as_text(
    payload: dict[str, Any], order_of: Read, written: str, units: int, *, held: bool
) -> None:
    payload["line_items"][0]["quantity"] = written

    order = order_of(payload)

    assert order.lines[0].units == units
    assert [hold.pointer for hold in order.holds] == (["/line_items/0/quantity"] if held else [])


def test_a_line_without_an_id_is_named_by_its_place_and_held(payload: dict[str, Any], order_of: Read) -> None:
    del payload["line_items"][0]["id"]

    order = order_of(payload)

    assert order.lines[0].line_id == "1"
    assert [hold.pointer for hold in order.holds] == ["/line_items/0/id"]


@pytest.mark.parametrize("written", ["", {}])
def test_a_lines_meta_data_may_be_empty_in_any_way_of_php(
    payload: dict[str, Any], order_of: Read, written: Any
) -> None:
    payload["line_items"][0]["meta_data"] = written

    order = order_of(payload)

    assert (order.lines[0].properties, order.holds) == ((), ())


def test_a_lines_meta_data_may_be_a_list_with_gaps(payload: dict[str, Any], order_of: Read) -> None:
    payload["line_items"][0]["meta_data"] = {"1": {"key": "Engraving", "value": "Jo"}}

    order = order_of(payload)

    assert [(p.name, p.value) for p in order.lines[0].properties] == [("Engraving", "Jo")]
    assert order.holds == ()


def test_amounts_may_be_floats(payload: dict[str, Any], order_of: Read) -> None:
    payload["total"], payload["shipping_total"] = Decimal("46.649999999999999"), Decimal("4.2000000000000002")

    order = order_of(payload)

    assert order.total is not None
    assert (str(order.total.amount), order.holds) == ("46.65", ())
