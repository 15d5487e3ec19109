"""Who gets in, who does not, and what the same delivery twice leaves behind."""

from __future__ import annotations

import asyncio
import base64
import json
import statistics
import time

import pytest
from edge_rig import SIGNATURE, Edge, sign

from core.sealing import associated
from core.store import connections
from core.store.deliveries import body_owner
from webhooks import directory
from webhooks.edge import EDGE

BODY = json.dumps({"id": 7, "name": "Größe"}).encode()


async def _refused(edge: Edge, signature: str) -> None:
    reply = await edge.post(BODY, signature=signature)

    assert reply.slug == "bad-signature"
    assert reply.status == 401
    assert await edge.tenants.stored(edge.hook) == []


async def test_an_authentic_delivery_is_stored_sealed_with_its_todo(edge: Edge) -> None:
    reply = await edge.post(
        BODY, headers={"X-Shopify-Webhook-Id": "w1", "Cookie": "a=b", "Authorization": "Basic x"}
    )

    [row] = await edge.tenants.stored(edge.hook)
    async with edge.tenants.database.transaction([edge.hook.merchant_id]) as tx:
        box = await connections.data_key(tx, edge.hook.merchant_id, edge.tenants.ring)
        todo = await tx.fetch("SELECT delivery_id FROM todo WHERE merchant_id = $1", edge.hook.merchant_id)
    assert (reply.status, reply.body) == (200, b"")
    assert box.open(row["body"], body_owner(edge.hook.connection_id, row["dedupe_key"])) == BODY
    assert [entry["delivery_id"] for entry in todo] == [row["delivery_id"]]
    assert (row["topic"], row["via"], row["received_at"]) == ("orders/create", "webhook", edge.clock())
    assert row["headers"]["x-shopify-webhook-id"] == "w1"
    assert not {"cookie", "authorization", SIGNATURE.lower()} & set(row["headers"])


async def test_27_a_delivery_without_a_signature_is_refused(edge: Edge) -> None:
    await _refused(edge, "")


@pytest.mark.parametrize("signature", ["!", "AAAA", "é", "\u00ff" * 44, "v1=abc"])
async def test_28_a_signature_that_is_none_is_refused(edge: Edge, signature: str) -> None:
    await _refused(edge, signature)


async def test_29_another_spelling_of_the_right_signature_is_refused(edge: Edge) -> None:
    right = sign(edge.hook.secret, BODY)
    loose = right[:-2] + chr(ord(right[-2]) + 1) + "="  # the same 32 bytes, other padding bits

    assert base64.b64decode(loose) == base64.b64decode(right)
    for spelling in (loose, f"{right[:9]} {right[9:]}", right.rstrip("="), f"-_{right[2:]}"):
        await _refused(edge, spelling)


async def test_30_two_signatures_are_refused(edge: Edge) -> None:
    right = sign(edge.hook.secret, BODY)
    lines = [f"{SIGNATURE}: {right}", f"{SIGNATURE}: {right}", f"Content-Length: {len(BODY)}"]

    answer = await edge.raw(edge.head(*lines) + BODY)

    assert answer.startswith(b"HTTP/1.1 401")


async def test_31_a_signature_over_the_json_written_anew_is_refused(edge: Edge) -> None:
    await _refused(edge, sign(edge.hook.secret, json.dumps({"id": 7, "name": "Größe"}, indent=1).encode()))


async def test_32_a_secret_changed_a_moment_ago_and_the_one_before_it_both_work(edge: Edge) -> None:
    await edge.post(b"before")  # the edge knows the connection now
    await edge.tenants.change_secret(edge.hook, "newer")
    edge.clock.forward(6)

    replies = [await edge.post(BODY, signature=sign(secret, BODY)) for secret in ("newer", edge.hook.secret)]

    assert [reply.status for reply in replies] == [200, 200]


async def test_33_a_retired_secret_is_refused_with_an_alarm(
    edge: Edge, caplog: pytest.LogCaptureFixture
) -> None:
    await edge.tenants.change_secret(edge.hook, "newer")
    await edge.tenants.retire_old_secret(edge.hook)

    await _refused(edge, sign(edge.hook.secret, BODY))
    await _refused(edge, sign(edge.hook.secret, BODY))

    assert [record.getMessage() for record in caplog.records] == [
        "signed with a secret that is no longer accepted"
    ]


async def test_34_an_unknown_token_gets_what_every_wrong_address_gets(edge: Edge) -> None:
    unknown = await edge.post(BODY, token="nobody-has-this")
    nowhere = await edge.send("POST", "/nowhere", BODY)

    assert unknown.status == 404
    assert unknown.body == nowhere.body
    assert {**unknown.headers, "Date": ""} == {**nowhere.headers, "Date": ""}


async def test_34_an_unknown_token_takes_as_long_as_a_bad_signature(edge: Edge) -> None:
    body = b"x" * 100_000
    took: dict[str, list[float]] = {"nobody-has-this": [], edge.hook.token: []}

    for _ in range(150):
        for token, times in took.items():
            started = time.perf_counter()
            await edge.post(body, token=token, signature=sign("wrong", b""))
            times.append(time.perf_counter() - started)

    unknown, known = (statistics.median(times) for times in took.values())
    assert abs(unknown - known) < 0.5 * known


