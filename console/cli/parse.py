"""What a payload means, without a database: the same reading the hub does."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from console.cli.show import print_json
from core.errors import UsageProblem


@click.command()
@click.argument("channel")
@click.argument("topic")
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def parse(channel: str, topic: str, file: str, as_json: bool) -> None:
    """Read FILE (or - for standard input) as CHANNEL sends it under TOPIC.

    Example: fairway parse shopify orders/create order.json --json
    """
    from connectors import discover
    from core.connector import Delivery, Notice, OrderRead, TrackingRead

    connector = discover().get(channel)
    if connector is None:
        raise UsageProblem(f"There is no channel {channel!r}.", fix="See `fairway channels`.")
    if file == "-":
        body = sys.stdin.buffer.read()
    else:
        try:
            body = Path(file).read_bytes()
        except OSError as error:
            raise UsageProblem(f"{file} cannot be read ({error.strerror}).") from None
    reading = connector.read(Delivery(topic=topic, headers={}, body=body), {})
    answer: dict[str, Any]
    if isinstance(reading, OrderRead):
        answer = {"kind": "order", "order": reading.order.model_dump(mode="json")}
    elif isinstance(reading, Notice):
        answer = {
            "kind": "notice",
            "subject": reading.subject,
            "change": reading.change,
            "resource_id": reading.resource_id,
            "message": reading.message,
        }
    elif isinstance(reading, TrackingRead):
        answer = {"kind": "tracking", "tracking": reading.trackings[0].model_dump(mode="json")}
    else:
        answer = {"kind": "parked", "reasons": [reason.model_dump() for reason in reading.reasons]}
    if as_json:
        print_json(answer)
        return
    click.echo(_sentence(answer))


def _sentence(answer: dict[str, Any]) -> str:
    if answer["kind"] == "order":
        order = answer["order"]
        total = order["total"] or {"amount": "?", "currency": "?"}
        head = (
            f"Order {order['order_number'] or order['channel_order_id']}: {len(order['lines'])} lines, "
            f"{total['amount']} {total['currency']}, {order['payment_status'] or 'payment unknown'}, "
            f"{order['fulfillment_status']}"
        )
        lines = [head]
        lines += [
            f"  {line['quantity']} x {line['sku'] or '(no SKU)'}  {line['title']}" for line in order["lines"]
        ]
        lines += [
            f"  hold {hold['code']} at {hold['pointer'] or '/'}: {hold['message']}" for hold in order["holds"]
        ]
        return "\n".join(lines)
    if answer["kind"] == "notice":
        return f"Notice: {answer['subject']} {answer['resource_id'] or ''} {answer['change']}. {answer['message']}"
    lines = ["Parked: no id, lines or quantities could be read."]
    lines += [f"  at {r['pointer'] or '/'}: {r['message']} ({r['code']})" for r in answer["reasons"]]
    return "\n".join(lines)


@click.command()
@click.argument("name", type=click.Choice(["order"]))
def schema(name: str) -> None:
    """Print the JSON Schema of the canonical NAME."""
    from core.model.order import Order

    del name
    print_json(Order.model_json_schema(mode="serialization"))
