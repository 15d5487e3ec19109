"""Order notes and order meta over REST."""

from __future__ import annotations

from woo_sim_rig import Clock, Rest

from simulators.books import Noted
from simulators.woocommerce import SimOrder, WooCommerceSimulator


def bought(shop: WooCommerceSimulator) -> SimOrder:
    order = shop.checkout([("MUG", 2)])
    assert order is not None
    return order


async def test_each_note_that_was_written_is_in_the_books(
    shop: WooCommerceSimulator, clock: Clock, rest: Rest
) -> None:
    order = bought(shop)
    path = f"orders/{order.order_id}/notes"

    await rest("POST", path, {"note": "Delivered"})
    await rest("POST", path, {"note": "Delivered"})
    await rest("POST", path, {})

    assert shop.books.noted == [Noted(str(order.order_id), "Delivered", clock())] * 2


async def test_a_note_is_read_and_deleted_by_its_id(shop: WooCommerceSimulator, rest: Rest) -> None:
    order, other = bought(shop), bought(shop)
    path = f"orders/{order.order_id}/notes"
    _, note, headers = await rest("POST", path, {"note": "Picked"})
    one = f"{path}/{note['id']}"

    read = await rest("GET", one)
    elsewhere = await rest("GET", f"orders/{other.order_id}/notes/{note['id']}")
    kept = await rest("DELETE", one)
    gone = await rest("DELETE", one, force="true")
    again = await rest("DELETE", one, force="true")

    assert headers["Location"].endswith(f"/wp-json/wc/v3/{one}")
    assert read[:2] == (200, note)
    assert (elsewhere[0], elsewhere[1]["code"]) == (404, "woocommerce_rest_invalid_id")
    assert (kept[0], kept[1]["code"]) == (501, "woocommerce_rest_trash_not_supported")
    assert gone[:2] == (200, note)
    assert again[0] == 404
    assert (await rest("GET", path))[1] == []


async def test_notes_of_no_order_are_not_found(rest: Rest) -> None:
    answers = [await rest(verb, "orders/999/notes", {"note": "x"}) for verb in ("GET", "POST")]

    assert [(status, body["code"]) for status, body, _ in answers] == [
        (404, "woocommerce_rest_order_invalid_id")
    ] * 2


async def test_meta_is_changed_by_id_and_by_key_and_taken_away_by_null(
    shop: WooCommerceSimulator, rest: Rest
) -> None:
    order = bought(shop)
    path = f"orders/{order.order_id}"

    async def put(*rows: dict[str, object]) -> list[tuple[int, str, object]]:
        _, shown, _ = await rest("PUT", path, {"meta_data": list(rows)})
        return [(row["id"], row["key"], row["value"]) for row in shown["meta_data"] if row["key"][:1] == "t"]

    ((row_id, _, _),) = await put({"key": "tracking", "value": "T1"})

    assert await put({"key": "tracking", "value": "T2"}) == [(row_id, "tracking", "T2")]
    assert await put({"id": row_id, "key": "track", "value": "T3"}) == [(row_id, "track", "T3")]
    assert await put({"id": row_id, "key": "track", "value": None}) == []


async def test_one_row_of_a_key_remains_when_it_is_written(shop: WooCommerceSimulator, rest: Rest) -> None:
    order = bought(shop)
    rows = [shop.order_book.meta("twice", text) for text in "ab"]
    order.meta += rows

    await rest("PUT", f"orders/{order.order_id}", {"meta_data": [{"key": "twice", "value": "c"}]})

    assert [(row.meta_id, row.value) for row in order.meta if row.key == "twice"] == [(rows[0].meta_id, "c")]
