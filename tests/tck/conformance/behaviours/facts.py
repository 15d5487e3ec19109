"""The manifest: what it states is there, and what is there it states."""

from __future__ import annotations

from datetime import date
from importlib.resources import files
from urllib.parse import urlsplit

from conformance.behaviour import bronze
from conformance.kit import NOW, Kit
from core import connector as contract
from core.connector import Settings
from core.errors import FairwayError

# Word in a manifest -> the protocol that makes it true.
CAPABILITIES = {
    "orders": contract.PullsOrders,
    "catalog": contract.ListsCatalog,
    "stock": contract.WritesStock,
    "webhooks": contract.Connector,
    "fulfillments": contract.PushesFulfillments,
    "tracking": contract.PushesTracking,
}
OF_CARRIERS = {"tracking": contract.TracksParcels, "webhooks": contract.Connector}


@bronze("manifest-true", "The manifest's capabilities are those the connector really has, each a known word.")
def true(kit: Kit) -> None:
    manifest = kit.connector.manifest
    known = CAPABILITIES if manifest.kind == "channel" else OF_CARRIERS
    stated = set(manifest.capabilities)
    assert stated <= set(known), f"unknown words: {sorted(stated - set(known))}"
    for word, protocol in known.items():
        if word != "webhooks":
            assert (word in stated) == isinstance(kit.connector, protocol), word


@bronze("manifest-supported", "The channel's API version is not past its end.")
def supported(kit: Kit) -> None:
    manifest = kit.connector.manifest
    assert manifest.api_version
    assert manifest.api_sunset is None or manifest.api_sunset > date.fromordinal(NOW.toordinal())


@bronze("manifest-places", "Documentation and hosts are named: https, and nowhere else to call.")
def places(kit: Kit) -> None:
    manifest = kit.connector.manifest
    assert urlsplit(manifest.documentation).scheme == "https"
    assert manifest.hosts
    address = urlsplit(kit.connector.base_url(kit.settings))
    assert address.scheme == "https"
    named = {host.format_map(kit.settings).removeprefix("https://") for host in manifest.hosts}
    assert address.hostname in named, f"{address.hostname} is none of {sorted(named)}"


@bronze("manifest-address", "An account's address that cannot be is refused in a sentence.")
def address(kit: Kit) -> None:
    for setting in kit.connector.manifest.settings:
        for written in (
            "nowhere",
            "ftp://x",
            "https://",
            "javascript:1",
            "https://a b",
            "https://u:p@evil.example",
        ):
            told = _refusal(kit, {**kit.settings, setting: written})
            assert told is not None, f"{setting} = {written!r} was accepted"
            assert len(str(told)) > 20


def _refusal(kit: Kit, settings: Settings) -> FairwayError | None:
    try:
        kit.connector.base_url(settings)
    except FairwayError as error:
        return error
    return None


@bronze("manifest-limits", "Rate budgets are stated, each above nothing.")
def limits(kit: Kit) -> None:
    assert kit.connector.manifest.limits
    assert all(
        limit.points_per_s > 0 and limit.burst >= 1 for limit in kit.connector.manifest.limits.values()
    )


@bronze("manifest-credentials", "Every credential that is used is asked for, and no more.")
def credentials(kit: Kit) -> None:
    manifest = kit.connector.manifest
    fields = [*manifest.credentials, *manifest.webhook_secrets]
    assert len(set(fields)) == len(fields)
    assert set(manifest.credentials) <= set(kit.credentials) <= set(fields)


@bronze("manifest-readme", "There is a page for merchants that says how to get the credentials.")
def readme(kit: Kit) -> None:
    manifest = kit.connector.manifest
    text = files(f"connectors.{manifest.slug}").joinpath("README.md").read_text("utf-8")
    assert manifest.name in text
    assert len(text.split()) > 100
    assert manifest.data_use
