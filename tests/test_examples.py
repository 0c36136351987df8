"""Every example of the documents runs: Python, SQL and commands, on a desk with news, copies and an edit."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.sqlite.canned_queries import CANNED_QUERIES, CannedQuery
from tests.conftest import ROOT, Desk, source
from tests.site import Site, story

DOCS = ROOT / "docs"
NOTHING_HERE = {
    "gaps_this_week",
    "gone",
    "headlines_only",
    "came_to_nothing",
    "ran_the_piece_of",
    "first_with_the_story",
    "who_copies_whom",
    "how_late",
    "search_with_dates",
    "changed_headlines",
}
EXAMPLE = "https://news.example.org"


def blocks(document: str, *languages: str) -> list[tuple[str, str]]:
    """(language, text) of the fenced blocks of a document, in order."""
    text = (DOCS / document).read_text(encoding="utf-8")
    found = re.findall(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [(language, block) for language, block in found if language in languages]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, Site]]:
    """A desk that crawled, a publisher who edited, and a second crawl."""
    desk, site = Desk(tmp_path_factory.mktemp("examples")), Site()
    try:
        site.news(4)
        desk.configure(source(site), extra='[schedule]\nrecheck = ["4s"]\n')
        assert desk.run("crawl").code == 0
        changed = [*story(1)[:-1], "The minister now says something quite different about the harbour and its bridge."]
        site.page("/2026/11/20/story-number-1", "Story number 1 of the week", changed)
        time.sleep(4.2)  # until it is looked at again
        assert desk.run("crawl").code == 0
        assert desk.rows("SELECT 1 FROM revisions WHERE number = 2")
        yield desk, site
    finally:
        site.close()


@pytest.mark.parametrize("document", ["python.md", "notebooks.md"])
def test_the_examples_of_a_document_run(
    kept: tuple[Desk, Site], document: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    desk, site = kept
    found = blocks(document, "python", "console")
    if document == "notebooks.md":
        for name in ("pandas", "pyarrow", "duckdb"):
            pytest.importorskip(name)
    monkeypatch.chdir(desk.folder)
    names: dict[str, object] = {}
    for language, block in found:
        text = block.replace(EXAMPLE, site.base)
        if language == "python":
            exec(compile(text, document, "exec"), names)  # noqa: S102 - our own documents
            assert capsys.readouterr().out.strip(), text
        else:
            _run_commands(desk, text)
    assert len(found) >= 5


def _run_commands(desk: Desk, text: str) -> None:
    beside = Path(sys.executable).parent
    for line in text.splitlines():
        command = line.removeprefix("$ ")
        done = subprocess.run(
            command,
            shell=True,
            cwd=desk.folder,
            env={**desk.environment(), "PATH": f"{beside}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (command, done.stderr)


def test_the_questions_of_the_document_are_those_of_the_browser() -> None:
    told = [block.strip() for _, block in blocks("queries.md", "sql")]
    assert told == [question.sql.strip() for question in CANNED_QUERIES]
    assert len(told) >= 20


@pytest.mark.parametrize("question", CANNED_QUERIES, ids=[question.name for question in CANNED_QUERIES])
def test_every_question_runs_read_only(kept: tuple[Desk, Site], question: CannedQuery) -> None:
    desk, _ = kept
    db = sqlite3.connect(f"file:{desk.database}?mode=ro", uri=True)
    try:
        names = dict.fromkeys(re.findall(r"(?<!\w):([a-z]+)", question.sql), "")
        long_ago = {"days": "36500"} if "days" in names else {}  # the articles are of a fixed day
        for asked in (names, {**names, **dict(question.defaults)}, {**names, **long_ago}):
            cursor = db.execute(question.sql, asked)
            assert cursor.description
            found = cursor.fetchall()
        assert found or question.name in NOTHING_HERE
    finally:
        db.close()
