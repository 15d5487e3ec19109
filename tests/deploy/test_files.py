"""What deploy/ says fits the code and itself: image, compose, systemd units."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from webhooks.server import DRAIN_S

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
IMAGE = (DEPLOY / "Containerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yml").read_text())
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
SECRETS = {"DATABASE_URL_FILE", "FAIRWAY_INBOUND_KEYS_FILE", "FAIRWAY_OUTBOUND_KEYS_FILE"}

USER = 10001


def test_the_image_takes_every_package_that_runs_and_nothing_that_is_not_there() -> None:
    copied = {
        word
        for line in IMAGE.splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    }
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["packages"]

    assert set(packages) <= copied
    assert [name for name in sorted(copied) if not (ROOT / name).exists()] == []


def test_the_image_runs_as_nobody_in_particular_under_an_init_that_passes_signals_on() -> None:
    lines = IMAGE.splitlines()

    assert f"USER {USER}:{USER}" in lines
    assert any(line.startswith('ENTRYPOINT ["tini", "--", ') for line in lines)
    assert "--require-hashes" in IMAGE


def test_only_workers_are_given_what_opens_tokens_and_only_migrate_the_owner() -> None:
    given = {name: set(service.get("secrets", ())) for name, service in COMPOSE["services"].items()}

    assert [name for name, secrets in given.items() if "outbound_keys" in secrets] == ["worker"]
    assert [name for name, secrets in given.items() if "owner_database_url" in secrets] == ["migrate"]
    assert {name for secrets in given.values() for name in secrets} == set(COMPOSE["secrets"])


def test_every_container_has_limits_and_ours_are_read_only_with_time_to_drain() -> None:
    services = COMPOSE["services"]
    leave_s = float(re.findall(r"FAIRWAY_LEAVE_S=(\d+)", IMAGE)[0])
    for name in services.keys() - {"migrate"}:
        assert services[name]["deploy"]["resources"]["limits"]["memory"]
    for name in ("web1", "web2", "worker"):
        assert services[name]["read_only"]
        assert services[name]["cap_drop"] == ["ALL"]
        assert float(services[name]["stop_grace_period"].rstrip("s")) > leave_s + DRAIN_S
        assert services[name]["environment"].keys() & SECRETS
    for name in ("web1", "web2"):
        assert "/readyz" in services[name]["healthcheck"]["test"][3]
        # Whoever asks as often as this knows in time that a process leaves.
        assert 2 * float(services[name]["healthcheck"]["interval"].rstrip("s")) < leave_s


def test_prometheus_asks_containers_that_there_are_where_the_image_answers() -> None:
    jobs = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["scrape_configs"]
    port = int(re.findall(r"FAIRWAY_METRICS_PORT=(\d+)", IMAGE)[0])
    for job in jobs:
        for source in job["dns_sd_configs"]:
            assert set(source["names"]) <= COMPOSE["services"].keys()
            assert source["port"] == port


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_understands_every_line_of_the_units(tmp_path: Path) -> None:
    assert [unit.name for unit in UNITS] == ["fairway-web@.service", "fairway-worker@.service"]
    for unit in UNITS:
        # Where the program is on this machine: that it is there is verified, too.
        text = unit.read_text().replace("/opt/fairway/.venv/bin/python", sys.executable)
        (tmp_path / unit.name).write_text(text)
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / unit.name) for unit in UNITS)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    ours = [line for line in ran.stderr.splitlines() if "fairway" in line]
    assert ours == []
