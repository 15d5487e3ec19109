"""Shops that showed the wrong count, or never another one, and nobody was told why."""

from __future__ import annotations

from histories_rig import balance, count, later, read_catalogues, shown
from loop_rig import Loop

from console.demo import shops as world
from core.usecases.count_stock import Counted, count_stock
from core.usecases.examine import State
from core.usecases.examine_work import examine_work
from core.usecases.link_account import link_account
from jobs.work import Worker


async def test_what_is_set_aside_is_not_shown_as_sellable(loop: Loop) -> None:
    """libracore/WooCommerceConnector#41: 29 of 30 were ordered, 50 came in, and the shop showed 80 instead of 51."""
    await count(loop, MUG=30)
    await later(loop, minutes=1)
    assert loop.woocommerce.checkout([("MUG", 29)]) is not None
    await later(loop, seconds=1)
    assert shown(loop) == (1, 1)

    await count(loop, MUG=80)  # thirty were there, and fifty have come

    assert await balance(loop) == (80, 29)
    assert shown(loop) == (51, 51)


async def test_articles_that_were_there_before_the_shop_was_linked_are_told(loop: Loop) -> None:
    """frappe/ecommerce_integrations#289: only articles made after linking got their counts; old ones never did."""
    assert shown(loop) == (10, 10)  # both shops had it when they were linked

    await count(loop, MUG=7)

    assert shown(loop) == (7, 7)


async def test_new_articles_and_old_ones_are_told_alike(loop: Loop) -> None:
    """frappe/ecommerce_integrations#382: stock typed into the ERP reached new articles, and never those that existed."""
    loop.shopify.add_variant(sku="JAR", title="Jar", price="5.00", quantity=0)
    loop.woocommerce.add_product(sku="JAR", name="Jar", price="5.00", quantity=0)
    await read_catalogues(loop)

    await count(loop, JAR=6, MUG=3, TEA=9)

    assert (shown(loop, "JAR"), shown(loop, "MUG"), shown(loop, "TEA")) == ((6, 6), (3, 3), (9, 9))


async def test_a_shop_that_refuses_to_be_told_is_said_with_its_words_and_told_when_it_lets_us(
    loop: Loop,
) -> None:
    """frappe/ecommerce_integrations#266: the right to write stock was missing, and nobody was told why nothing changed."""
    loop.shopify.revoke_token()
    await count_stock(loop.hub, loop.merchant_id, [Counted("MUG", 6)], cause="a count")
    for _ in range(2):
        await Worker(loop.hub).look()
    while_refused = shown(loop)
    found = [item async for item in examine_work(loop.hub) if item.check == "connections"]
    said = await loop.running.admin.fetchval("SELECT error FROM listing_levels WHERE error <> ''")

    loop.shopify.restore_token()
    await link_account(
        loop.hub,
        merchant="loop",
        channel="shopify",
        name="one",
        settings={"shop": world.SHOP, "base_url": loop.shops.urls[0]},
        credentials={"access_token": world.TOKEN, "client_secret": world.CLIENT_SECRET},
    )
    await later(loop, seconds=5)

    # The other shop is told all the same: less than six, since the first goes on selling what it shows.
    assert while_refused == (10, 3)
    assert [item.state for item in found] == [State.PROBLEM]
    assert "one is paused: " in found[0].found
    assert "Invalid API key or access token" in said
    assert shown(loop) == (6, 6)


async def test_a_count_typed_in_at_a_shop_does_not_become_ours(loop: Loop) -> None:
    """Starktail/woocommerce_fusion#226: people took the one-way sync for a two-way one. What a shop shows is never our
    count: it is told again.
    """
    loop.woocommerce.set_stock("MUG", 25)

    await later(loop, minutes=15)  # it is read back, ...
    await later(loop, minutes=3)  # ... and no order explains it

    assert await balance(loop) == (10, 0)
    assert shown(loop) == (10, 10)


async def test_a_zero_of_a_shop_that_does_not_count_wipes_nothing(loop: Loop) -> None:
    """woocommerce/woocommerce-square#529: where counting was off the other side said 0, and 0 was taken over."""
    loop.shopify.add_variant(sku="JAR", title="Jar", price="5.00", quantity=0, tracked=False)
    loop.woocommerce.add_product(sku="JAR", name="Jar", price="5.00", quantity=12)
    await read_catalogues(loop)
    await count(loop, JAR=12)

    assert loop.woocommerce.checkout([("JAR", 2)]) is not None
    await later(loop, minutes=3)
    await read_catalogues(loop)

    assert await balance(loop, "JAR") == (12, 2)
    assert shown(loop, "JAR") == (0, 10)  # nothing was written where nothing is counted
