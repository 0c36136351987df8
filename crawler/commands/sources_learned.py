"""`sources learned`: what repeats on a source's pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crawler.articles.learning import WINDOW, count_blocks, repeated_blocks, without_kept
from crawler.config.models import Source
from storage.learned import LearnedBlocks
from storage.store import Store

LEFT_OUT, KEPT, OVER = "left out", "kept", "no longer"


def learned_rows(store: Store, source: Source) -> list[dict[str, Any]]:
    """Return the paragraphs that repeat on the source's last pages or did so, the most frequent first.

    Args:
        store: the database.
        source: the source, whose rules may keep some of them.
    """
    learned = LearnedBlocks(store)
    texts = learned.texts(source.id)
    pages = [(page.story_id, page.blocks) for page in learned.pages(source.id, WINDOW)]
    counts, now = count_blocks(pages), repeated_blocks(pages)
    left_out = without_kept(now, texts, source.article.keep)
    rows = []
    for block in now | texts.keys():
        seen, stories = counts.get(block, (0, 0))
        state = LEFT_OUT if block in left_out else KEPT if block in now else OVER
        text = texts.get(block, "")
        rows.append({"pages": seen, "of": len(pages), "stories": stories, "state": state, "text": text})
    return sorted(rows, key=lambda row: (-row["pages"], row["text"]))


def as_toml(rows: Sequence[dict[str, Any]], source: Source) -> str:
    """Return them as a table for the source list, with the exemptions in force."""
    import tomlkit

    document = tomlkit.document()
    table = tomlkit.table()
    table.comment(f"of {source.id}")
    keep = tomlkit.array()
    keep.extend(source.article.keep)
    table.add(
        tomlkit.comment("These paragraphs repeat. They are left out of a text where they stand in a box beside it.")
    )
    table.add(tomlkit.comment("pages  stories  state"))
    for row in rows:
        counted = f"{row['pages']:>2} of {row['of']:<2}{row['stories']:>5}  {row['state']:<10}"
        table.add(tomlkit.comment(f"{counted}{' '.join(row['text'].split()) or '(its words are not stored)'}"))
    table.add("keep", keep)
    table["keep"].comment("the first words of those that stay in the texts")
    document.add("source", tomlkit.table(is_super_table=True).append("article", table))
    return tomlkit.dumps(document)