async def test_35_a_disconnected_shop_that_is_authentic_is_stored(edge: Edge) -> None:
    hook = edge.hook
    async with edge.tenants.database.transaction([hook.merchant_id]) as tx:
        await connections.set_status(tx, hook.merchant_id, hook.connection_id, "disconnected", "")

    assert (await edge.post(BODY)).status == 200
    assert len(await edge.tenants.stored(hook)) == 1


async def test_36_an_unsigned_ping_is_answered_at_once_and_not_stored(edge: Edge) -> None:
    reply = await edge.post(b"ping", signature="")

    assert (reply.status, reply.body) == (200, b"pong")
    assert await edge.tenants.stored(edge.hook) == []


async def test_40_a_thousand_copies_are_all_answered_200_and_stored_once(edge: Edge) -> None:
    replies = await asyncio.gather(*(edge.post(BODY) for _ in range(1000)))

    assert {reply.status for reply in replies} == {200}
    assert len(await edge.tenants.stored(edge.hook)) == 1


async def test_41_two_bodies_under_one_delivery_id_are_both_stored(edge: Edge) -> None:
    for body in (b'{"id":1}', b'{"id":2}'):
        await edge.post(body, headers={"X-WC-Webhook-Delivery-ID": "same"})

    assert len(await edge.tenants.stored(edge.hook)) == 2


async def test_42_one_body_under_two_delivery_ids_is_stored_once(edge: Edge) -> None:
    for number in ("one", "other"):
        assert (await edge.post(BODY, headers={"X-WC-Webhook-Delivery-ID": number})).status == 200

    assert len(await edge.tenants.stored(edge.hook)) == 1


async def test_one_body_for_two_topics_is_stored_twice(edge: Edge) -> None:
    for topic in ("orders/create", "orders/updated"):
        await edge.post(BODY, topic=topic)

    assert [row["topic"] for row in await edge.tenants.stored(edge.hook)] == [
        "orders/create",
        "orders/updated",
    ]


async def test_43_a_capture_replayed_after_30_days_changes_nothing(edge: Edge) -> None:
    await edge.post(BODY)
    edge.clock.forward(30 * 86_400)

    assert (await edge.post(BODY)).status == 200
    assert len(await edge.tenants.stored(edge.hook)) == 1


async def test_49_no_request_with_a_flipped_bit_gets_in(edge: Edge) -> None:
    right = base64.b64decode(sign(edge.hook.secret, BODY))

    for bit in range(0, len(BODY) * 8, 7):
        body = bytearray(BODY)
        body[bit // 8] ^= 1 << bit % 8
        assert (await edge.post(bytes(body), signature=base64.b64encode(right).decode())).status == 401
    for bit in range(0, 256, 5):
        changed = bytearray(right)
        changed[bit // 8] ^= 1 << bit % 8
        assert (await edge.post(BODY, signature=base64.b64encode(changed).decode())).status == 401

    assert await edge.tenants.stored(edge.hook) == []


async def test_a_header_postgresql_cannot_hold_fails_nobody(edge: Edge) -> None:
    lines = [
        f"{SIGNATURE}: {sign(edge.hook.secret, BODY)}",
        f"Content-Length: {len(BODY)}",
        "X-Shopify-Topic: ",
    ]
    head = edge.head(*lines).replace(b"X-Shopify-Topic: ", b"X-Shopify-Topic: \xff\xfe\xed\xa0\x80")

    answer = await edge.raw(head + BODY)

    assert answer.startswith(b"HTTP/1.1 200")
    assert len(await edge.tenants.stored(edge.hook)) == 1


async def test_the_data_key_of_one_merchant_does_not_open_the_bodies_of_another(edge: Edge) -> None:
    other = await edge.tenants.link("penny-post")
    await edge.post(BODY)

    [row] = await edge.tenants.stored(edge.hook)
    async with edge.tenants.database.transaction([other.merchant_id]) as tx:
        sealed = await tx.fetchval("SELECT data_key FROM merchants WHERE merchant_id = $1", other.merchant_id)
    key = edge.tenants.ring.open(sealed, associated("merchant", other.merchant_id))
    assert BODY not in bytes(row["body"])
    assert key not in bytes(row["body"])


async def test_made_up_tokens_do_not_push_out_the_known_ones(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "MAX_KEPT", 10)
    await edge.post(BODY)

    for number in range(30):
        assert (await edge.post(BODY, token=f"made-up-{number}")).status == 404
    await edge.app[EDGE].database.close()  # from here on only what is remembered can be answered

    assert (await edge.post(BODY, signature="wrong", token="made-up-29")).status == 404
    assert (await edge.post(b"ping", signature="")).status == 200


async def test_a_token_that_is_made_later_works_seconds_later(edge: Edge) -> None:
    async with edge.tenants.database.transaction([edge.hook.merchant_id]) as tx:
        assert (await edge.post(BODY, token="soon-a-token")).status == 404
        await connections.replace_token(tx, edge.hook.merchant_id, edge.hook.connection_id, "soon-a-token")
    edge.clock.forward(6)

    assert (await edge.post(BODY, token="soon-a-token")).status == 200
    edge.clock.forward(61)
    assert (await edge.post(BODY)).status == 404  # the one it replaced
