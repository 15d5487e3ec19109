"""The EasyPost connector, assembled from its parts; holds no behaviour of its own."""

from __future__ import annotations

from connectors import load_manifest
from connectors.easypost import trackers, webhooks, wire
from core.connector import Manifest


class EasyPost:
    """A `Connector` that is a carrier: TracksParcels, Subscribes and NoticesFields."""

    manifest: Manifest = load_manifest(__name__)

    base_url = staticmethod(wire.base_url)
    authorize = staticmethod(wire.authorize)
    classify = staticmethod(wire.classify)
    check_account = staticmethod(wire.check_account)
    verify = staticmethod(webhooks.verify)
    read = staticmethod(webhooks.read)
    unread = staticmethod(webhooks.unread)
    subscribe = staticmethod(webhooks.subscribe)
    create_tracker = staticmethod(trackers.create_tracker)


CONNECTOR = EasyPost()
