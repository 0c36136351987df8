"""Copies of a story, whichever outlet's article is stored first."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.prose import Prose
from crawler.articles.visit import PageVisit
from crawler.engine.crawl.ingest import store_visit
from storage.records import Completeness, Filter
from storage.sql.removal import merge
from storage.store import Store
from storage.utc import format_utc
from storage.writer import Writer, open_writer
from tests import torture
from tests.conftest import NOW
from tests.visits import wire_copy

PARAGRAPHS = [Prose(seed).text(60) for seed in range(8)]
# (outlet, paragraphs) of one wire story: the second has all of the third, the first less of it
OUTLETS = (("a.example", (0, 1, 2, 3)), ("b.example", (0, 1, 2, 4, 5)), ("c.example", (1, 2, 4)))


def page(n: int, source: str, paragraphs: Iterable[int]) -> PageVisit:
    return wire_copy(source, n, "\n\n".join(PARAGRAPHS[paragraph] for paragraph in paragraphs))


def stored(writer: Writer, *pages: PageVisit) -> None:
    for visit in pages:
        with writer.transaction():
            store_visit(writer, visit)


def in_part(visit: PageVisit, completeness: Completeness) -> PageVisit:
    """The page while it is blocked, with the feed's first words at most."""
    assert visit.article is not None
    return dataclasses.replace(visit, article=dataclasses.replace(visit.article, completeness=completeness))


def arrives(writer: Writer, n: int, source: str, paragraphs: Sequence[int], steps: int) -> None:
    """Store what a page shows before its full text: nothing, then its first paragraph."""
    if steps > 0:
        stored(writer, in_part(wire_copy(source, n, ""), "headline"))
    if steps > 1:
        stored(writer, in_part(page(n, source, paragraphs[:1]), "teaser"))


def check(store: Store) -> None:
    """Each copy is another outlet's, of an original; and a list without copies counts each of them once."""
    kept = {hit.article.id: hit.article for hit in store.articles(Filter())}
    for article in kept.values():
        assert min(other.id for other in kept.values() if other.story_id == article.story_id) == article.story_id
        if article.duplicate_of is not None:
            original = kept[article.duplicate_of]
            assert original.duplicate_of is None
            assert (original.source != article.source, original.story_id) == (True, article.story_id)
    folded = list(store.articles(Filter(fold_copies=True)))
    assert sum(1 + hit.copies for hit in folded) == len(kept)
    assert store.count(Filter(fold_copies=True)) == len(folded)


@pytest.mark.parametrize("order", list(itertools.permutations(OUTLETS)))
def test_two_of_three_alike_articles_are_copies_of_the_first(
    tmp_path: Path, order: tuple[tuple[str, tuple[int, ...]], ...]
) -> None:
    with open_writer(tmp_path / "news.db") as writer:
        stored(writer, *(page(n, *outlet) for n, outlet in enumerate(order)))
        assert [(hit.article.source, hit.copies) for hit in writer.articles(Filter(fold_copies=True))] == [
            (order[0][0], 2)
        ]


def test_an_article_that_was_copied_before_its_full_text_was_read_stays_the_original(tmp_path: Path) -> None:
    with open_writer(tmp_path / "news.db") as writer:
        arrives(writer, 1, "a.example", (0,), steps=2)
        stored(writer, page(2, "b.example", (0, 1, 2, 4)), page(1, "a.example", (0, 1, 2, 3)))
        first, second = (writer.article(key) for key in (1, 2))
        assert first is not None
        assert second is not None
        assert first.completeness == "full"
        assert (first.duplicate_of, second.duplicate_of) == (None, 1)
        check(writer)


def test_copies_of_an_article_that_is_merged_into_a_copy_are_of_its_original(tmp_path: Path) -> None:
    with open_writer(tmp_path / "news.db") as writer:
        stored(writer, page(1, "a.example", (0, 1, 2, 3)), page(2, "b.example", (0, 1, 2)))
        stored(writer, page(3, "c.example", (4, 5, 6, 7)), page(4, "d.example", (4, 5, 6)))
        with writer.transaction():
            merge(writer.db, 3, 2, format_utc(NOW))
        assert [(hit.article.id, hit.copies) for hit in writer.articles(Filter(fold_copies=True))] == [(1, 2)]
        check(writer)


@settings(max_examples=torture.times(20, 1000), deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(("a.example", "b.example", "c.example", "d.example")),
            st.lists(st.integers(0, 7), min_size=1, max_size=5, unique=True),
            st.integers(0, 2),
        ),
        min_size=2,
        max_size=9,
    )
)
def test_no_order_of_arrival_makes_a_copy_of_a_copy(arrivals: list[tuple[str, list[int], int]]) -> None:
    with TemporaryDirectory() as folder, open_writer(Path(folder) / "news.db") as writer:
        for n, (source, paragraphs, steps) in enumerate(arrivals):
            arrives(writer, n, source, paragraphs, steps)
        for n, (source, paragraphs, _) in enumerate(arrivals):
            stored(writer, page(n, source, paragraphs))
        check(writer)
