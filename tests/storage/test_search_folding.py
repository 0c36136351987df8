from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.search_folding import fold, fold_with_origins
from storage.search_terms import segment_for_search
from storage.sql.searched import Searched
from storage.sqlite.full_text import Fts5Syntax
from storage.sqlite.percolate import Text, matching
from tests.storage.conftest import snippet

TABLE = (
    "CREATE VIRTUAL TABLE t USING fts5(x, {} tokenize=\"unicode61 remove_diacritics 2 categories 'L* N* Co Mn Mc'\")"
)


def found(query: str, text: str, folding: int = 2) -> bool:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute(TABLE.format(""))
        db.execute("INSERT INTO t VALUES (?)", (segment_for_search(text, folding),))
        match = Searched.compiled(query, Fts5Syntax(folding), "q").ranked
        return bool(match and db.execute("SELECT 1 FROM t WHERE t MATCH ?", (match,)).fetchone())


PAIRS = [
    ("Самолёт Фёдора улетел", "Самолет Федора улетел"),
    ("Ложкарѐв", "ложкарев"),
    ("Blåbærgrød på Øland", "Blabaergrod pa Oland"),
    ("Łukasz z Łodzi", "Lukasz z Lodzi"),
    ("Nguyễn Đình Đạt", "Nguyen Dinh Dat"),
    ("Grüße aus der GROẞEN Gasse", "Grusse aus der grossen Gasse"),
    ("l'œuvre et le cœur", "l'oeuvre et le coeur"),
    ("Þórður Æsisson", "Thordur Aesisson"),
    ("Işık İzmir'de", "Isik Izmir'de"),
    ("Ħamrun, Malta", "Hamrun, Malta"),
    ("Əliyev", "Aliyev"),
    ("Οι εκλογές στην Αθήνα", "ΟΙ ΕΚΛΟΓΕΣ ΣΤΗΝ ΑΘΗΝΑ"),
    ("Νέος λόγος", "νεοσ λογοσ"),
    ("قَالَ الرَّئِيسُ أَحْمَد", "قال الرئيس احمد"),
    ("المدينـــة", "المدينه"),
    ("کتاب فارسی", "كتاب فارسي"),
    ("שָׁלוֹם עֲלֵיכֶם", "שלום עליכם"),
    ("ＮＨＫ　ＮＥＷＳ　２０２６", "NHK NEWS 2026"),
    ("ｸﾞﾗﾌ", "グラフ"),
    ("ﾆｭｰｽ", "ニュース"),
    ("か\u3099っこう", "がっこう"),
    ("한국", "한국"),
    ("의회 2026", "의회 2026"),
    ("عام ٢٠٢٦", "عام 2026"),
    ("۱۴۰۵", "1405"),
    ("सन २०२६", "सन 2026"),
    ("ปี ๒๕๖๙", "ปี 2569"),
    ("क़लम", "क\u093cलम"),
    ("п\u02bcять", "п'ять"),
    ("the ﬁnal oﬀer", "the final offer"),
    ("ﻣﺪﻳﻨﺔ", "مدينة"),
    ("й", "и\u0306"),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b"), PAIRS, ids=[b for _, b in PAIRS])
def test_two_spellings_of_a_word_find_each_other(a: str, b: str) -> None:
    assert found(b, a)
    assert found(a, b)
    assert matching([a, b], [Text("", a, ""), Text(b, "", "")]) == [{0, 1}, {0, 1}]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("мой край", "мои краи"),
        ("сын", "син"),
        ("ґанок", "ганок"),
        ("ガス", "カス"),
        ("パリ", "バリ"),
        ("한국", "한굴"),
    ],
)
def test_two_letters_of_a_language_are_two(text: str, query: str) -> None:
    assert not found(query, text)


@pytest.mark.parametrize(("a", "_"), PAIRS, ids=[b for _, b in PAIRS])
def test_the_former_folding_finds_what_is_written(a: str, _: str) -> None:
    assert found(a, a, folding=1)


def test_full_width_quotes_are_quotes() -> None:
    assert found("＂quick brown＂", "the quick brown fox")
    assert not found("＂quick brown＂", "the quick fox brown")


@given(st.text(max_size=60), st.sampled_from([1, 2]))
def test_what_was_indexed_can_be_deleted(text: str, folding: int) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE c (x)")
        db.execute(TABLE.format('content="c",'))
        words = segment_for_search(text, folding)
        db.execute("INSERT INTO t (rowid, x) VALUES (1, ?)", (words,))
        db.execute("INSERT INTO t (t, rowid, x) VALUES ('delete', 1, ?)", (segment_for_search(text, folding),))
        db.execute("INSERT INTO t (t) VALUES ('integrity-check')")
    assert fold(fold(text)) == fold(text)
    folded, origins = fold_with_origins(text)
    assert len(origins) == len(folded) + 1
    assert list(origins) == sorted(origins)
    assert origins[-1] == len(text)


@pytest.mark.parametrize(
    ("text", "query", "shown"),
    [
        ("Вот ещё один маяк", "еще маяк", "Вот «ещё» один «маяк»"),
        ("In der Straße steht ein Baum", "strasse", "In der «Straße» steht ein Baum"),
        ("Café Müller öffnet", "cafe MULLER", "«Café» «Müller» öffnet"),
        ("今日のＮＨＫニュース", "NHK", "今日の«ＮＨＫ»ニュース"),
        ("港のｶﾞｲﾄﾞ", "ガイド", "港の«ｶﾞｲﾄﾞ»"),
        ("قَالَ أَحْمَد", "احمد", "قَالَ «أَحْمَد»"),
        ("mu\u0308de Ma\u0308nner", "männer", "mu\u0308de «Ma\u0308nner»"),
        ("æon and ß and ß", "ss", "æon and «ß» and «ß»"),
    ],
)
def test_a_match_is_marked_in_the_text_as_it_is(text: str, query: str, shown: str) -> None:
    assert snippet(query, text) == shown


def test_a_snippet_is_cut_around_its_match() -> None:
    text = "ß " * 300 + "Ещё маяк " + "ﬁ " * 300
    assert "«Ещё» «маяк»" in snippet("еще маяк", text)
    assert len(snippet("еще маяк", text)) < 200


@pytest.mark.parametrize("unit", ["\u0301\u0323", "\uff76\uff9e", "ß", "\u1100\u1161", "\u064b"])
def test_folding_is_linear(unit: str) -> None:
    def took(count: int) -> float:
        begun = time.process_time()
        fold_with_origins(f"a{unit * count}")
        fold(f"a{unit * count}")
        return time.process_time() - begun

    took(1_000)
    assert took(200_000) < 40 * max(took(20_000), 0.01)


@pytest.mark.parametrize("case", ["107-search-yo", "109-search-full-width"])
def test_the_cases_of_search(corpus: Path, case: str) -> None:
    folder = corpus / "cases" / case
    pages = re.findall(r"^/(p\d): (.+?) / (.+)$", (folder / "input.md").read_text(encoding="utf-8"), re.MULTILINE)
    expected = (folder / "expected.md").read_text(encoding="utf-8")
    rows = re.findall(r"""^\| (\S+) \| .+? \| "\['(p\d)'\]" \| \w+ \|""", expected, re.MULTILINE)
    assert len(rows) == 4
    for query, right in rows:
        [hits] = matching([query], [Text(title, text, "") for _, title, text in pages])
        assert {pages[hit][0] for hit in hits} == {right}
