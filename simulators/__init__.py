"""Channels that run offline, written from the vendors' documentation. They import nothing of the hub."""
