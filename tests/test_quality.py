"""The quality gate tells what fell below its floor, and nothing else."""

from __future__ import annotations

from pathlib import Path

from benchmarks.quality import compare, corpus_hash


def test_a_figure_below_its_floor_fails_and_a_count_above_its_ceiling_does() -> None:
    lines = compare(
        {"zyte": {"f1": 0.96, "empty": 0.0, "cpu_ms": 12.0}, "urls": {"false_merges": 1.0, "hard": 1.0}},
        {"zyte": {"f1": 0.97, "empty": 1}, "urls": {"false_merges": 0, "hard": 1.0}},
    )
    assert [(line.part, line.name) for line in lines if line.fails] == [("urls", "false_merges"), ("zyte", "f1")]


def test_a_figure_that_is_gone_fails() -> None:
    assert [line.name for line in compare({}, {"zyte": {"f1": 0.5, "errors": 0}}) if line.fails] == ["errors", "f1"]


def test_the_hash_is_of_names_and_contents(tmp_path: Path) -> None:
    page = tmp_path / "corpus" / "articles" / "a.html"
    page.parent.mkdir(parents=True)
    page.write_text("one")
    first = corpus_hash(tmp_path)
    page.write_text("two")
    assert corpus_hash(tmp_path) != first
