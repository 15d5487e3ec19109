"""What leaves a flow: no secret, no other address, and an honest word on what it changes and costs."""

from __future__ import annotations

import traceback
from urllib.parse import urlsplit

from conformance.behaviour import bronze, bronze_channel
from conformance.conversations import conversations
from conformance.kit import NOW, ChannelKit, Kit
from conformance.wire import value_or_error
from core.connector import Page, PullsOrders
from core.errors import ChannelError
from core.flow import Request, Response

NONCE = "0123456789abcdef" * 2


@bronze(
    "secret-not-in-requests",
    "No flow ever sees a credential: none is in path, query, headers or body of what it asks.",
)
async def not_in_requests(kit: Kit) -> None:
    for name, _, asked, _ in await conversations(kit):
        for one in asked:
            for secret in kit.credentials.values():
                assert secret not in repr(one.request), f"{name}: {one.request.path}"


@bronze("secret-not-in-answers", "No value that a flow gives holds a credential.")
async def not_in_values(kit: Kit) -> None:
    for name, _, _, value in await conversations(kit):
        assert not any(secret in repr(value) for secret in kit.credentials.values()), name


@bronze("secret-not-in-errors", "No refusal, whatever it was, shows a credential or more than a line.")
async def not_in_errors(kit: Kit) -> None:
    bodies = (
        b"",
        b"<html>" + b"x" * 9_000,
        b'{"message": "no\nmore"}',
        b'{"errors": "no\nmore"}',
        b"\xff" * 99,
    )
    async with kit.open() as account:
        wrong = {name: f"{text}-wrong" for name, text in kit.credentials.items()}
        line = account.wire.with_credentials(wrong)
        refused = await value_or_error(line, kit.connector.check_account())
        answers = [
            Response(status, {}, body) for status in (302, 400, 401, 403, 404, 429, 500) for body in bodies
        ]
        for error in (refused, *map(kit.connector.classify, answers)):
            assert isinstance(error, ChannelError)
            assert "\n" not in str(error)
            assert len(str(error)) < 400
            shown = "".join(traceback.format_exception(error)) + repr(error) + repr(line.line)
            assert not any(secret in shown for secret in kit.credentials.values())


@bronze(
    "authorize-adds-only",
    "Authorizing changes nothing of a request but adds the credential, and leaves the flow's own as it was.",
)
async def adds_only(kit: Kit) -> None:
    for _, _, asked, _ in await conversations(kit):
        for request in (one.request for one in asked):
            before = repr(request)
            signed = kit.connector.authorize(request, kit.credentials, "https://shop.example", NOW, NONCE)
            assert repr(request) == before
            assert (signed.method, signed.path, signed.body) == (request.method, request.path, request.body)
            assert set(request.query) <= set(signed.query)
            assert set(request.headers) <= set(signed.headers)
            assert signed != request, "nothing was added"


@bronze("authorize-repeatable", "The same request, time and nonce are authorized in the same way.")
def repeatable(kit: Kit) -> None:
    request = Request("GET", "/things", query=(("a", "1 & 2"),))
    for base in ("https://shop.example", "http://127.0.0.1:8000"):
        first, second = (
            kit.connector.authorize(request, kit.credentials, base, NOW, NONCE) for _ in range(2)
        )
        assert first == second


@bronze(
    "requests-stay-home", "Requests go to the account's own address, below a path that begins with a slash."
)
async def stay_home(kit: Kit) -> None:
    for name, _, asked, _ in await conversations(kit):
        for one in asked:
            assert one.request.path.startswith("/"), name
            assert not one.request.path.startswith("//"), name
            assert urlsplit(one.url).hostname == "127.0.0.1", name


@bronze_channel(
    "requests-hostile-ids",
    "An id with slashes, question marks or dots cannot lead a request elsewhere.",
    needs=(PullsOrders,),
)
async def hostile_ids(kit: ChannelKit) -> None:
    pulls: PullsOrders = kit.connector  # type: ignore[assignment] - the behaviour needs it
    async with kit.open() as shop:
        order_id = shop.sell()
        await value_or_error(shop.wire, pulls.fetch_order(order_id))
        usual = urlsplit(shop.wire.sent[-1].url).path.replace(order_id, "")
        for odd in (
            "../products",
            "1/../../x",
            "1?status=any",
            "1#x",
            "1&force=true",
            "\r\nX-A: b",
            "@evil.example/",
        ):
            found = await value_or_error(shop.wire, pulls.fetch_order(odd))
            reached = urlsplit(shop.wire.sent[-1].url)
            assert reached.hostname == "127.0.0.1"
            assert reached.path.startswith(usual)
            assert "/" not in reached.path.removeprefix(usual)
            assert "status=any" not in reached.query
            assert isinstance(found, ChannelError | Page), odd


@bronze(
    "requests-name-a-budget",
    "Every request draws on a rate budget that the manifest states, at a cost above nothing.",
)
async def name_a_budget(kit: Kit) -> None:
    for name, _, asked, _ in await conversations(kit):
        for one in asked:
            assert one.request.family in kit.connector.manifest.limits, name
            limit = kit.connector.manifest.limits[one.request.family]
            assert 0 < one.request.cost <= limit.burst, name


@bronze("reads-change-nothing", "What only looks is marked as reading, so that it may be repeated.")
async def reads_change_nothing(kit: Kit) -> None:
    for name, _, asked, _ in await conversations(kit):
        if name.startswith(("push_", "subscribe", "create_")):
            assert any(not one.request.reads for one in asked), (
                f"{name} changes something and does not say so"
            )
        else:
            assert all(one.request.reads for one in asked), name
