"""Verdicts for tests of the store, by their outcome."""

from __future__ import annotations

import dataclasses
from typing import Any

from storage.article import Article
from storage.verdicts import Alias, FullerView, NewArticle, NotArticle, NotFound, Retry, Revision, Unchanged, Verdict


def made(outcome: str, *, article: Article | None = None, article_id: int | None = None, **more: Any) -> Verdict:
    if outcome in {"new", "headline"} and article is not None and article_id is None:
        if outcome == "headline" and article.completeness == "full":
            article = dataclasses.replace(article, completeness="headline")
        return NewArticle(article=article, **more)
    if article_id is not None and outcome in {"new", "revised", "address"}:
        if outcome == "address":
            return Alias(article=article, article_id=article_id, **more)
        assert article is not None
        return (Revision if outcome == "revised" else FullerView)(article=article, article_id=article_id, **more)
    if outcome in {"same", "headline"}:
        return Unchanged(article_id=article_id, **more)
    if outcome == "rejected":
        return NotArticle(article_id=article_id, **more)
    if outcome == "gone":
        return NotFound(article_id=article_id, **more)
    return Retry(article_id=article_id, outcome=outcome, **more)  # type: ignore[arg-type]
