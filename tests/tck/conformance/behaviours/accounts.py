"""Whose account it is, and having its webhooks sent to us."""

from __future__ import annotations

from collections import Counter

from conformance.behaviour import bronze, silver
from conformance.conversations import ADDRESS
from conformance.kit import Kit
from conformance.wire import value_or_error
from core.connector import Challenges, Delivery, Subscribes
from core.errors import ChannelError, ErrorCode


@bronze("account-known", "The credentials open the account, which says its name, and a shop its currency.")
async def known(kit: Kit) -> None:
    async with kit.open() as opened:
        account = await opened.wire.run(kit.connector.check_account())
        assert (account.account, account.currency) == (opened.account, opened.currency)
        assert account.name


@bronze("account-refused", "Credentials that do not fit are told so, as what they are.")
async def refused(kit: Kit) -> None:
    async with kit.open() as account:
        wrong = {name: f"{text}x" for name, text in kit.credentials.items()}
        wire = account.wire.with_credentials(wrong)
        found = await value_or_error(wire, kit.connector.check_account())
        assert isinstance(found, ChannelError)
        assert found.code is ErrorCode.UNAUTHORIZED


@silver("subscribe-once", "Subscribing again leaves one webhook for each topic.", needs=(Subscribes,))
async def subscribe_once(kit: Kit) -> None:
    topics = kit.connector.manifest.webhook_topics
    assert topics
    subscriber: Subscribes = kit.connector  # type: ignore[assignment] - the behaviour needs it
    async with kit.open() as shop:
        for _ in range(2):
            done = await shop.wire.run(subscriber.subscribe(ADDRESS, "webhook secret", topics))
            assert set(done) == set(topics)
        assert Counter(shop.subscriptions()) == Counter(
            {(topic, f"{ADDRESS}/{topic}"): 1 for topic in topics}
        )


@silver(
    "subscribe-lost-answer",
    "Subscribing after a lost answer leaves one webhook for each topic.",
    needs=(Subscribes,),
)
async def subscribe_lost_answer(kit: Kit) -> None:
    topics = kit.connector.manifest.webhook_topics[:2]
    subscriber: Subscribes = kit.connector  # type: ignore[assignment] - the behaviour needs it
    for place in range(2 + len(topics)):
        async with kit.open() as shop:
            await shop.wire.run_losing(place, subscriber.subscribe(ADDRESS, "webhook secret", topics))
            await shop.wire.run(subscriber.subscribe(ADDRESS, "webhook secret", topics))
            assert sorted(topic for topic, _ in shop.subscriptions()) == sorted(topics), place


@bronze(
    "challenge-narrow",
    "Nothing that could be an order is taken for a ping and thrown away.",
    needs=(Challenges,),
)
def challenge_narrow(kit: Kit) -> None:
    answers: Challenges = kit.connector  # type: ignore[assignment] - the behaviour needs it
    for body in (kit.sample(), b"", b"{}", b"[]", b"id=1", b"\xff"):
        for headers in ({}, kit.sign(body, "secret"), {"content-type": "application/x-www-form-urlencoded"}):
            assert answers.challenge(Delivery(kit.topic, headers, body)) is None
