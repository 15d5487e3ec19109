"""Every import contract catches the violation it is there for: a wall nobody can walk into proves nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Contract -> (file to plant or to add to, its import). Each is a mistake somebody could make in good faith.
PLANTED = {
    "The hub is layered; shells do not know each other": ("webhooks/planted.py", "import jobs"),
    "Inside core: shell over use cases over rules over words": ("core/rules/planted.py", "import core.store"),
    "Connectors do not know each other": ("connectors/shopify/planted.py", "import connectors.woocommerce"),
    "Connectors, mappings and the functional core do no I/O": ("mappings/planted.py", "import asyncio"),
    "Connectors see the contract, not the machinery": ("connectors/shopify/planted.py", "import core.net"),
    "SQL lives in core/store": ("core/usecases/planted.py", "import asyncpg"),
    "arq lives in jobs": ("webhooks/planted.py", "import arq"),
    "Simulators and the hub are strangers": ("simulators/planted.py", "import core.model.order"),
    "The hub does not know the simulators": ("jobs/planted.py", "import simulators"),
    "Nothing that ships imports tests": ("bench/planted.py", "import respx"),
}


def contracts() -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return [contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]]


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the linter says of each contract in a copy of the tree with that contract's violation planted."""
    clean = tmp_path_factory.mktemp("clean")
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    for package in settings["tool"]["importlinter"]["root_packages"]:
        shutil.copytree(ROOT / package, clean / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", clean)

    def told(name: str) -> str:
        copy = shutil.copytree(clean, clean.parent / f"planted-{contracts().index(name)}")
        file, statement = PLANTED[name]
        (copy / file).write_text(f'"""Planted."""\n\n{statement}\n')
        return _lint(copy)

    with ThreadPoolExecutor(4) as pool:
        names = [name for name in PLANTED if name in contracts()]
        return {"": _lint(clean), **dict(zip(names, pool.map(told, names), strict=True))}


def _lint(tree: Path) -> str:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    # Only the copy may be found: not the checkout that these tests run from.
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    answer = subprocess.run(
        command, cwd=tree, env=surroundings, capture_output=True, text=True, check=False, timeout=60
    )
    return re.sub(r"\x1b\[[0-9;]*m", "", answer.stdout + answer.stderr)


def test_every_contract_has_its_violation() -> None:
    assert set(PLANTED) == set(contracts())


def test_the_tree_as_it_is_breaks_no_contract(verdicts: dict[str, str]) -> None:
    assert f"{len(PLANTED)} kept, 0 broken" in verdicts[""], verdicts[""]


@pytest.mark.parametrize("name", PLANTED)
def test_the_contract_is_broken_by_its_violation(name: str, verdicts: dict[str, str]) -> None:
    assert re.search(rf"^{re.escape(name)} BROKEN", verdicts[name], re.MULTILINE), verdicts[name][-2000:]
