"""Learning is no edit: a page is compared as the rules of its stored version read it."""

from __future__ import annotations

import dataclasses

import pytest

from crawler.articles.verdict import decide
from crawler.articles.visit import LearnedRules, PageVisit
from crawler.text.paragraph_ids import block_id
from storage.article import Article
from storage.verdicts import Alias, FullerView, Revision, Unchanged
from tests.articles.test_verdict import A, held, kept, visit
from tests.site import story

APPEAL = "The Post has no owner behind it and no wall before it, so join its readers today."
OWN = "\n\n".join(story(1))
PLAIN = f"{OWN}\n\n{APPEAL}"
EDITED = OWN.replace("according", "writes", 1)
BLOCKS = frozenset({block_id(APPEAL)})
NOW_RULES, THEN_RULES = 11, 5


def read(today: str, before: str | None, *, rules: LearnedRules) -> PageVisit:
    """A page that today's rules and those of its stored version read so."""
    new = visit(A, text=today)
    other = visit(A, text=before).article if before is not None else None
    assert new.article is not None
    article = dataclasses.replace(new.article, learned_version=rules.version)
    return dataclasses.replace(new, article=article, before=other, learned=rules)


def stored(text: str, version: int | None, **more: object) -> Article:
    return kept(visit(A, text=text), learned_version=version, **more)


KNOWN = LearnedRules(blocks=BLOCKS, version=NOW_RULES, before=frozenset(), before_version=None)


def test_the_same_page_without_what_was_learned_since_is_unchanged() -> None:
    verdict = decide(read(OWN, PLAIN, rules=KNOWN), held(stored(PLAIN, None)))
    assert isinstance(verdict, Unchanged)
    assert verdict.then is not None
    assert (verdict.then.article.text, verdict.then.article.learned_version) == (OWN, NOW_RULES)
    assert verdict.then.words_added == 0


def test_an_edit_has_the_publishers_words_only() -> None:
    verdict = decide(read(EDITED, f"{EDITED}\n\n{APPEAL}", rules=KNOWN), held(stored(PLAIN, None)))
    assert isinstance(verdict, Revision)
    assert (verdict.cause, verdict.words_added, verdict.words_removed) == ("publisher", 1, 1)
    assert verdict.article.text == f"{EDITED}\n\n{APPEAL}"
    assert verdict.then is not None
    assert verdict.then.article.text == EDITED


def test_rules_that_make_no_difference_are_noted() -> None:
    verdict = decide(read(OWN, None, rules=KNOWN), held(stored(OWN, None)))
    assert isinstance(verdict, Unchanged)
    assert verdict.then is not None
    assert (verdict.then.article.text, verdict.then.article.learned_version) == (OWN, NOW_RULES)


def test_what_is_not_left_out_any_more_is_no_edit() -> None:
    rules = LearnedRules(before=BLOCKS, before_version=THEN_RULES)
    verdict = decide(read(PLAIN, OWN, rules=rules), held(stored(OWN, THEN_RULES)))
    assert isinstance(verdict, Unchanged)
    assert verdict.then is not None
    assert (verdict.then.article.text, verdict.then.article.learned_version) == (PLAIN, None)


@pytest.mark.parametrize("before", [PLAIN, OWN])
@pytest.mark.parametrize("today", [PLAIN, OWN])
def test_without_the_old_rules_repeated_paragraphs_do_not_count(before: str, today: str) -> None:
    rules = LearnedRules(blocks=BLOCKS if today == OWN else frozenset(), version=NOW_RULES)
    same = decide(read(today, None, rules=rules), held(stored(before, THEN_RULES), repeated=BLOCKS))
    assert isinstance(same, Unchanged)
    assert same.then is not None
    assert same.then.article.text == today
    page = read(today.replace("according", "writes", 1), None, rules=rules)
    edit = decide(page, held(stored(before, THEN_RULES), repeated=BLOCKS))
    assert isinstance(edit, Revision)
    assert (edit.words_added, edit.words_removed) == (1, 1)
    assert edit.then is not None
    assert edit.then.article.text == today.replace("according", "writes", 1)


def test_a_fuller_view_and_another_address_are_read_by_todays_rules() -> None:
    known = stored("The harbour is closed.", None, completeness="teaser")
    fuller = decide(read(OWN, PLAIN, rules=KNOWN), held(known))
    assert isinstance(fuller, FullerView)
    assert (fuller.article.text, fuller.article.learned_version) == (OWN, NOW_RULES)
    view = read(OWN, PLAIN, rules=KNOWN)
    other = f"{A}?view=print"
    moved = dataclasses.replace(view, page=dataclasses.replace(view.page, url=other))
    alias = decide(moved, held(stored(PLAIN, None)))
    assert isinstance(alias, Alias | Unchanged)
    assert alias.then is not None
    assert alias.then.article.text == OWN
