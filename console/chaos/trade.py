"""What every part of an exhaustive run begins with: goods that both shops list, and buyers who buy them."""

from __future__ import annotations

from console.chaos.stand import Stand
from console.demo import shops as world
from core.store import chaos_books

SHOPS = ("shopify", "woocommerce")
KIT = "KIT-1"
MERCHANT = ("--merchant", "demo")

Order = tuple[str, str]  # shop, the shop's id


async def open_part(stand: Stand) -> None:
    """What all parts have in common: a kit that both shops list, and news of parcels that names no whole order."""
    shops = stand.shops
    shops.shopify.add_variant(sku=KIT, title="A kit", price="9.00", quantity=0)
    shops.woocommerce.add_product(sku=KIT, name="A kit", price="9.00", quantity=0)
    for token, connection_id in stand.stage.tokens.items():
        if connection_id == stand.stage.connection_ids[0]:
            shops.shopify.subscribe(
                "fulfillments/create", f"{stand.stage.door}/hooks/{token}/fulfillments/create"
            )
    await stand.command("stock", "kits", "set", KIT, "DEMO-001=2", *MERCHANT)
    await list_everywhere(stand, KIT)
    stand.kit = {"DEMO-001": 2}


def skus(stand: Stand, count: int) -> list[str]:
    """SKUs that nobody has touched for long."""
    found: list[str] = []
    while len(found) < count:
        number = next(stand.numbers) % world.VARIANTS + 1
        if number % world.SCARCE_EVERY and number > 2:
            found.append(f"DEMO-{number:03}")
    return found


def sell(stand: Stand, shop: str, sku: str, units: int = 2) -> Order:
    if shop == "shopify":
        bought = stand.shops.shopify.checkout([(sku, units)])
        made = bought.key if bought else None
    else:
        order = stand.shops.woocommerce.checkout([(sku, units)])
        made = str(order.order_id) if order else None
    assert made is not None, f"{shop} has no {sku} left"  # noqa: S101 - nothing sells out here
    stand.shops.bought[shop] += 1
    return shop, made


async def sell_some(stand: Stand) -> list[Order]:
    """Two rounds: somebody buys in each shop, and each shop comes to know what the other sold."""
    bought = []
    for _ in range(2):
        bought += [sell(stand, shop, sku) for shop, sku in zip(SHOPS, skus(stand, 2), strict=True)]
        await stand.quiet()
    return bought


async def list_everywhere(stand: Stand, sku: str) -> None:
    """Both catalogues are read until they name *sku*."""
    await stand.ring("catalog")

    async def listed() -> bool:
        found = [await stand.ask(chaos_books.lists, one, sku) for one in stand.stage.connection_ids]
        return all(found)

    await stand.until(listed, f"{sku} to be listed")
    await stand.quiet()
