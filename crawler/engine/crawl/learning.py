"""What each source's pages are read without, kept in memory between pages, and learned from each new article."""

from __future__ import annotations

from crawler.articles.learning import WINDOW, repeated_blocks, version_of, without_kept
from crawler.articles.visit import LearnedRules, PageVisit
from crawler.config.models import Source
from crawler.text.paragraph_ids import block_id
from storage.async_writer import AsyncWriter
from storage.learned import LearnedBlocks
from storage.records import Entry
from storage.store import Store
from storage.verdicts import FullerView, NewArticle, Verdict
from storage.writer import Writer


def rules_of(store: Store, source: Source, blocks: frozenset[int], entry: Entry | None = None) -> LearnedRules:
    """Return the rules for a page of a source.

    Args:
        store: the database.
        source: the source.
        blocks: the paragraphs that repeat on its pages now.
        entry: the page's entry; if its article is stored, what that was read without is in the rules too.
    """
    learned = LearnedBlocks(store)
    number, before = None, None
    if entry is not None and entry.article_id is not None:
        number = learned.version_of_article(entry.article_id)
        before = learned.version(source.id, number) if number is not None else frozenset()
        blocks |= before or frozenset()  # what was left out of this text once stays out
    if source.article.keep and blocks:
        blocks = without_kept(blocks, learned.texts(source.id), source.article.keep)
    return LearnedRules(blocks=blocks, version=version_of(blocks), before=before, before_version=number)


class Learner:
    """The repeated paragraphs of each source; one for a run."""

    def __init__(self, writer: AsyncWriter) -> None:
        self.writer = writer
        self._current: dict[str, frozenset[int]] = {}

    async def rules(self, source: Source | None, entry: Entry) -> LearnedRules:
        """Return what a page of a source is read without."""
        if source is None:
            return LearnedRules()
        known = self._current.get(source.id)
        if known is not None and entry.article_id is None and not (known and source.article.keep):
            return LearnedRules(blocks=known, version=version_of(known))
        return await self.writer.run(lambda writer: self._look_up(writer, source, entry))

    def _look_up(self, writer: Writer, source: Source, entry: Entry) -> LearnedRules:
        if source.id not in self._current:
            self._current[source.id] = current_blocks(writer, source.id)
        return rules_of(writer, source, self._current[source.id], entry)

    def learn(self, writer: Writer, visit: PageVisit, verdict: Verdict, article_id: int | None) -> None:
        """Count the paragraphs of a new article, in the transaction that stores it."""
        source, rules, article = visit.source, visit.learned, visit.article
        if source is None or article is None or article_id is None:
            return
        learned = LearnedBlocks(writer)
        if rules.version is not None:
            learned.add_version(source, rules.version, rules.blocks, visit.page.at)
        if not isinstance(verdict, NewArticle | FullerView) or article.completeness != "full":
            return
        if not visit.extraction.blocks:
            return
        learned.add_page(source, article_id, visit.extraction.blocks)
        current = current_blocks(writer, source)
        if added := current - self._current.get(source, frozenset()):
            lines = {block_id(line): line for line in visit.extraction.text.split("\n\n")}
            learned.add_texts(source, {block: lines[block] for block in added if block in lines})
        self._current[source] = current


def current_blocks(store: Store, source: str) -> frozenset[int]:
    """Return the paragraphs that repeat on the last pages of a source."""
    return repeated_blocks([(page.story_id, page.blocks) for page in LearnedBlocks(store).pages(source, WINDOW)])
