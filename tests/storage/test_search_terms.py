from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.search_folding import FOLDING
from storage.search_terms import segment_for_search
from storage.sql.searched import Searched
from storage.sqlite.full_text import Fts5Syntax
from tests.storage.conftest import snippet


def _found(query: str, *texts: str) -> list[int]:
    match = Searched.compiled(query, Fts5Syntax(FOLDING), "q").ranked
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute(
            "CREATE VIRTUAL TABLE t USING fts5(x, tokenize=\"unicode61 remove_diacritics 2 categories 'L* N* Co Mn Mc'\")"
        )
        db.executemany("INSERT INTO t VALUES (?)", [(segment_for_search(t),) for t in texts])
        rows = db.execute("SELECT rowid FROM t WHERE t MATCH ? ORDER BY rowid", (match,)) if match else []
        return [row[0] for row in rows]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("跨海大桥周五通车", "大桥"), ("跨海大桥周五通车", "车"), ("東京都の天気予報", "天気"), ("한국은행이 금리를 올렸다", "금리"), ("ข่าวประเทศไทยวันนี้", "ประเทศ"),
        ("ຂ່າວລາວມື້ນີ້", "ລາວ"), ("ព័ត៌មានកម្ពុជា", "កម្ពុជា"), ("မြန်မာသတင်း", "သတင်း"), ("हिन्दी समाचार", "समाचार"), ("Москва и Идлиб", "идлиб"), ("Café Müller", "cafe muller"),
        ("He didn't say", "didn't"), ("a b and c", "AND"), ("x-ray vision", "x-ray"), ("the quick brown fox", '"quick brown"'),
    ],
)  # fmt: skip
def test_words_of_every_script_are_found(text: str, query: str) -> None:
    assert _found(query, "nothing of the kind", text) == [2]


@pytest.mark.parametrize(
    ("text", "query"),
    [("跨海大桥", "海桥"), ("the quick fox brown", '"quick brown"'), ("one two", "one three"), ("abc", '"')],
)
def test_what_is_not_there_is_not_found(text: str, query: str) -> None:
    assert _found(query, text) == []


@pytest.mark.parametrize(
    "query",
    [
        "(",
        ")",
        "AND",
        "OR",
        "NOT",
        "-x",
        "'",
        '"',
        '"a',
        "a*",
        "a:b",
        "^a",
        "NEAR(a b)",
        "{a}",
        "a\0b",
        "🙂",
        "\ufffd",
        "col:x",
        "--",
        ";",
    ],
)
def test_no_query_raises(query: str) -> None:
    _found(query, "a b c")


@given(st.text(max_size=60))
def test_any_text_is_a_query(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    _found(text, "a b c")
    snippet(text, "some text of an article")


def test_snippet_marks_the_words() -> None:
    assert snippet("kremlin", "x " * 200 + "the Kremlin said so " + "y " * 200).count("«Kremlin»") == 1
    assert snippet("大桥", "跨海大桥周五通车") == "跨海«大桥»周五通车"
    assert snippet("missing", "short") == "short"
