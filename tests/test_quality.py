"""The quality gate reports what is below its floor, and nothing else; comparisons, folds and causes are what they say."""

from __future__ import annotations

import dataclasses
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import changed_constant, comparison, figures, floors, ledger, quality, scoring
from benchmarks.floors import compare, corpus_hash
from benchmarks.scoring import PageScore, Task
from crawler.extraction.extractor import extract
from crawler.extraction.main_text import MainText
from tests.quality_corpus import SENTENCES, page, tiny_corpus


def score(f1: float, *, host: str = "a.example", corpus: str = "zyte", **more: Any) -> PageScore:
    values: dict[str, Any] = {
        "id": host, "precision": f1, "recall": f1, "empty": False, "problem": None, "error": None, "cpu": 0.01,
    }  # fmt: skip
    return PageScore(corpus=corpus, host=host, f1=f1, **{**values, **more})


# ---- floors ---------------------------------------------------------------------------------------------------------


def test_a_figure_below_its_floor_fails_and_a_count_above_its_ceiling_does() -> None:
    lines = compare(
        {
            "zyte": {"f1": 0.96, "empty": 0.0, "cpu_ms": 12.0},
            "all": {"worse": 0.05},
            "urls": {"false_merges": 1.0, "hard": 1.0},
        },
        {"zyte": {"f1": 0.97, "empty": 1}, "all": {"worse": 0.04}, "urls": {"false_merges": 0, "hard": 1.0}},
    )
    failed = [(line.part, line.name) for line in lines if line.fails]
    assert failed == [("all", "worse"), ("urls", "false_merges"), ("zyte", "f1")]


def test_a_figure_that_is_gone_fails() -> None:
    assert [line.name for line in compare({}, {"zyte": {"f1": 0.5, "errors": 0}}) if line.fails] == ["errors", "f1"]


def test_the_hash_is_of_names_and_contents(tmp_path: Path) -> None:
    path = tmp_path / "corpus" / "articles" / "a.html"
    path.parent.mkdir(parents=True)
    path.write_text("one")
    first = corpus_hash(tmp_path)
    path.write_text("two")
    assert corpus_hash(tmp_path) != first


def test_floors_are_raised_to_a_little_under_what_is_reached_and_never_lowered(tmp_path: Path) -> None:
    path = tmp_path / "floors.toml"
    path.write_text(
        f'# why\ncorpus = "{corpus_hash(tmp_path)}"\n\n[zyte]\nf1 = 0.95\ntitle = 0.9\nempty = 3\n\n[urls]\nhard = 1.0\n'
    )
    lower = floors.pin(path, tmp_path, {"zyte": {"f1": 0.9712, "title": 0.85, "empty": 1.0, "cpu_ms": 9.0}})
    assert lower == ["zyte title 0.85, at 0.9"]
    assert path.read_text().startswith("# why\n")
    assert floors.read_floors(path, tmp_path) == {
        "zyte": {"f1": 0.969, "title": 0.9, "empty": 1},
        "urls": {"hard": 1.0},
    }


def test_on_another_corpus_floors_are_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "floors.toml"
    path.write_text('corpus = "another"\n\n[zyte]\nf1 = 0.95\n')
    assert floors.read_floors(path, tmp_path) is None
    assert floors.pin(path, tmp_path, {"zyte": {"f1": 0.9, "worse": 0.0111}}) == []
    assert floors.read_floors(path, tmp_path) == {"zyte": {"f1": 0.898, "worse": 0.017}}


# ---- scores ---------------------------------------------------------------------------------------------------------


def test_the_f1_of_a_corpus_is_its_scorers() -> None:
    shingles = [score(0, precision=1.0, recall=0.5), score(0, precision=0.5, recall=0.5)]
    assert scoring.text_f1(shingles) == pytest.approx(2 * 0.75 * 0.5 / 1.25)
    strings = [score(0, strings=(3, 0, 1)), score(0, strings=(1, 1, 0))]  # micro: 4 right, 1 wrong, 1 missed
    assert scoring.text_f1(strings) == pytest.approx(0.8)
    assert scoring.text_f1([]) == 0.0


def test_a_page_is_scored_and_one_that_breaks_the_extractor_is_a_result(tmp_path: Path) -> None:
    folder = tiny_corpus(
        tmp_path, {"ice": page()}, corpus="wcxb", title="Ice closes the strait", date="2026-11-20T10:00:00+00:00"
    )
    scorer, (task,) = scoring.load_scorer(folder), scoring.tasks_of(folder)
    right = scoring.score_page(scorer, extract, task)
    assert (right.host, right.title, right.day, right.minute, right.authors) == ("ice.example", 1.0, 0.0, 0.0, None)
    assert right.f1 == right.words == 1.0
    assert not right.empty

    def broken(body: bytes, url: str) -> None:
        raise ValueError(url)

    wrong = scoring.score_page(scorer, broken, task)
    assert wrong.error == "ValueError: https://ice.example/2026/ice"
    assert (wrong.f1, wrong.words, wrong.empty) == (0.0, 0.0, True)


