"""The arq side: workers that are woken through Redis and never depend on it."""
