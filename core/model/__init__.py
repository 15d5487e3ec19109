"""Canonical values: frozen, strict, knowing no channel."""
