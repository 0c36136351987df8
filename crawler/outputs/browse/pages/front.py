"""The front page: the newest stories or the hits of a search, what they can be narrowed by, and their feeds."""

from __future__ import annotations

import dataclasses
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from crawler.outputs.atom import atom_lines
from crawler.outputs.browse.pages.common import Filters, bounds_of_day, local_day, mark_of, position
from crawler.outputs.rows import ExportItem
from storage.article import Article
from storage.query_language import parse
from storage.records import Filter
from storage.sql.articles_query import RANKED, Hit, Order
from storage.store import Store
from storage.utc import format_utc

SHOWN = 30  # stories a page
FOLLOWED = 50  # entries of a feed
PAGES = 50  # of ranked hits
FACETED = 500  # articles that the counts beside the list are of
MOST_FACETS = 12  # values of one facet
NARROWING = ("source", "day", "language", "kind", "tag")


def front(store: Store, filters: Filters, now: datetime) -> dict[str, Any]:
    """The newest stories, or the hits of a search, narrowed by source, tag, language, kind and day."""
    which, query = selection(filters), query_of(filters)
    understood = parse(query)
    order: Order = "newest"
    if query and filters.get("sort") != "newest":
        order = store.search_order(query, which)
    page = min(max(int(filters["page"]), 1), PAGES) if filters.get("page", "").isdigit() else 1
    skipped = (page - 1) * SHOWN if order == "relevance" else 0
    which = dataclasses.replace(which, limit=skipped + SHOWN + 1, before=None if skipped else which.before)
    hits = list(store.search(query, which, order=order) if query else store.articles(which))[skipped:]
    more, hits = len(hits) > SHOWN, hits[:SHOWN]
    last = hits[-1].article if hits else None
    onward = None
    if more and last and order == "newest":
        onward = {"before": f"{last.published_at or last.first_seen_at}~{last.id}"}
    elif more and page < PAGES:
        onward = {"page": str(page + 1)}
    names = store.source_names()
    every = dataclasses.replace(which, limit=None, before=None, fold_copies=False)
    count = store.count(every, query, most=RANKED + 1) if query else None
    chosen = {name: filters[name] for name in ("q", "sort", *NARROWING) if filters.get(name)}
    facets, counted = _facets(store, every, query, names, chosen)
    return {
        "names": names,
        "groups": list(_groups(hits, names, now, by_day=order == "newest")),
        "shown": len(hits),
        "q": query,
        "searched": str(understood) if understood.repaired else None,
        "order": order,
        "count": f"{RANKED:,}+" if count and count > RANKED else f"{count:,}" if count is not None else None,
        "onward": onward,
        "facets": facets,
        "faceted": FACETED if counted >= FACETED else None,
        "chosen": chosen,
        "narrowed": bool(chosen) or bool(filters.get("before")),
    }


def selection(filters: Filters) -> Filter:
    """The filter of the parameters."""
    since, until = bounds_of_day(filters.get("day", ""))
    chosen = {name: (filters[name],) if filters.get(name) else () for name in ("source", "tag", "language", "kind")}
    return Filter(
        sources=chosen["source"],
        tags=chosen["tag"],
        languages=chosen["language"],
        kinds=chosen["kind"],
        since=since,
        until=until,
        fold_copies=not chosen["source"],
        before=position(filters.get("before", "")),
    )


def query_of(filters: Filters) -> str:
    """The query, cut to a length that a person types."""
    return filters.get("q", "").strip()[:500]


