"""The shop's HTTP face: finds the route, knows the caller, reads the body and writes WordPress's headers.

https://woocommerce.github.io/woocommerce-rest-api-docs/
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web

from simulators.faults import faulty
from simulators.woocommerce import api_hooks, api_notes, api_orders, api_products, api_shop, api_trackings
from simulators.woocommerce.face import encode
from simulators.woocommerce.rest import Answer, Call, Handler, RestError

if TYPE_CHECKING:
    from simulators.woocommerce.shop import WooCommerceSimulator

_TABLE: tuple[tuple[str, dict[str, Handler]], ...] = (
    ("orders", {"GET": api_orders.index, "POST": api_orders.create}),
    ("orders/batch", {"POST": api_orders.batch}),
    ("orders/{}", {"GET": api_orders.show, "PUT": api_orders.update, "DELETE": api_orders.remove}),
    ("orders/{}/notes", {"GET": api_notes.index, "POST": api_notes.create}),
    ("orders/{}/notes/{}", {"GET": api_notes.show, "DELETE": api_notes.remove}),
    ("orders/{}/refunds", {"GET": api_orders.refunds, "POST": api_orders.add_refund}),
    ("refunds", {"GET": api_orders.all_refunds}),
    ("products", {"GET": api_products.index, "POST": api_products.create}),
    ("products/batch", {"POST": api_products.batch}),
    ("products/{}", {"GET": api_products.show, "PUT": api_products.update, "DELETE": api_products.remove}),
    ("products/{}/variations", {"GET": api_products.variations}),
    ("products/{}/variations/batch", {"POST": api_products.batch_variations}),
    ("products/{}/variations/{}", {"GET": api_products.show_variation, "PUT": api_products.update_variation}),
    ("webhooks", {"GET": api_hooks.index, "POST": api_hooks.create}),
    ("webhooks/{}", {"GET": api_hooks.show, "PUT": api_hooks.update, "DELETE": api_hooks.remove}),
    ("data/currencies/current", {"GET": api_shop.currency}),
    ("system_status", {"GET": api_shop.system_status}),
)
_FIXED = {
    "Content-Type": "application/json; charset=UTF-8",
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
    "Access-Control-Expose-Headers": "X-WP-Total, X-WP-TotalPages, Link",
    "Access-Control-Allow-Headers": (
        "Authorization, X-WP-Nonce, Content-Disposition, Content-MD5, Content-Type"
    ),
}
_KNOWN_CALLER = {
    "Expires": "Wed, 11 Jan 1984 05:00:00 GMT",
    "Cache-Control": "no-cache, must-revalidate, max-age=0, no-store, private",
}
_NOT_ALLOWED = {
    "POST": ("create", "Sorry, you are not allowed to create resources."),
    "PUT": ("edit", "Sorry, you are not allowed to edit this resource."),
    "DELETE": ("delete", "Sorry, you are not allowed to delete this resource."),
}


@dataclass(frozen=True, slots=True)
class Route:
    name: str
    pattern: re.Pattern[str]
    handlers: dict[str, Handler]

    @property
    def public(self) -> bool:
        """Whether it asks for no key."""
        return self.name.endswith("/providers")

    @property
    def allow(self) -> str:
        """What the Allow header says: one resource is written by POST, PUT and PATCH alike."""
        verbs = list(self.handlers)
        if "PUT" in verbs:
            verbs[verbs.index("PUT") : verbs.index("PUT") + 1] = ["POST", "PUT", "PATCH"]
        return ", ".join(verbs)


def _routes(table: Iterable[tuple[str, dict[str, Handler]]]) -> list[Route]:
    return [
        Route(name, re.compile(name.replace("{}", r"(\d+)").replace("{id}", "[a-fA-F0-9]{0,32}")), handlers)
        for name, handlers in table
    ]


_CORE = {"wc/v3": _routes(_TABLE)}
# The extension answers in its own namespace and, for older callers, in WooCommerce's.
_WITH_TRACKINGS = {
    "wc/v3": _routes((*_TABLE, *api_trackings.ROUTES)),
    api_trackings.NAMESPACE: _routes(api_trackings.ROUTES),
}


def application(shop: WooCommerceSimulator) -> web.Application:
    async def serve(request: web.Request) -> web.Response:
        return await _serve(shop, request)

    spoil = faulty(lambda: shop.call_faults, shop.call_luck)
    app = web.Application(client_max_size=32 * 1024**2, middlewares=[spoil])
    app.router.add_route("*", "/{path:.*}", serve)
    return app


async def _serve(shop: WooCommerceSimulator, request: web.Request) -> web.Response:
    scheme = "https" if request.headers.get("X-Forwarded-Proto") == "https" else "http"
    home = f"{scheme}://{request.host}"
    headers = dict(_FIXED)
    try:
        answer = await _answer(shop, request, home, headers)
    except RestError as refusal:
        answer = Answer(refusal.body, refusal.status)
    headers |= answer.headers
    headers.setdefault("Link", f'<{home}/wp-json/>; rel="https://api.w.org/"')
    return web.Response(body=encode(answer.body), status=answer.status, headers=headers)


async def _answer(
    shop: WooCommerceSimulator, request: web.Request, home: str, headers: dict[str, str]
) -> Answer:
    # Plain permalinks reach the same routes, but WooCommerce does not look at keys there.
    plain = request.query.get("rest_route")
    path = f"/wp-json{plain}" if plain else request.path.removesuffix("/")
    query = _folded(request)
    if path == "/wp-json":
        namespaces = _WITH_TRACKINGS if shop.shipment_tracking else _CORE
        return api_shop.index(shop.face(home), query, shop.clock(), namespaces)
    authorization = request.headers.get("Authorization", "")
    known = not plain and shop.keys.known(
        request.method, f"{home}{request.path}", dict(request.query), authorization
    )
    if known:
        headers |= _KNOWN_CALLER
    found, args = _find(path, shipment_tracking=shop.shipment_tracking)
    method = "GET" if request.method == "HEAD" else request.method
    if method in ("PATCH", "POST") and "PUT" in found.handlers:
        method = "PUT"
    handler = found.handlers.get(method)
    if handler is None:
        raise _no_route()
    shop.books.calls[f"{method} {found.name}"] += 1
    if not known and not found.public:
        raise _stranger(method, found.name)
    headers["Allow"] = found.allow
    body = await _body(request)
    return await handler(Call(shop, request.path, query, body, args, shop.face(home)))


def _find(path: str, *, shipment_tracking: bool) -> tuple[Route, tuple[int, ...]]:
    for namespace, routes in (_WITH_TRACKINGS if shipment_tracking else _CORE).items():
        for route in routes:
            match = route.pattern.fullmatch(path.removeprefix(f"/wp-json/{namespace}/"))
            if match:
                return route, tuple(int(part) for part in match.groups())
    raise _no_route()


def _no_route() -> RestError:
    return RestError(404, "rest_no_route", "No route was found matching the URL and request method.")


def _stranger(method: str, route: str) -> RestError:
    if method == "POST" and route.endswith("batch"):
        return RestError(
            401,
            "woocommerce_rest_cannot_batch",
            "Sorry, you are not allowed to batch manipulate this resource.",
        )
    one = "Sorry, you cannot view this resource."
    viewed = ("view", one if route.endswith("}") else "Sorry, you cannot list resources.")
    verb, message = _NOT_ALLOWED.get(method, viewed)
    return RestError(401, f"woocommerce_rest_cannot_{verb}", message)


def _folded(request: web.Request) -> dict[str, str]:
    """The query with PHP's list parameters, `a[]=1&a[]=2` or `a[0]=1`, written as `a=1,2`."""
    folded: dict[str, str] = {}
    for key, value in request.query.items():
        name, bracket, _ = key.partition("[")
        folded[name] = f"{folded[name]},{value}" if bracket and name in folded else value
    return folded


async def _body(request: web.Request) -> dict[str, Any]:
    """The JSON object sent. Anything that does not say it is JSON is ignored, as WordPress does."""
    if request.content_type != "application/json" or not request.can_read_body:
        return {}
    try:
        body = json.JSONDecoder().decode((await request.read()).decode())
    except ValueError:
        raise RestError(
            400,
            "rest_invalid_json",
            "Invalid JSON body passed.",
            json_error_code=4,
            json_error_message="Syntax error",
        ) from None
    return body if isinstance(body, dict) else {}
