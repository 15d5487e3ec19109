"""The database for use cases."""

from tests.webhooks.interim_postgres import database_url, role_url, server_port

__all__ = ["database_url", "role_url", "server_port"]
