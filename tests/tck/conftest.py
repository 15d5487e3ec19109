"""The conformance kit under pytest: --channel SLUG measures one connector, --report FILE writes what was found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("conformance")

from conformance.behaviour import BEHAVIOURS  # noqa: E402 - its asserts are rewritten from here on
from conformance.kits import KITS  # noqa: E402
from conformance.tiers import Bench, report  # noqa: E402


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--channel", metavar="SLUG", help="measure this connector only")
    parser.addoption("--report", metavar="FILE", help="write what was measured as JSON")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """*channel* and *behaviour* stand for every behaviour that is asked of every connector, *channel* alone for every
    connector.
    """
    only = metafunc.config.getoption("--channel", default=None)
    channels = [slug for slug in KITS if only in (None, slug)]
    if "behaviour" in metafunc.fixturenames:
        pairs = [
            (slug, name)
            for slug in channels
            for name, behaviour in BEHAVIOURS.items()
            if behaviour.applies_to(KITS[slug])
        ]
        ids = [f"{slug}-{name}" for slug, name in pairs]
        metafunc.parametrize(("channel", "behaviour"), pairs, ids=ids)
    elif "channel" in metafunc.fixturenames:
        metafunc.parametrize("channel", channels)


@pytest.fixture(scope="session")
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Judges every behaviour once in a run. --report writes what it found of the one channel."""
    bench = Bench(KITS)
    yield bench
    named = request.config.getoption("--report", default=None)
    if named:
        slug = request.config.getoption("--channel")
        found = report(KITS[slug].connector, bench.verdicts(slug))
        Path(named).write_text(json.dumps(found), "utf-8")