def _groups(
    hits: list[Hit], names: Mapping[str, str], now: datetime, *, by_day: bool
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The hits under headings: their days where they are in the order of time, else one without a name."""
    rows = [_row(hit, names) for hit in hits]
    if not by_day:
        yield "", rows
        return
    today = now.astimezone().date()
    known = {today.isoformat(): "Today", (today - timedelta(days=1)).isoformat(): "Yesterday"}
    for day, group in groupby(rows, key=lambda row: row["day"]):
        try:
            heading = date.fromisoformat(day).strftime("%A, %-d %B %Y")
        except ValueError:
            heading = "No date"
        yield f"{known[day]}, {heading}" if day in known else heading, list(group)


def _row(hit: Hit, names: Mapping[str, str]) -> dict[str, Any]:
    a = hit.article
    outlet = names.get(a.source or "", a.source or "") or "fetched alone"
    return {
        "article": a,
        "copies": hit.copies,
        "snippet": marked(hit.snippet),
        "outlet": outlet,
        "mark": mark_of(outlet),
        "at": a.published_at or a.first_seen_at,
        "day": local_day(a.published_at or a.first_seen_at),
    }


def marked(snippet: str) -> list[tuple[bool, str]]:
    """A snippet as pieces: (whether it is a match, text)."""
    return [(index % 2 == 1, piece) for index, piece in enumerate(re.split("[«»]", snippet))] if snippet else []


def _facets(
    store: Store, which: Filter, query: str, names: Mapping[str, str], chosen: Mapping[str, str]
) -> tuple[list[dict[str, Any]], int]:
    """The values that the newest FACETED articles can be narrowed by, with counts; and how many articles these are."""
    if query:
        which = dataclasses.replace(which, query=query)
    tags = store.source_tags()
    facts = store.facts_of_newest(which, most=FACETED)
    counts = {
        "source": Counter(source or "" for source, _, _, _ in facts),
        "language": Counter(language or "" for _, language, _, _ in facts),
        "kind": Counter(kind for _, _, kind, _ in facts),
        "day": Counter(local_day(at) for _, _, _, at in facts),
        "tag": Counter[str](),
    }
    for source, articles in counts["source"].items():
        for tag in tags.get(source, ()):
            counts["tag"][tag] += articles
    found = [facet for name in NARROWING if (facet := _facet(name, counts[name], names, chosen.get(name)))]
    return found, len(facts)


def _facet(name: str, counts: Counter[str], names: Mapping[str, str], wanted: str | None) -> dict[str, Any] | None:
    del counts[""]
    if wanted:
        counts[wanted] += 0
    if len(counts) < 2 and not wanted:
        return None
    order = sorted(counts, reverse=True) if name == "day" else [value for value, _ in counts.most_common()]
    shown = order[:MOST_FACETS] if wanted in (None, *order[:MOST_FACETS]) else [str(wanted), *order[: MOST_FACETS - 1]]
    return {
        "name": name,
        "rows": [(value, _label(name, value, names), counts[value]) for value in shown],
        "more": len(order) - len(shown),
        "chosen": wanted,
    }


def _label(facet: str, value: str, names: Mapping[str, str]) -> str:
    if facet == "source":
        return names.get(value, value)
    try:
        return date.fromisoformat(value).strftime("%a %-d %b") if facet == "day" else value
    except ValueError:
        return value


def _followed(store: Store, filters: Filters) -> list[Article]:
    which, query = selection(filters), query_of(filters)
    which = dataclasses.replace(which, limit=FOLLOWED, before=None)
    hits = store.search(query, which, order="newest") if query else store.articles(which)
    return [hit.article for hit in hits]


def _title(filters: Filters) -> str:
    return " · ".join(["newsdesk", *(filters[name] for name in ("q", *NARROWING) if filters.get(name))])


def feed_atom(store: Store, filters: Filters, now: datetime) -> str:
    """What the page shows, newest first, as an Atom feed."""
    items = (ExportItem(article=article, id=article.id) for article in _followed(store, filters))
    key = "&".join(f"{name}={filters[name]}" for name in sorted(filters) if name in ("q", *NARROWING))
    feed_id = f"urn:newsdesk:{store.meta('database_id') or 'browse'}:{key.encode().hex()}"
    return "\n".join(atom_lines(items, title=_title(filters), feed_id=feed_id, now=now))


def feed_json(store: Store, filters: Filters, now: datetime) -> str:  # noqa: ARG001 - all pages have one signature
    """The same as a JSON Feed 1.1 (jsonfeed.org)."""
    return json.dumps(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": _title(filters),
            "items": [_item(article) for article in _followed(store, filters)],
        },
        ensure_ascii=False,
    )


def _item(article: Article) -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": article.uid,
        "title": article.title,
        "content_text": article.text or article.summary or "",
        "url": article.url if article.url.startswith(("https://", "http://")) else None,
        "summary": article.summary,
        "image": article.image_url,
        "date_published": format_utc(article.published) if article.published else None,
        "authors": [{"name": name} for name in article.authors],
        "tags": list(article.tags),
        "language": article.language,
    }
    return {name: value for name, value in item.items() if value or name == "content_text"}
