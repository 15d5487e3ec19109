"""The settings that commands run with: the environment's, or those of the hub that runs on this machine."""

from __future__ import annotations

import os

from core.settings import Settings, read_settings


def settings_here() -> Settings:
    """Raises `UsageProblem` when the environment names no database and no hub runs here."""
    from console.home import Home, default_directory

    environment = dict(os.environ)
    if "DATABASE_URL" not in environment:
        home = Home.open(default_directory())
        facts = home.running()
        environment |= home.environment(facts["database_url"], facts.get("redis_url"), "fairway_worker")
        environment |= {"FAIRWAY_PUBLIC_URL": facts.get("web_url", "")}
        if facts.get("allow_private_hosts") == "1":
            environment["FAIRWAY_ALLOW_PRIVATE_HOSTS"] = "1"
    return read_settings(environment)