def test_strings_that_must_and_must_not_occur() -> None:
    truth = {"must": ["one  two", "three"], "mustnot": ["four"]}
    assert scoring.score_text(None, truth, "one\ntwo four") == {  # type: ignore[arg-type]
        "precision": 0.5, "recall": 0.5, "f1": 0.5, "strings": (1, 1, 1),
    }  # fmt: skip
    only = {"mustnot": ["four"]}
    assert scoring.score_text(None, only, "one")["f1"] == 1.0  # type: ignore[arg-type]
    assert scoring.score_text(None, only, "four")["f1"] == 0.0  # type: ignore[arg-type]


# ---- comparison -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pages", [True, False])
def test_the_interval_is_of_the_paired_difference(pages: bool) -> None:
    theirs = [score(at / 100, host=f"{at}.example") for at in range(20, 90)]
    gained = [dataclasses.replace(s, f1=s.f1 + 0.1, precision=s.f1 + 0.1, recall=s.f1 + 0.1) for s in theirs]
    assert comparison.interval(gained, theirs, pages=pages) == pytest.approx((0.1, 0.1))  # pages vary, pairs do not
    assert comparison.interval(theirs, theirs, pages=pages) == (0.0, 0.0)
    half = [*gained[:35], *theirs[35:]]
    low, high = found = comparison.interval(half, theirs, pages=pages)
    assert 0.02 < low < 0.05 < high < 0.08
    assert comparison.interval(half, theirs, pages=pages) == found  # the seed is fixed
    few = comparison.interval(half[28:42], theirs[28:42], pages=pages)
    assert few[1] - few[0] > high - low


def test_the_interval_of_strings_is_of_the_corpus_f1() -> None:
    theirs = [score(0, strings=(1, 0, 1))] * 40
    ours = [score(0, strings=(2, 0, 0))] * 40
    assert comparison.interval(ours, theirs) == pytest.approx((1 / 3, 1 / 3))


def test_a_page_is_worse_below_three_hundredths() -> None:
    theirs = [score(0.9)] * 4
    assert comparison.worse([score(0.9), score(0.88), score(0.8), score(1.0)], theirs) == 0.25


def test_all_pages_of_a_host_are_in_one_fold() -> None:
    hosts = [f"news-{at}.example" for at in range(200)]
    found = comparison.in_folds([score(1.0, host=host) for host in hosts for _ in range(2)])
    assert sum(map(len, found)) == 400
    assert all(40 <= len(fold) <= 120 for fold in found)
    assert sum(len({s.host for s in fold}) for fold in found) == 200
    assert comparison.fold_of("www.news-1.example") == comparison.fold_of("news-1.example")


def test_a_value_is_chosen_on_four_folds_and_reported_on_the_fifth() -> None:
    hosts = [next(f"h{n}.example" for n in range(99) if comparison.fold_of(f"h{n}.example") == f) for f in range(5)]
    runs = {
        0.7: [score(0.8, host=host) for host in hosts],  # today's
        0.8: [score(0.8 if at else 1.0, host=host) for at, host in enumerate(hosts)],  # gains in fold 0 alone
    }
    found = comparison.choose_values(runs, 0.7)
    assert [choice.value for choice in found] == [0.7, 0.8, 0.8, 0.8, 0.8]  # without fold 0 both are equal
    assert [choice.f1 for choice in found] == [0.8] * 5
    assert [choice.today for choice in found] == [0.8] * 5


def test_a_rule_stays_where_it_helps_on_three_hosts_in_two_corpora() -> None:
    def moved(*changes: tuple[str, str, float]) -> comparison.Moved:
        before = [score(0.5, host=host, corpus=corpus) for corpus, host, _ in changes]
        after = [score(0.5 + change, host=host, corpus=corpus) for corpus, host, change in changes]
        return next(found for found in comparison.moved_hosts(before, after) if found.figure == "f1")

    good = [("zyte", "a", 0.1), ("zyte", "b", 0.1), ("wcxb", "c", 0.1)]
    assert moved(*good).stays
    assert moved(*good, ("wcxb", "d", -0.3), ("zyte", "e", 0.004)).hurt == {"wcxb": ("d",)}
    assert moved(*good, ("wcxb", "d", -0.3)).stays
    assert not moved(*good, *(("wcxb", host, -0.01) for host in "xyz")).stays
    assert not moved(*good[:2], ("zyte", "c", 0.1)).stays
    assert not moved(*good[:1], good[2]).stays


