"""Products and variations as WooCommerce writes them."""

from __future__ import annotations

import unicodedata
from typing import Any
from urllib.parse import quote

from simulators.woocommerce.face import Face, gmt, links
from simulators.woocommerce.model import SimProduct


def slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "-".join("".join(c if c.isalnum() else " " for c in plain).split())


def product(item: SimProduct, face: Face, *, written: bool = False) -> dict[str, Any]:
    """One product, or a variation shown as one (webhooks, ?sku=). Answers to writes (*written*) say more.
    https://woocommerce.github.io/woocommerce-rest-api-docs/#product-properties
    """
    variation = item.parent is not None
    body = {
        "id": item.product_id,
        "name": item.name,
        "slug": slug(item.name),
        "permalink": _permalink(item, face),
        **_dates(item, face),
        "type": item.kind,
        "status": item.status,
        "featured": False,
        "catalog_visibility": "visible",
        "description": "",
        "short_description": "",
        "sku": item.shown_sku,
        **_prices(item, face),
        "purchasable": True,
        "total_sales": "0" if variation else item.total_sales,
        **_delivered(),
        "external_url": "",
        "button_text": "",
        "tax_status": "taxable",
        "tax_class": "",
        **_stock(item),
        "sold_individually": False,
        "weight": "",
        "dimensions": {"length": "", "width": "", "height": ""},
        "shipping_required": True,
        "shipping_taxable": True,
        "shipping_class": "",
        "shipping_class_id": 0,
        "reviews_allowed": not variation,
        "average_rating": "0.00",
        "rating_count": 0,
        "upsell_ids": [],
        "cross_sell_ids": [],
        "parent_id": item.parent.product_id if item.parent is not None else 0,
        "purchase_note": "",
        "categories": [] if variation else [{"id": 15, "name": "Uncategorized", "slug": "uncategorized"}],
        "brands": [],
        "tags": [],
        "images": [],
        "attributes": _options(item) if variation else _attributes(item),
        "default_attributes": [],
        "variations": [child.product_id for child in item.variations],
        "grouped_products": [],
        "menu_order": 0,
        "price_html": f'<span class="amount"><bdi>{face.symbol}{face.money(item.price)}</bdi></span>',
        "related_ids": [],
        "meta_data": [],
        "stock_status": _status(item),
        "has_options": bool(item.variations),
        "post_password": "",
        "global_unique_id": item.gtin,
    }
    if written:
        body["permalink_template"] = f"{face.home}/product/%pagename%/"
        body["generated_slug"] = slug(item.name)
    up = f"{face.api}/products/{item.parent.product_id}" if item.parent is not None else None
    return body | {"_links": links(f"{face.api}/products/{item.product_id}", up=up)}


def variation(item: SimProduct, parent: SimProduct, face: Face) -> dict[str, Any]:
    """One variation as /products/{parent}/variations shows it.
    https://woocommerce.github.io/woocommerce-rest-api-docs/#product-variation-properties
    """
    up = f"{face.api}/products/{parent.product_id}"
    return {
        "id": item.product_id,
        "type": "variation",
        **_dates(item, face),
        "description": "",
        "permalink": _permalink(item, face),
        "sku": item.shown_sku,
        "global_unique_id": item.gtin,
        **_prices(item, face),
        "status": item.status,
        "purchasable": True,
        **_delivered(),
        "tax_status": "taxable",
        "tax_class": "parent",
        **_stock(item),
        "stock_status": _status(item),
        "weight": "",
        "dimensions": {"length": "", "width": "", "height": ""},
        "shipping_class": "",
        "shipping_class_id": 0,
        "image": None,
        "gallery_image_ids": [],
        "attributes": _options(item),
        "menu_order": 0,
        "meta_data": [],
        "name": ", ".join(option for _, option in item.options),
        "parent_id": parent.product_id,
        "_links": links(f"{up}/variations/{item.product_id}", up=up),
    }


def _permalink(item: SimProduct, face: Face) -> str:
    chosen = "&".join(f"attribute_{slug(name)}={quote(option)}" for name, option in item.options)
    return f"{face.home}/product/{slug((item.parent or item).name)}/" + (f"?{chosen}" if chosen else "")


def _dates(item: SimProduct, face: Face) -> dict[str, Any]:
    return {
        "date_created": face.local(item.created),
        "date_created_gmt": gmt(item.created),
        "date_modified": face.local(item.modified),
        "date_modified_gmt": gmt(item.modified),
    }


def _prices(item: SimProduct, face: Face) -> dict[str, Any]:
    price = face.money(item.price)
    return {
        "price": price,
        "regular_price": "" if item.variations else price,
        "sale_price": "",
        "date_on_sale_from": None,
        "date_on_sale_from_gmt": None,
        "date_on_sale_to": None,
        "date_on_sale_to_gmt": None,
        "on_sale": False,
    }


def _delivered() -> dict[str, Any]:
    return {
        "virtual": False,
        "downloadable": False,
        "downloads": [],
        "download_limit": -1,
        "download_expiry": -1,
    }


def _stock(item: SimProduct) -> dict[str, Any]:
    return {
        "manage_stock": item.manage_stock,
        "stock_quantity": item.shown_stock,
        "backorders": "no",
        "backorders_allowed": False,
        "backordered": False,
        "low_stock_amount": None,
    }


def _status(item: SimProduct) -> str:
    return "outofstock" if item.shown_stock is not None and item.shown_stock <= 0 else "instock"


def _options(item: SimProduct) -> list[dict[str, Any]]:
    return [{"id": 0, "name": name, "slug": slug(name), "option": option} for name, option in item.options]


def _attributes(item: SimProduct) -> list[dict[str, Any]]:
    offered: dict[str, list[str]] = {}
    for child in item.variations:
        for name, option in child.options:
            if option not in offered.setdefault(name, []):
                offered[name].append(option)
    return [
        {
            "id": 0,
            "name": name,
            "slug": name,
            "position": 0,
            "visible": True,
            "variation": True,
            "options": options,
        }
        for name, options in offered.items()
    ]
