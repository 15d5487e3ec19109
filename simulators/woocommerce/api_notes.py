"""The routes of order notes. They move no date and send no webhook.

https://woocommerce.github.io/woocommerce-rest-api-docs/#order-notes
"""

from __future__ import annotations

from simulators.books import Noted
from simulators.woocommerce import payloads
from simulators.woocommerce.model import Note, SimOrder
from simulators.woocommerce.rest import Answer, Call, RestError, missing, select


async def index(call: Call) -> Answer:
    order = _order(call)
    kind = call.choice("type", ("any", "customer", "internal"), "any")
    shown = [note for note in order.notes if kind == "any" or note.customer_note == (kind == "customer")]
    return Answer([payloads.note(order, note, call.face) for note in reversed(shown)])


async def create(call: Call) -> Answer:
    """Every POST makes a note, also a repeated one."""
    order, text = _order(call), call.body.get("note")
    if text is None:
        raise missing("note")
    author = "shopadmin" if call.body.get("added_by_user") else "WooCommerce"
    to_customer = bool(call.body.get("customer_note"))
    note = Note(next(call.shop.ids.notes), author, call.shop.clock(), str(text), to_customer)
    order.notes.append(note)
    call.shop.books.noted.append(Noted(str(order.order_id), note.text, note.created))
    location = {"Location": f"{call.face.api}/orders/{order.order_id}/notes/{note.note_id}"}
    return Answer(select(payloads.note(order, note, call.face), call), 201, location)


async def show(call: Call) -> Answer:
    order = _order(call)
    return Answer(select(payloads.note(order, _note(call, order), call.face), call))


async def remove(call: Call) -> Answer:
    """The text without *force* is WooCommerce's own, word for word."""
    if not call.flag("force"):
        raise RestError(501, "woocommerce_rest_trash_not_supported", "Webhooks do not support trashing.")
    order = _order(call)
    note = _note(call, order)
    order.notes.remove(note)
    return Answer(select(payloads.note(order, note, call.face), call))


def _order(call: Call) -> SimOrder:
    order = call.shop.orders.get(call.args[0])
    if order is None:
        raise RestError(404, "woocommerce_rest_order_invalid_id", "Invalid order ID.")
    return order


def _note(call: Call, order: SimOrder) -> Note:
    for note in order.notes:
        if note.note_id == call.args[1]:
            return note
    raise RestError(404, "woocommerce_rest_invalid_id", "Invalid resource ID.")
