"""Print articles: formatted for the terminal, as Markdown, or as plain text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crawler.outputs.terminal import on_terminal, print_article, safe
from storage.article import Article

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~])")


def print_articles(articles: Sequence[Article], form: str) -> None:
    """Print articles; form is "read", "markdown" or "text"."""
    for index, article in enumerate(articles):
        if index:
            print("\n---\n" if form == "markdown" else "")
        if form == "markdown":
            print(markdown(article))
        elif form == "text":
            print(safe(article.text or article.summary or ""))
        else:
            print_article(article)
            if on_terminal():
                print()


def markdown(article: Article) -> str:
    """One article as Markdown; text from publishers is escaped."""
    parts = [f"# {escaped(article.title or '(no title)')}"]
    if article.subtitle:
        parts.append(f"*{escaped(article.subtitle)}*")
    facts = [escaped(", ".join(article.authors)), article.published_at or "", article.source or ""]
    parts.append(" · ".join(f for f in facts if f))
    linked = article.url.startswith(("http://", "https://"))  # a tag: address of record is no link
    parts += [f"<{article.url}>" if linked else escaped(article.url), body_of(article)]
    return "\n\n".join(p for p in parts if p)


def body_of(article: Article) -> str:
    """Its text as Markdown, else its summary."""
    paragraphs = (article.text or article.summary or "").split("\n\n")
    return "\n\n".join(filter(None, map(escaped, paragraphs)))


def escaped(text: str) -> str:
    """Escape text for Markdown."""
    line = _MARKDOWN.sub(r"\\\1", safe(text).replace("\n", " "))
    return re.sub(r"^(\s*)([-+]|\d+[.)])(\s)", r"\1\\\2\3", line)
