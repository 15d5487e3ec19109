"""The mapping language: what a file may say, and what is said about a payload that does not fit it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.flow import decode
from mappings.engine import MappingMistake, compile_mapping, unread_fields

MAPPING = compile_mapping(
    """
    [map]
    order_id = "id | id"
    status = "status | lookup:words"
    note = "buyer.note? | blank"
    total = "total, $.currency | money"

    [map.address]
    city = "ship.city? | blank"
    street = "ship.line1?, ship.line2? | join"

    [map.lines]
    each = "lines"
    line_id = "id | id"
    quantity = "quantity | quantity"
    price = "price?, $.currency | money"

    [map.lines.taxes]
    each = "taxes?"
    title = "title | text"

    [tables.words]
    open = "pending"

    [ignore]
    paths = ["links", "lines.*.image"]
    """
)


def payload(**changes: Any) -> dict[str, Any]:
    whole = {
        "id": 7,
        "status": "open",
        "currency": "EUR",
        "total": "5.00",
        "lines": [{"id": 1, "quantity": 2, "taxes": [{"title": "VAT"}]}],
    }
    return {**whole, **changes}


def quoted(text: str) -> str:
    return '"' + "".join(f"\\U{ord(character):08x}" for character in text) + '"'


def places(payload: object) -> list[tuple[str, str]]:
    return [(problem.code, problem.pointer) for problem in MAPPING.apply(payload)[1]]


def test_a_payload_that_fits_becomes_fields_without_a_problem() -> None:
    values, problems = MAPPING.apply(payload(ship={"line1": "Main St 1", "line2": " "}))

    assert problems == []
    assert (values["order_id"], values["status"], values["note"]) == ("7", "pending", None)
    assert values["address"] == {"city": None, "street": "Main St 1"}
    assert values["lines"] == [{"line_id": "1", "quantity": 2, "price": None, "taxes": [{"title": "VAT"}]}]


def test_an_object_of_which_nothing_is_known_is_left_out() -> None:
    assert MAPPING.apply(payload())[0]["address"] is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"id": None}, [("missing_value", "/id")]),
        ({"id": "x"}, [("invalid_value", "/id")]),
        ({"status": "odd"}, [("unmapped_value", "/status")]),
        ({"total": "1,00"}, [("invalid_value", "/total")]),
        ({"currency": None}, [("missing_value", "/currency")] * 2),  # the total and a price want it
        ({"lines": None}, [("missing_value", "/lines")]),
        ({"lines": {}}, [("invalid_value", "/lines")]),
        ({"lines": ["x", {"id": 2, "quantity": 1}]}, [("invalid_value", "/lines/0")]),
        ({"lines": [{"id": 1, "quantity": -1}]}, [("invalid_value", "/lines/0/quantity")]),
        (
            {"lines": [{"id": 1, "quantity": 1}, {"id": 2, "quantity": 1, "taxes": [{"title": []}]}]},
            [("invalid_value", "/lines/1/taxes/0/title")],
        ),
        ({"lines": [{"id": 1, "quantity": 1, "taxes": "x"}]}, [("invalid_value", "/lines/0/taxes")]),
        ({"buyer": "x"}, []),
        ({"buyer": None}, []),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(
    changes: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert places(payload(**changes)) == expected


def test_a_field_after_a_broken_list_is_told_at_its_own_place() -> None:
    mapping = compile_mapping(
        '[map.rows]\neach = "rows"\na = "a | id"\n[map.rows.parts]\neach = "parts"\nb = "b | id"\n'
        '[map.rows.after]\nc = "c | id"\n'
    )

    _, problems = mapping.apply({"rows": [{"a": 1, "parts": [{"b": "x"}], "c": "y"}]})

    assert [problem.pointer for problem in problems] == ["/rows/0/parts/0/b", "/rows/0/c"]


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters=".,|?$"), min_size=1).filter(
        str.strip
    )
)
def test_a_field_may_have_any_name_at_the_channel(name: str) -> None:
    """Names go into the code that a mapping is written down as."""
    mapping = compile_mapping(f"[map]\nfound = {quoted(name.strip() + ' | text')}")

    assert mapping.apply({name.strip(): "it"}) == ({"found": "it"}, [])


def test_a_value_given_twice_is_told_where_it_is_read() -> None:
    body = b'{"id":7,"id":8,"status":"open","currency":"EUR","total":"1.00","lines":[]}'

    assert places(decode(body)) == [("invalid_value", "/id")]


def test_a_merchants_own_word_wins_over_the_table() -> None:
    own = {"words": {"open": "paid", "odd": "voided"}}

    assert MAPPING.apply(payload(), own)[0]["status"] == "paid"
    assert MAPPING.apply(payload(status="odd"), own)[0]["status"] == "voided"


def test_a_required_path_below_a_word_is_invalid_and_below_nothing_missing() -> None:
    mapping = compile_mapping('[map]\na = "outer.inner | id"')

    found = [
        mapping.apply(given)[1][0].code for given in ({"outer": "x"}, {"outer": None}, {}, {"outer": {}})
    ]

    assert found == ["invalid_value", "missing_value", "missing_value", "missing_value"]


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ('[map]\na = "b | shout"', "a: there is no verb 'shout'"),
        ('[map]\na = "b | lookup:none"', "a: there is no [tables.none]"),
        ('[map]\na = "b, c | text"', "a: several paths need a verb that takes a list"),
        ('[map]\na = "b, c"', "a: several paths need a verb that takes a list"),
    ],
)
def test_a_file_that_cannot_be_compiled_names_the_field(source: str, sentence: str) -> None:
    with pytest.raises(MappingMistake) as mistake:
        compile_mapping(source)

    assert str(mistake.value).startswith(sentence)


def test_a_field_nobody_reads_is_noticed_once_for_all_lines() -> None:
    lines = [{"id": 1, "quantity": 1, "new": 1}, {"id": 2, "quantity": 1, "new": 2, "image": {"src": "x"}}]

    unread = unread_fields(
        payload(lines=lines, links={"a": 1}, extra={"a": {"b": 1}, "c": []}), MAPPING.reads
    )

    assert unread == ["lines.*.new", "extra.a.b", "extra.c"]


@pytest.mark.parametrize("nothing", [None, [], {}])
def test_nothing_where_the_mapping_reads_deeper_is_nothing_unread(nothing: object) -> None:
    lines = [{"id": 1, "quantity": 1, "taxes": nothing}]

    assert unread_fields(payload(lines=lines, ship=nothing, buyer=nothing), MAPPING.reads) == []
    assert unread_fields(payload(lines=nothing), MAPPING.reads) == []


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["id", "lines", "taxes", "ship", "status"]), inner, max_size=4)
        ),
        max_leaves=20,
    )
)
def test_no_payload_is_too_odd_to_be_answered(odd: object) -> None:
    values, problems = MAPPING.apply(odd)

    assert set(values) == {"order_id", "status", "note", "total", "address", "lines"}
    assert problems
    unread_fields(odd, MAPPING.reads)
