"""Compose messages: one JSON document for every receiver, with a plain text in it to show to a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from crawler.config.models import Watch
from crawler.text.clean import one_line
from storage.article import Article
from storage.sql.notifications import WatchHit
from storage.store import Store
from storage.utc import format_utc

VERSION = 1  # of the document's format; docs/watches.md
MOST = 500  # hits listed in one message; the rest is only counted
LINES = 20  # hits listed in the text
_WORDS = {"new": "new", "edited": "edited", "silent": "edited silently", "vanished": "gone"}


def of_watch(
    name: str, hits: Sequence[tuple[WatchHit, Article | None, Mapping[str, Any] | None]], now: datetime
) -> dict[str, Any]:
    """The document of a watch: its hits, oldest first.

    Args:
        name: the watch's name.
        hits: each hit with its article (None where it was pruned meanwhile) and, for an edit, its row of Store.edits.
        now: the clock.
    """
    counts = Counter(_WORDS[hit.event] for hit, _, _ in hits)
    summary = ", ".join(f"{count} {word}" for word, count in counts.items()) or "nothing was found; this is a try"
    rows = [_hit(hit, article, edit) for hit, article, edit in hits[:MOST]]
    lines = [f"{name}: {summary}", *(_line(row) for row in rows[:LINES])]
    if len(hits) > LINES:
        lines.append(f"… and {len(hits) - LINES} more")
    return {
        "newsdesk": "watch",
        "version": VERSION,
        "watch": name,
        "at": format_utc(now),
        "count": len(hits),
        "more": max(0, len(hits) - MOST),
        "title": f"{name}: {summary}",
        "text": "\n".join(lines),
        "hits": rows,
    }


def _hit(hit: WatchHit, article: Article | None, edit: Mapping[str, Any] | None) -> dict[str, Any]:
    row: dict[str, Any] = {"event": hit.event, "at": hit.at, "id": hit.article_id, "revision": hit.revision}
    if article is not None:
        names = (
            "uid",
            "source",
            "url",
            "title",
            "language",
            "published_at",
            "first_seen_at",
            "story_id",
            "completeness",
        )
        row |= {name: getattr(article, name) for name in names}
        row |= {"authors": list(article.authors), "summary": one_line(article.summary or article.text or "", 300)}
    if article is not None and hit.event == "vanished":
        row["vanished_reason"] = article.vanished_reason
    if edit is not None:
        row |= {name: edit[name] for name in ("words_added", "words_removed")}
        row |= {"silent": bool(edit["silent"]), "title": edit["title"], "title_before": edit["title_before"]}
    return row


def _line(row: Mapping[str, Any]) -> str:
    title = one_line(row.get("title") or "(no title)", 200)
    before = row.get("title_before")
    if before and before != row.get("title"):
        title = f"{one_line(before, 200)} → {title}"
    words = f", +{row['words_added']} −{row['words_removed']} words" if "words_added" in row else ""
    source = row.get("source") or "fetched alone"
    return f"- {_WORDS[row['event']]}: {title} ({source}{words}) {row.get('url') or ''}".rstrip()


def of_health(new: Sequence[str], over: Sequence[str], now: datetime) -> dict[str, Any]:
    """The document of `[health] notify`: new problems, and those that are over."""
    lines = [*(f"- {line}" for line in new), *(f"- no longer so: {line}" for line in over)]
    title = f"newsdesk: {len(new)} new problems" if len(new) != 1 else "newsdesk: 1 new problem"
    if not new:
        title = f"newsdesk: {len(over)} problems are resolved" if len(over) != 1 else "newsdesk: 1 problem is resolved"
    return {
        "newsdesk": "health",
        "version": VERSION,
        "at": format_utc(now),
        "title": title,
        "text": "\n".join([title, *lines]),
        "troubles": list(new),
        "over": list(over),
    }


def message_of(store: Store, watch: Watch, found: Sequence[WatchHit], now: datetime) -> dict[str, Any]:
    """The document that reports the hits of a watch."""
    named = found[:MOST]
    rows = [
        (
            hit,
            store.article(hit.article_id),
            store.edit(hit.article_id, hit.revision) if hit.event in {"edited", "silent"} else None,
        )
        for hit in named
    ]
    rows = [row for row in rows if row[1] is not None]  # articles that were merged or pruned meanwhile are left out
    return of_watch(watch.name, [*rows, *((hit, None, None) for hit in found[MOST:])], now)
