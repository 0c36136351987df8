from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from crawler.articles.dedupe import (
    SAMPLE,
    containment,
    content_hash,
    fingerprints,
    group_stories,
    shingles,
    words_changed,
)
from tests.site import story

LONG = "\n\n".join(story(1, 12))


def test_a_briefs_sample_stands_in_its_long_versions_text() -> None:
    brief = "\n\n".join(story(1, 12)[:2])
    assert containment(shingles(brief), shingles(LONG)) > 0.9
    assert len(set(fingerprints(shingles(brief))) & set(shingles(LONG))) >= 2


def test_group_stories_groups_a_cut_and_edited_copy_and_nothing_else() -> None:
    copy = "A lead that was written anew by the other desk.\n\n" + "\n\n".join(story(1, 12)[1:6])
    found = group_stories([("a", LONG), ("b", "\n\n".join(story(2, 12))), ("c", copy), ("d", "Too short.")])
    assert found == {"a": "a", "b": "b", "c": "a", "d": "d"}


def test_unspaced_scripts_are_grouped_by_characters() -> None:
    text = "历时六年建设的跨海大桥将于本周五正式通车，大桥管理局周三宣布了这一消息。大桥全长二十二公里，连接港口与南岸工业区。"
    assert group_stories([(1, text), (2, text[:40])]) == {1: 1, 2: 1}


def test_words_changed_counts_both_ways() -> None:
    assert words_changed(
        {"title": "a b c", "text": "one two three"}, {"title": "a b c", "text": "one four three five"}
    ) == (2, 1)


def test_spaces_do_not_make_a_version() -> None:
    assert content_hash("a", None, "b  c\n\nd") == content_hash("a ", None, "b c d")
    assert content_hash("a", None, "b") != content_hash("a", None, "c")


@given(st.text(max_size=300))
def test_fingerprints_are_few_and_from_the_text(text: str) -> None:
    grams = shingles(text)
    prints = fingerprints(grams)
    assert len(prints) <= SAMPLE
    assert set(prints) <= grams


def test_the_given_stories(corpus: Path) -> None:
    rows = [
        json.loads(line)
        for line in (corpus / "corpus" / "duplicates" / "stories.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    found = group_stories((str(r["id"]), r["text"]) for r in rows)
    base = [r for r in rows if r["role"] == "base"]
    pairs = [(a, b) for i, a in enumerate(base) for b in base[i + 1 :] if a["cluster"] == b["cluster"]]
    hit = sum(found[str(a["id"])] == found[str(b["id"])] for a, b in pairs)
    wrong = sum(
        found[str(a["id"])] == found[str(b["id"])]
        for i, a in enumerate(rows)
        for b in rows[i + 1 :]
        if a["cluster"] != b["cluster"]
    )
    assert hit / len(pairs) >= 0.95
    assert hit / max(1, hit + wrong) >= 0.95
