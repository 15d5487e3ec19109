"""Real servers for the tests that need them: one PostgreSQL and one Valkey per run, a fresh database per test."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import spread

from connectors import discover
from console.servers import Servers, run_servers
from console.servers.memory import throwaway
from core.connector import Connector
from core.hub import Hub, open_hub
from core.net import Send
from core.sealing import Keyring
from core.settings import Settings
from core.store.migrate import ROLES, migrate

PASSWORDS = {role: f"{role}-of-tests" for role in ROLES}
SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="also run the tests that take minutes")
    parser.addoption(
        "--distributed", action="store_true", help="on spread tables, as a cluster would have them"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    soak, distributed = config.getoption("--soak"), config.getoption("--distributed")
    if distributed:
        import taken_back  # it knows the use cases, which other tests do not have to import

        taken_back.take_back_once_each()
    for item in items:
        if "soak" in item.keywords:
            item.add_marker(
                pytest.mark.timeout(0) if soak else pytest.mark.skip(reason="a soak: runs only with --soak")
            )
        if distributed and (alone := item.get_closest_marker("one_machine")):
            item.add_marker(pytest.mark.skip(reason=f"not with --distributed: {alone.args[0]}"))
        if not distributed and item.get_closest_marker("spread"):
            item.add_marker(pytest.mark.skip(reason="about spread tables: runs only with --distributed"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.config.getoption("--distributed"):
        import taken_back

        taken_back.left_alone = item.get_closest_marker("undisturbed") is not None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption("--distributed"):
        from taken_back import struck

        said = ", ".join(f"{name} {count}" for name, count in struck.most_common() if count)
        terminalreporter.write_line(f"on spread tables; calls of which a transaction was taken back: {said}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What tests log may be no Unicode, on purpose; what one process of a run tells another has to be."""
    report = yield
    report.sections = [
        (name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections
    ]
    return report


@dataclass(slots=True)
class TestClock:
    """A clock that a test moves by hand."""

    __test__ = False
    now: datetime = field(default_factory=lambda: datetime(2026, 11, 24, 12, 0, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    # Not below pytest's own directory: that one is private, and as root PostgreSQL runs as another user.
    with (
        throwaway("fairway-tests-") as directory,
        run_servers(directory, log=print) as running,
    ):
        yield running


@pytest.fixture(scope="session")
async def template(servers: Servers, request: pytest.FixtureRequest) -> str:
    """The administrator's URL of a migrated database that tests copy; with --distributed, a spread one."""
    url = on_database(servers.endpoints.database_url, "template_of_tests")
    admin = await asyncpg.connect(servers.endpoints.database_url)
    await admin.execute("CREATE DATABASE template_of_tests")
    await admin.close()
    await migrate(url, PASSWORDS)
    if request.config.getoption("--distributed"):
        admin = await asyncpg.connect(url)
        await spread.spread(admin)
        await spread.refuse_what_one_machine_has(admin)
        await admin.close()
    return url


@pytest.fixture
async def fresh(servers: Servers, template: str) -> AsyncIterator[str]:
    """The administrator's URL of a migrated, empty database of this test's own."""
    name = f"test_{next(_numbers)}"
    admin = await asyncpg.connect(servers.endpoints.database_url)
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE template_of_tests STRATEGY file_copy")
    yield on_database(template, name)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def elsewhere(fresh: str) -> AsyncIterator[str]:
    """The administrator's URL of a database with nothing in it."""
    name = urlsplit(fresh).path.strip("/") + "_elsewhere"
    admin = await asyncpg.connect(fresh)
    await admin.execute(f"CREATE DATABASE {name}")
    yield on_database(fresh, name)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture(scope="session")
async def database_url(servers: Servers, template: str) -> str:
    """The administrator's URL of one migrated database for the whole run."""
    admin = await asyncpg.connect(servers.endpoints.database_url)
    await admin.execute("CREATE DATABASE shared_by_tests TEMPLATE template_of_tests STRATEGY file_copy")
    await admin.close()
    return on_database(template, "shared_by_tests")


@pytest.fixture(scope="session")
def role_url(database_url: str) -> Callable[[str], str]:
    """The URL of the run's database for one of the serving roles."""
    return lambda role: as_role(database_url, role)


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture(scope="session")
def registry() -> dict[str, Connector]:
    return discover()


@pytest.fixture
async def make_hub(
    fresh: str, clock: TestClock, registry: dict[str, Connector]
) -> AsyncIterator[Callable[..., object]]:
    """Opens hubs over this test's database: `await make_hub(send=...)`. Role fairway_worker, test clock."""
    stacks = []

    async def make(send: Send | None = None, **changes: object) -> Hub:
        opened = open_hub(
            settings_for(fresh, **changes), registry, clock=clock, send=send, application="test"
        )
        hub = await opened.__aenter__()
        stacks.append(opened)
        return hub

    yield make
    for opened in reversed(stacks):
        await opened.__aexit__(None, None, None)


def settings_for(admin_url: str, *, role: str = "fairway_worker", **changes: object) -> Settings:
    values: dict[str, object] = {
        "database_url": as_role(admin_url, role),
        "redis_url": None,
        "inbound": KEYS,
        "outbound": KEYS,
        "lease_s": 20.0,  # as shipped: on a busy machine a second is too little for a conversation with a shop
        "call_deadline_s": 9.0,
        "allow_private_hosts": True,
        "port": 0,
    }
    return Settings(**{**values, **changes})  # type: ignore[arg-type]


def on_database(url: str, name: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{name}"))


def as_role(url: str, role: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{role}:{PASSWORDS[role]}@"))


KEYS = Keyring.parse(Keyring.generate("t1"))
_numbers = itertools.count(1)
