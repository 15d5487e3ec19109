"""What a payload means, without a database: the same reading the hub does."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console.cli.show import print_json, print_table
from core.errors import UsageProblem

if TYPE_CHECKING:
    from core.connector import Reading


@click.command()
@click.argument("channel")
@click.argument("topic")
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on standard output.")
def parse(channel: str, topic: str, file: str, as_json: bool) -> None:
    """Read FILE (or - for standard input) as CHANNEL, which may be a carrier, sends it under TOPIC.

    Example: fairway parse shopify orders/create order.json --json
    """
    from connectors import discover
    from core.connector import Delivery

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
    for answer in _answers(reading):
        if as_json:
            print_json(answer)
        elif answer["kind"] == "tracking":
            _print_tracking(answer["tracking"])
        else:
            click.echo(_sentence(answer))


def _answers(reading: Reading) -> list[dict[str, Any]]:
    """What was read, as plain values: one for an order or a notice, one for each tracking number."""
    from core.connector import Notice, OrderRead, TrackingRead

    if isinstance(reading, OrderRead):
        return [{"kind": "order", "order": reading.order.model_dump(mode="json")}]
    if isinstance(reading, TrackingRead):
        return [
            {"kind": "tracking", "tracking": tracking.model_dump(mode="json")}
            for tracking in reading.trackings
        ]
    if isinstance(reading, Notice):
        return [
            {
                "kind": "notice",
                "subject": reading.subject,
                "change": reading.change,
                "resource_id": reading.resource_id,
                "message": reading.message,
            }
        ]
    return [{"kind": "parked", "reasons": [reason.model_dump() for reason in reading.reasons]}]


def _print_tracking(tracking: dict[str, Any]) -> None:
    carrier = f"{tracking['carrier']} " if tracking["carrier"] else ""
    since = f" since {tracking['status_at']}" if tracking["status_at"] else ""
    incident = f", incident: {tracking['incident']}" if tracking["incident"] else ""
    click.echo(f"Parcel {carrier}{tracking['tracking_number']}: {tracking['status']}{since}{incident}")
    facts = ("estimated_delivery_at", "signed_by", "tracking_url", "carrier_tracker_id")
    for name in (*facts, "flags"):
        if tracking[name]:
            value = ", ".join(tracking[name]) if name == "flags" else tracking[name]
            click.echo(f"  {name.replace('_', ' ')}: {value}")
    print_table(
        tracking["scans"][::-1],
        ("scanned_at", "status", "incident", "code", "place", "message"),
        empty="  Nobody has scanned it yet.",
    )


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
    lines = ["Parked: what it is about could not be read."]
    lines += [f"  at {r['pointer'] or '/'}: {r['message']} ({r['code']})" for r in answer["reasons"]]
    return "\n".join(lines)


@click.command()
@click.argument("name", type=click.Choice(["order"]))
def schema(name: str) -> None:
    """Print the JSON Schema of the canonical NAME."""
    from core.model.order import Order

    del name
    print_json(Order.model_json_schema(mode="serialization"))
