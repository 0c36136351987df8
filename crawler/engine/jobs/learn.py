"""Learn what repeats on the stored raw pages of each source, before they are read again without it."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crawler.articles.learning import ever_repeated_blocks, without_kept
from crawler.config.models import SourceIndex
from crawler.text.paragraph_ids import block_id
from storage.article import Article
from storage.learned import LearnedBlocks
from storage.sql.learned import LONGEST, PAGES
from storage.writer import Writer

if TYPE_CHECKING:
    from crawler.articles.page_result import PageResult


@dataclass(slots=True)
class SourcePages:
    """The paragraphs of the stored pages of one source."""

    pages: list[tuple[str, int, int, array[int]]] = field(default_factory=list)  # time and address, id, story, blocks
    once: set[int] = field(default_factory=set)
    texts: dict[int, str] = field(default_factory=dict)  # of the blocks that were seen more than once

    def add(self, stored: Article, found: PageResult) -> None:
        """Add one page, read without rules."""
        assert found.extraction is not None
        blocks = dict.fromkeys(found.extraction.blocks)
        time = f"{stored.published_at or stored.first_seen_at} {stored.url}"
        self.pages.append((time, stored.id, stored.story_id or stored.id, array("q", blocks)))
        again = {block for block in blocks if block in self.once and block not in self.texts}
        if again:
            lines = {block_id(line): line for line in found.extraction.text.split("\n\n")}
            self.texts |= {block: lines[block][:LONGEST] for block in again if block in lines}
        self.once.update(blocks)

    def repeated(self) -> frozenset[int]:
        """Return the paragraphs that repeat; the order in which pages were added makes no difference."""
        return ever_repeated_blocks([(story, blocks) for _, _, story, blocks in sorted(self.pages)])


async def learn(
    read: AsyncIterator[tuple[Article, PageResult | str]], index: SourceIndex, writer: Writer | None
) -> Mapping[str, frozenset[int]]:
    """Return the paragraphs that the pages of each source are to be read without.

    Args:
        read: all stored pages, read without rules; a reason where a page cannot be read.
        index: the configured sources; a paragraph that one's rules keep is left out of the result.
        writer: the database, where what was learned is stored; None for a dry run.
    """
    sources: defaultdict[str, SourcePages] = defaultdict(SourcePages)
    async for stored, found in read:
        if not isinstance(found, str) and stored.source and found.article and found.article.completeness == "full":
            sources[stored.source].add(stored, found)
    learned = {}
    for name, seen in sources.items():
        source = index.source(name)
        repeated = seen.repeated()
        learned[name] = without_kept(repeated, seen.texts, source.article.keep if source else ())
        if writer is not None:
            _store(writer, name, seen, repeated)
    return learned


def _store(writer: Writer, source: str, seen: SourcePages, repeated: frozenset[int]) -> None:
    blocks = LearnedBlocks(writer)
    newest = sorted(seen.pages, key=lambda page: page[1])[-PAGES:]
    with writer.transaction():
        blocks.add_texts(source, {block: seen.texts[block] for block in repeated if block in seen.texts})
        for _, article_id, _, ids in newest:
            blocks.add_page(source, article_id, ids)
