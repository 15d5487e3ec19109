"""What deploy/ says fits the code and itself: image, compose, systemd units."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from console.home import Home
from core.sealing import Keyring
from tests.conftest import PASSWORDS
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


@pytest.mark.soak
@pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("tini") is None, reason="needs root, and tini (apt-get install tini)"
)
def test_what_the_image_is_built_of_serves_as_another_user_under_tini(elsewhere: str) -> None:
    """The commands of the Containerfile, in a directory: no image can be built where there is no daemon."""
    place = Path(tempfile.mkdtemp(prefix="fairway-image-"))
    place.chmod(0o755)
    (place / "tmp").mkdir()
    try:
        _build(place)
        said = []
        for _ in range(2):
            migrated = _start(place, "migrate", {"DATABASE_URL": elsewhere})
            said.append(migrated.communicate(timeout=120)[0])
            assert migrated.returncode == 0
        home = Home(place, Keyring.generate("in1"), Keyring.generate("out1"), PASSWORDS)
        told = {"FAIRWAY_HOST": "127.0.0.1", "FAIRWAY_PORT": "0", "FAIRWAY_METRICS_PORT": "19400"}
        for role in ("web", "worker"):
            served = _start(place, role, {**home.environment(elsewhere, None, f"fairway_{role}"), **told})
            assert served.stdout is not None
            ready = served.stdout.readline()
            with urllib.request.urlopen("http://127.0.0.1:19400/metrics", timeout=10) as answer:
                metrics = answer.read().decode()
            owner = Path(f"/proc/{served.pid}").stat().st_uid
            served.send_signal(signal.SIGTERM)

            assert served.wait(30) == 0
            assert ready.startswith("http://127.0.0.1:" if role == "web" else "ready")
            assert "fairway_database_up 1.0" in metrics
            assert owner == USER
    finally:
        shutil.rmtree(place, ignore_errors=True)

    assert said[0].splitlines()[0].endswith(".sql")
    assert said[1].startswith("Nothing to do")


def _build(place: Path) -> None:
    shutil.copy(ROOT / "requirements.lock", place / "tmp")
    (build,) = re.findall(r"^RUN (python -m venv .*(?:\n .*)+)", IMAGE, re.MULTILINE)
    build = build.replace("/opt/fairway", str(place / "venv")).replace("/tmp/", f"{place}/tmp/")
    subprocess.run(["sh", "-ec", build], check=True, timeout=600)
    (place / "srv").mkdir()
    for line in re.findall(r"^COPY (?!--)(.+) \S+$", IMAGE, re.MULTILINE):
        for name in line.split():
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, place / "srv" / name)
            else:
                shutil.copy(ROOT / name, place / "srv")


def _start(place: Path, role: str, environment: dict[str, str]) -> subprocess.Popen[str]:
    """As the image's entrypoint does it: a user without rights who can write nowhere."""
    return subprocess.Popen(
        ["tini", "--", str(place / "venv/bin/python"), "-P", "-m", "console.cli", role],
        cwd=place / "srv",
        env={
            "PYTHONPATH": str(place / "srv"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TINI_SUBREAPER": "1",
            **environment,
        },
        user=USER,
        group=USER,
        extra_groups=[],
        stdout=subprocess.PIPE,
        text=True,
    )
