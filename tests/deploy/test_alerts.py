"""Each alert of deploy/ fires when it should, says what to do, and asks for figures that /metrics has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

from console.admin import State, _families
from core.flow import decode
from core.store.gauges import Waiting

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"][0]["rules"]
NOTHING = Waiting(0, 0.0, 0, 0, 0, {}, {}, {}, {}, {}, {})
OF_PROMETHEUS = {"up"}

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: apt-get install prometheus)"
)

# By alert: series that make it fire (each a minute apart), when, and the labels it then has.
FIRES: dict[str, tuple[dict[str, str], str, dict[str, str]]] = {
    "FairwayProcessDown": (
        {'up{job="fairway-web",instance="a"}': "0x10"},
        "5m",
        {"job": "fairway-web", "instance": "a"},
    ),
    "FairwayNoWorker": ({'fairway_database_up{instance="web"}': "1x10"}, "5m", {}),
    "FairwayDatabaseDown": ({'fairway_database_up{instance="a"}': "1 0x10"}, "4m", {"instance": "a"}),
    "FairwayRedisDown": ({'fairway_redis_up{instance="a"}': "0x20"}, "12m", {"instance": "a"}),
    "FairwayShedding": (
        {'fairway_deliveries_total{outcome="shed",reason="overloaded"}': "0+60x20"},
        "15m",
        {},
    ),
    "FairwayAnswersFail": (
        {'fairway_deliveries_total{outcome="failed",reason="internal"}': "0x5 1x10"},
        "8m",
        {},
    ),
    "FairwayBadSignatures": (
        {'fairway_deliveries_total{outcome="refused",reason="bad-signature"}': "0+2x60"},
        "40m",
        {},
    ),
    "FairwayAnswersSlow": (
        {
            'fairway_request_seconds_bucket{le="1.0"}': "0+50x30",
            'fairway_request_seconds_bucket{le="2.5"}': "0+60x30",
            'fairway_request_seconds_bucket{le="+Inf"}': "0+60x30",
        },
        "20m",
        {},
    ),
    "FairwayLoopLags": (
        {
            'fairway_loop_lag_seconds_bucket{instance="a",le="0.5"}': "0+50x30",
            'fairway_loop_lag_seconds_bucket{instance="a",le="1.0"}': "0+60x30",
            'fairway_loop_lag_seconds_bucket{instance="a",le="+Inf"}': "0+60x30",
        },
        "20m",
        {"instance": "a"},
    ),
    "FairwayDeliveriesLate": ({"fairway_deliveries_oldest_seconds": "0+60x20"}, "15m", {}),
    "FairwayWorkLate": (
        {'fairway_work_oldest_due_seconds{kind="push"}': "700x20"},
        "10m",
        {"kind": "push"},
    ),
    "FairwayRunsFail": (
        {
            'fairway_runs_total{kind="pull",outcome="failed"}': "0+3x60",
            'fairway_runs_total{kind="pull",outcome="ok"}': "0+1x60",
            'fairway_runs_total{kind="push",outcome="failed"}': "0+1x60",
            'fairway_runs_total{kind="push",outcome="ok"}': "0+9x60",
        },
        "50m",
        {"kind": "pull"},
    ),
    "FairwayChannelDown": (
        {'fairway_circuits_open{channel="shopify"}': "1x30"},
        "20m",
        {"channel": "shopify"},
    ),
    "FairwayAccountRefused": (
        {'fairway_connections{channel="shopify",status="reauth_required"}': "1x30"},
        "10m",
        {"channel": "shopify"},
    ),
    "FairwayDeliveriesParked": ({"fairway_deliveries_parked": "1x30"}, "15m", {}),
    "FairwayRefusedByChannel": (
        {"fairway_effects_rejected": "1x30", "fairway_levels_refused": "0x30"},
        "15m",
        {},
    ),
    "FairwayOversold": ({'fairway_incidents_open{kind="oversold"}': "1x30"}, "15m", {}),
    "FairwayDriftAsked": ({'fairway_drifts_open{status="asked"}': "1x30"}, "15m", {}),
}

# A day on which nothing is wrong: whatever is measured, as it then is.
CALM = {
    'up{job="fairway-web",instance="a"}': "1x60",
    "fairway_database_up": "1x60",
    "fairway_redis_up": "1x60",
    "fairway_deliveries_waiting": "3x60",
    "fairway_deliveries_oldest_seconds": "2x60",
    "fairway_deliveries_parked": "0x60",
    "fairway_effects_rejected": "0x60",
    "fairway_levels_refused": "0x60",
    'fairway_connections{channel="shopify",status="active"}': "9x60",
    'fairway_deliveries_total{outcome="accepted",reason=""}': "0+600x60",
    'fairway_deliveries_total{outcome="refused",reason="not-found"}': "0+600x60",
    'fairway_deliveries_total{outcome="refused",reason="bad-signature"}': "0x30 1x30",
    'fairway_request_seconds_bucket{le="1.0"}': "0+600x60",
    'fairway_request_seconds_bucket{le="+Inf"}': "0+600x60",
    'fairway_loop_lag_seconds_bucket{instance="a",le="0.5"}': "0+240x60",
    'fairway_loop_lag_seconds_bucket{instance="a",le="+Inf"}': "0+240x60",
    'fairway_runs_total{kind="pull",outcome="ok"}': "0+9x60",
    'fairway_runs_total{kind="pull",outcome="failed"}': "0+1x60",
    'fairway_work_oldest_due_seconds{kind="push"}': "1x60",
    'fairway_drifts_open{status="watching"}': "2x60",
}


def _case(series: dict[str, str], checks: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": list(checks),
    }


def _run(path: Path, cases: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    told = {"rule_files": [str(DEPLOY / "alerts.yml")], "evaluation_interval": "1m", "tests": cases}
    path.write_text(json.dumps(told))  # which is YAML, too
    return subprocess.run(
        ["promtool", "test", "rules", str(path)], capture_output=True, text=True, timeout=60, check=False
    )


def _expected(rule: dict[str, Any]) -> dict[str, Any]:
    _, when, labels = FIRES[rule["alert"]]
    fired = {"exp_labels": {**rule["labels"], **labels}, "exp_annotations": rule["annotations"]}
    return {"eval_time": when, "alertname": rule["alert"], "exp_alerts": [fired]}


@needs_promtool
def test_every_alert_fires_when_what_it_is_about_goes_wrong(tmp_path: Path) -> None:
    assert set(FIRES) == {rule["alert"] for rule in RULES}
    ran = _run(tmp_path / "fires.yml", [_case(FIRES[rule["alert"]][0], [_expected(rule)]) for rule in RULES])

    assert ran.returncode == 0, ran.stdout + ran.stderr


@needs_promtool
def test_no_alert_fires_on_a_calm_day(tmp_path: Path) -> None:
    quiet = [
        {"eval_time": when, "alertname": rule["alert"], "exp_alerts": []}
        for rule in RULES
        for when in ("20m", "50m")
    ]
    ran = _run(tmp_path / "calm.yml", [_case(CALM, quiet)])

    assert ran.returncode == 0, ran.stdout + ran.stderr


@needs_promtool
def test_the_configuration_of_prometheus_is_one() -> None:
    ran = subprocess.run(
        ["promtool", "check", "config", "prometheus.yml"],
        cwd=DEPLOY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_alert_says_what_is_wrong_and_what_to_do() -> None:
    for rule in RULES:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"].endswith(".")
        assert len(rule["annotations"]["do"]) > 10


def told() -> set[str]:
    """The names of all series that a worker or a web process has."""
    families = [*REGISTRY.collect(), *_families(NOTHING)]
    state = State(True, None, None)  # type: ignore[arg-type]
    state.redis = object()  # type: ignore[assignment]
    names = set()
    for family in [*families, *state.collect()]:
        if family.type == "counter":
            names.add(f"{family.name}_total")
        elif family.type == "histogram":
            names |= {f"{family.name}_{end}" for end in ("bucket", "sum", "count")}
        else:
            names.add(family.name)
    return names


def _asked(expressions: Iterable[str]) -> set[str]:
    found = set()
    for expression in expressions:
        found |= set(re.findall(r"\b(?:fairway|process)_[a-z_]+\b", re.sub(r'"[^"]*"', '""', expression)))
    return found


def test_every_figure_that_rules_and_dashboard_ask_for_exists() -> None:
    dashboard = decode((DEPLOY / "grafana.json").read_bytes())
    by_rules = _asked(rule["expr"] for rule in RULES)
    by_panels = _asked(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])

    assert len(by_rules) >= 10
    assert len(by_panels) >= 20
    assert by_rules | by_panels <= told() | OF_PROMETHEUS


def test_the_dashboard_shows_everything_we_count() -> None:
    text = (DEPLOY / "grafana.json").read_text()
    ours = {name for name in told() if name.startswith("fairway_") and not name.endswith(("_sum", "_count"))}

    assert [name for name in sorted(ours) if name.removesuffix("_bucket") not in text] == []
