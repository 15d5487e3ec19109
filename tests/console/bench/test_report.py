"""What the benches said becomes documents, and nobody writes a figure by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from console.bench import report
from console.bench.gates import Gate
from core.errors import UsageProblem

README = f"# Hub\n\n{report.BEGIN}\nold\n{report.END}\n\nThe rest.\n"
FACTS = {"machine": "a small one, 2 cores", "at": "2026-11-28T20:00:00Z"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with no results."""
    (tmp_path / report.RESULTS).mkdir(parents=True)
    (tmp_path / "README.md").write_text(README, "utf-8")
    return tmp_path


def _keep(root: Path, name: str, **found: Any) -> None:
    (root / report.RESULTS / f"{name}.json").write_bytes(orjson.dumps({**FACTS, **found}))


def _written(root: Path, name: str) -> str:
    return report.documents(root)[Path(name)]


@pytest.mark.parametrize("name", ["docs/performance.md", "docs/sizing.md", "README.md"])
def test_what_is_kept_is_what_the_command_writes_from_the_results(name: str) -> None:
    kept = (report.ROOT / name).read_text("utf-8")
    assert kept == _written(report.ROOT, name), "run: fairway bench report"


def test_with_no_results_everything_is_not_measured(root: Path) -> None:
    performance = _written(root, "docs/performance.md")
    assert performance.count("not measured.") == len(report.BENCHES)
    assert "| held |" not in performance
    assert _written(root, "README.md").count("| not measured |") == len(report.FIGURES)
    assert "Not measured" in _written(root, "docs/sizing.md")


def test_a_missed_gate_is_shown_as_missed_with_the_reason_that_is_kept_beside_it(root: Path) -> None:
    gates = [
        Gate("fast", 2, 3.0).row(),
        Gate("slow", 500, 700.0, most=True).row(),
        Gate("unseen", 1, None).row(),
    ]
    _keep(root, "intake", gates=gates)
    (root / report.RESULTS / "intake.md").write_text("Half of it is the disk.\n", "utf-8")
    performance = _written(root, "docs/performance.md")
    assert "| fast | >= 2 | 3 | held |" in performance
    assert "| slow | <= 500 | 700 | **missed** |" in performance
    assert "| unseen | >= 1 | not measured | **missed** |" in performance
    assert "- slow: 700 instead of <= 500" in performance
    assert "Half of it is the disk." in performance
    assert "1 of 3 gates are held." in _written(root, "README.md")


def test_a_missed_gate_without_a_reason_says_that_it_has_none(root: Path) -> None:
    _keep(root, "intake", gates=[Gate("slow", 500, 700.0, most=True).row()])
    assert "is not written down yet" in _written(root, "docs/performance.md")


def test_every_result_says_its_machine_and_its_time(root: Path) -> None:
    _keep(root, "drain", per_s=1234, parts={"cpu_us": 5.0, "found": {"edit": 2}}, each_round=[{"per_s": 1}])
    performance = _written(root, "docs/performance.md")
    assert "`fairway bench drain`: a small one, 2 cores, 2026-11-28T20:00:00Z." in performance
    assert "| per s | 1,234 |" in performance
    assert "| parts | cpu us 5, found (edit 2) |" in performance
    assert "each round" not in performance
    (root / report.RESULTS / "drain.json").write_bytes(b'{"per_s": 1}')
    with pytest.raises(UsageProblem, match="on which machine and when"):
        report.documents(root)


def test_the_readme_gets_its_figures_between_the_marks_and_nothing_else_changes(root: Path) -> None:
    _keep(root, "loop", orders_per_s=3456.0, ratio_to_typical=None)
    text = _written(root, "README.md")
    assert "| orders through the whole loop, a second | 3,456 |" in text
    assert "| times what a typical receiver does under load | not measured |" in text
    assert "old" not in text
    assert text.startswith("# Hub\n\n<!--")
    assert text.endswith("-->\n\nThe rest.\n")
    assert report.with_figures(text, "x") == report.with_figures(README, "x")


@pytest.mark.parametrize("text", ["", report.BEGIN, f"{report.END}{report.BEGIN}", README + README])
def test_a_readme_without_one_place_for_figures_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem, match="no place for figures"):
        report.with_figures(text, "x")


def test_a_file_that_is_the_result_of_no_bench_is_refused(root: Path) -> None:
    _keep(root, "lop", per_s=1)
    with pytest.raises(UsageProblem, match="result of no bench"):
        report.documents(root)


def test_every_bench_is_named_by_words_that_the_command_line_knows() -> None:
    from click.testing import CliRunner

    from console.cli.bench import BENCHES, bench

    for one in report.BENCHES:
        assert one.words[0] in BENCHES
        ended = CliRunner().invoke(bench, [*one.words, "--help"])
        assert ended.exit_code == 0, ended.output