def test_a_run_is_kept_and_read_again(tmp_path: Path) -> None:
    runs = {"newsdesk": [score(0.5, strings=(1, 2, 3), title=1.0)], "trafilatura": [score(0.4, error="x")]}
    comparison.save(tmp_path / "run.json", runs)
    assert comparison.load(tmp_path / "run.json") == runs
    (tmp_path / "run.json").write_text('{"newsdesk": [{}]}')
    with pytest.raises(SystemExit, match="not a run"):
        comparison.load(tmp_path / "run.json")


# ---- a constant with another value ----------------------------------------------------------------------------------


def test_a_changed_constant_reaches_every_module_that_uses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "studied.py").write_text("LIMIT: int = 3\nDOUBLE = LIMIT * 2\nNAMES = {LIMIT}\n")
    (tmp_path / "user_of_studied.py").write_text(
        "from studied import DOUBLE, LIMIT as most\ndef size(x=most):\n    return x + DOUBLE\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    constant = changed_constant.todays("studied:LIMIT")
    assert constant.value == 3
    changed_constant.change(dataclasses.replace(constant, value=10))
    assert importlib.import_module("user_of_studied").size() == 30
    with pytest.raises(RuntimeError, match="already imported"):
        changed_constant.change(constant)
    for name in ("studied", "user_of_studied"):
        del sys.modules[name]
    with pytest.raises(SystemExit, match="no constant NAMES"):
        changed_constant.todays("studied:NAMES")
    with pytest.raises(SystemExit, match="no module nowhere"):
        changed_constant.todays("nowhere:LIMIT")


def test_the_constants_of_the_documentation_are_there() -> None:
    for where, values in quality.STUDIED.items():
        assert changed_constant.todays(where).value in values, where


# ---- causes ---------------------------------------------------------------------------------------------------------


def lines_from(node: Any, at: int) -> list[Any]:
    return [p for p in node.iter("p") if int(p.get("class", "line-0").rpartition("-")[2]) >= at]


def drop_lines(tree: Any) -> None:
    for node in lines_from(tree, 3):
        node.drop_tree()


SABOTAGE: dict[str, tuple[str, Callable[..., Any]]] = {
    "problem: text thrown away": ("page_type.page_problem", lambda *_: "section page"),
    "parsing: limits": ("page.enforce_limits", lambda markup: (markup.partition('<p class="line-3')[0], "cut")),
    "parsing: closing of unclosed tags": (
        "page.close_unclosed",
        lambda markup: markup.partition('<p class="line-3')[0],
    ),
    "hidden elements": ("boilerplate.find_hidden", lambda measures, *_: set(lines_from(measures.order[0], 3))),
    "appeals": ("boilerplate.find_appeals", lambda measures, *_: set(lines_from(measures.order[0], 3))),
    "next articles": ("boilerplate.find_next_articles", lambda body, _: set(lines_from(body, 3))),
    "boilerplate: class names and ids": ("boilerplate._rate", lambda names: 2 * (names in {"line-3", "line-4"})),
    "lines that are only a link": ("boilerplate._points_elsewhere", lambda node, _: node.get("class") == "line-4"),
    "paragraphs at empty lines": ("main_text.split_at_empty_lines", drop_lines),
    "trimming of the start": ("trimming._trim_start", lambda paragraphs, _: paragraphs[3:]),
    "trimming of the end": ("trimming._trim_end", lambda paragraphs: paragraphs[:3]),
    "paywall offers": ("page_type.strip_offers", lambda _, text: (text[:200], "teaser")),
    "choice: not the fast reading": (
        "main_text.choose_candidate",
        lambda *_, **__: MainText(text="Subscribe to read this.", source="trafilatura"),
    ),
    "trafilatura: not found in the pruned tree": ("main_text._trafilatura", lambda *_, **__: SENTENCES[0]),
}


@pytest.fixture
def ice(tmp_path: Path) -> tuple[Any, Task]:
    folder = tiny_corpus(tmp_path, {"ice": page()})
    return scoring.load_scorer(folder), scoring.tasks_of(folder)[0]


@pytest.mark.parametrize("step", SABOTAGE)
def test_the_step_that_loses_the_text_is_the_cause(
    step: str, ice: tuple[Any, Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    target, stand_in = SABOTAGE[step]
    monkeypatch.setattr(f"crawler.extraction.{target}", stand_in)
    if step.startswith("choice"):
        monkeypatch.setattr("crawler.extraction.main_text._ENOUGH", float("inf"))
    cause = ledger.find_cause(*ice, extract)
    if step.startswith("trafilatura"):  # either way the densest part is read instead
        assert cause.step in {step, "choice: not the densest part"}
    else:
        assert cause.step == step
    assert cause.gain > 0.05


def test_text_that_is_not_in_the_tree_and_a_page_without_a_fault(ice: tuple[Any, Task], tmp_path: Path) -> None:
    assert ledger.find_cause(*ice, extract) == ledger.Cause(step=ledger.NONE, gain=0.0)
    script = f"<script type='text/template'>{' '.join(SENTENCES[2:])}</script>"
    (tmp_path / "cut").mkdir()
    folder = tiny_corpus(tmp_path / "cut", {"ice": page(SENTENCES[:2], script)})

    def cut(body: bytes, url: str) -> Any:
        return extract(body.partition(b"<script type='text/template'>")[0], url)

    cause = ledger.find_cause(scoring.load_scorer(folder), scoring.tasks_of(folder)[0], cut)
    assert cause.step == ledger.NOT_IN_TREE
    assert cause.gain > 0.3


def test_every_step_is_where_the_ledger_says_and_is_put_back() -> None:
    for step, targets in ledger.STEPS.items():
        names = [target.partition(".")[::2] for target in targets]
        homes = [(importlib.import_module(f"crawler.extraction.{module}"), name) for module, name in names]
        before = [getattr(home, name) for home, name in homes]
        with ledger.without(step):
            assert all(getattr(home, name) is not old for (home, name), old in zip(homes, before, strict=True)), step
        assert all(getattr(home, name) is old for (home, name), old in zip(homes, before, strict=True)), step


def test_a_step_that_moved_is_an_error(ice: tuple[Any, Task], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "STEPS", {"gone": {"trimming.no_such_step": None}})
    with pytest.raises(LookupError, match="no_such_step"):
        ledger.find_cause(*ice, extract)
    monkeypatch.setattr(ledger, "STEPS", {"trim": {"trimming._trim_end": len}})
    with pytest.raises(LookupError, match="TypeError"):
        ledger.find_cause(*ice, extract)


# ---- the command ----------------------------------------------------------------------------------------------------


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["quality", *arguments])
    return quality.main()


def test_without_a_corpus_nothing_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NEWSDESK_CORPUS", str(tmp_path))
    assert run(monkeypatch) == 0
    assert "no corpus" in capsys.readouterr().out


@pytest.mark.integration
def test_the_command_measures_compares_and_finds_causes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tiny_corpus(tmp_path, {f"h{at}": page(extra=f"<p>{at}</p>") for at in range(4)}, title="Ice closes it")
    docs, pinned, saved = tmp_path / "quality.md", tmp_path / "floors.toml", tmp_path / "run.json"
    docs.write_text("".join(f"<!-- {name} -->\n<!-- /{name} -->\n" for name in ("figures", "folds", "choices")))
    pinned.write_text('corpus = "another"\n')
    monkeypatch.setenv("NEWSDESK_CORPUS", str(folder))
    monkeypatch.setattr(quality, "DOCS", docs)
    monkeypatch.setattr(floors, "FLOORS", pinned)
    monkeypatch.setattr(quality, "STUDIED", {"crawler.extraction.trimming:_TEASER": (1, 160)})

    assert run(monkeypatch, "--update") == 0
    text = docs.read_text()
    assert "| text F1 | **1.000** / " in text
    assert "| trimming:_TEASER | 160 |" in text
    assert run(monkeypatch, "--save", str(saved)) == 0
    out, err = capsys.readouterr()
    assert "at least 0.998" in out
    assert "another corpus" not in err
    assert run(monkeypatch, "--hosts", str(saved)) == 0
    assert not capsys.readouterr().out.strip()

    pinned.write_text(pinned.read_text().replace("title = 0.0", "title = 0.5").replace("[zyte]\n", "[zyte]\nday = 1\n"))
    assert run(monkeypatch, "--json") == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["same_corpus"]
    assert "below the floor: zyte day" in err
    assert run(monkeypatch, "--worst", "3") == 0
    assert "lowest F1" in capsys.readouterr().out


def test_tables_write_figures_without_a_zero() -> None:
    assert [figures.short(x) for x in (0.974, 1.0, 0.0)] == [".974", "1.000", ".000"]
    assert [figures.short(x, sign=True) for x in (0.0081, -0.0031, -1.0)] == ["+.008", "−.003", "−1.000"]
