"""Questions to what is kept: lists, full-text search, counts. Reads only; each takes a connection and a Filter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from storage.articles import COLUMNS, article_from
from storage.records import Article, Filter, moment
from storage.words import match_query, snippet

_WHEN = "coalesce(a.published_at, a.first_seen_at)"
_WEIGHTS = (
    "10.0, 1.0, 3.0"  # a word in the title says more than one in the text; an author's name is looked for by name
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One article of an answer; `copies` counts those folded under it, `snippet` is set by a search."""

    article: Article
    copies: int = 0
    snippet: str = ""


def _where(f: Filter) -> tuple[list[str], dict[str, Any]]:
    """The conditions and their values."""
    conditions: list[str] = []
    values: dict[str, Any] = {}

    def among(name: str, wanted: tuple[str, ...], condition: str) -> None:
        if wanted:
            values[name] = json.dumps(wanted)
            conditions.append(condition.replace("?", f"(SELECT value FROM json_each(:{name}))"))

    among("sources", f.sources, "a.source IN ?")
    among("kinds", f.kinds, "a.kind IN ?")
    if f.languages:  # "en" finds en-GB too, "en-GB" only itself
        values["languages"] = json.dumps([language.casefold() for language in f.languages])
        primary = "substr(a.language, 1, instr(a.language || '-', '-') - 1)"
        conditions.append(
            f"EXISTS (SELECT 1 FROM json_each(:languages) l WHERE l.value IN (lower(a.language), lower({primary})))"
        )
    among("countries", f.countries, "a.source IN (SELECT id FROM sources WHERE country COLLATE NOCASE IN ?)")
    among("tags", f.tags, "a.source IN (SELECT s.id FROM sources s, json_each(s.tags) t WHERE t.value IN ?)")
    if f.authors:
        values["authors"] = json.dumps([author.casefold() for author in f.authors])
        conditions.append(
            "EXISTS (SELECT 1 FROM json_each(a.authors) w, json_each(:authors) x WHERE instr(casefold(w.value), x.value) > 0)"
        )
    for name, value, condition in (
        ("since", f.since, f"CASE length({_WHEN}) WHEN 10 THEN {_WHEN} >= :since_day ELSE {_WHEN} >= :since END"),
        ("until", f.until, f"CASE length({_WHEN}) WHEN 10 THEN {_WHEN} <= :until_day ELSE {_WHEN} < :until END"),
        ("seen", f.seen_since, "a.first_seen_at >= :seen"),
        ("story", f.story, "a.story_id = :story"),
    ):
        if value is not None:
            values[name] = value
            conditions.append(condition)
    # A day known without its time is compared as the reader's day.
    values["since_day"] = moment(f.since).astimezone().date().isoformat() if f.since else None
    values["until_day"] = (moment(f.until) - timedelta(seconds=1)).astimezone().date().isoformat() if f.until else None
    if f.changed:
        conditions.append(
            "a.revision > 1 AND EXISTS (SELECT 1 FROM revisions r WHERE r.article_id = a.id AND r.number > 1 AND r.cause = 'publisher')"
        )
    if f.complete:
        conditions.append("a.completeness = 'full'")
    if f.ids:
        values["ids"] = json.dumps(list(f.ids))
        conditions.append("a.id IN (SELECT value FROM json_each(:ids))")
    return conditions, values


def _fold(conditions: list[str], matching: str, *, fold: bool) -> tuple[str, str]:
    """The rows to show and how many copies each stands for: a copy is folded only where its original is in the same answer."""
    where = " AND ".join(conditions) or "1"
    rows = f"SELECT a.id, a.duplicate_of, {matching} WHERE {where}"
    if not fold:
        return f"WITH hits AS ({rows}) ", "1"
    return (
        f"WITH hits AS MATERIALIZED ({rows}) ",
        "(h.duplicate_of IS NULL OR h.duplicate_of NOT IN (SELECT id FROM hits))",
    )


def articles(db: Any, f: Filter) -> Iterator[Hit]:
    """The articles that fit, newest first: by published_at, else first_seen_at."""
    conditions, values = _where(f)
    hits, shown = _fold(conditions, "0 AS score FROM articles a", fold=f.fold_copies)
    copies = "(SELECT count(*) FROM hits c WHERE c.duplicate_of = a.id)" if f.fold_copies else "0"
    sql = f"{hits} SELECT {copies}, {COLUMNS} FROM hits h JOIN articles a ON a.id = h.id WHERE {shown} ORDER BY coalesce(a.published_at, a.first_seen_at) DESC, a.id DESC"
    if not f.fold_copies:
        where = " AND ".join(conditions) or "1"
        sql = f"SELECT 0, {COLUMNS} FROM articles a WHERE {where} ORDER BY coalesce(a.published_at, a.first_seen_at) DESC, a.id DESC"
    for row in db.conn.execute(sql + (" LIMIT :limit" if f.limit is not None else ""), {**values, "limit": f.limit}):
        yield Hit(article=article_from(row[1:]), copies=row[0])


def search(db: Any, query: str, f: Filter) -> Iterator[Hit]:
    """The articles that hold every word of the query, best first."""
    match = match_query(query)
    if not match:
        return
    conditions, values = _where(f)
    source = f"bm25(articles_fts, {_WEIGHTS}) AS score FROM articles_fts JOIN articles a ON a.id = articles_fts.rowid"
    hits, shown = _fold(["articles_fts MATCH :match", *conditions], source, fold=f.fold_copies)
    copies = "(SELECT count(*) FROM hits c WHERE c.duplicate_of = a.id)" if f.fold_copies else "0"
    sql = f"{hits} SELECT {copies}, {COLUMNS} FROM hits h JOIN articles a ON a.id = h.id WHERE {shown} ORDER BY h.score, a.id DESC"
    for row in db.conn.execute(
        sql + (" LIMIT :limit" if f.limit is not None else ""), {**values, "match": match, "limit": f.limit}
    ):
        article = article_from(row[1:])
        yield Hit(article=article, copies=row[0], snippet=snippet(article.text or article.summary or "", query))


def count(db: Any, f: Filter, query: str | None = None) -> int:
    """How many articles the same question has in all, limit aside."""
    conditions, values = _where(f)
    source = "0 AS score FROM articles a"
    if query is not None:
        values["match"] = match_query(query)
        if not values["match"]:
            return 0
        conditions.insert(0, "articles_fts MATCH :match")
        source = "0 AS score FROM articles_fts JOIN articles a ON a.id = articles_fts.rowid"
    hits, shown = _fold(conditions, source, fold=f.fold_copies)
    return int(db.conn.execute(f"{hits} SELECT count(*) FROM hits h WHERE {shown}", values).fetchone()[0])


def revisions(db: Any, article_id: int) -> list[dict[str, Any]]:
    """The versions of an article, oldest first; empty while it was never edited."""
    return _dicts(db, "SELECT * FROM revisions WHERE article_id = ? ORDER BY number", (article_id,))


def edits(
    db: Any, *, since: str | None, sources: tuple[str, ...], silent: bool, title: bool, min_words: int
) -> list[dict[str, Any]]:
    """What publishers changed, newest first: each revision after the first with the one before it."""
    sql = (
        "SELECT a.id, a.source, a.url, r.number, r.seen_at, p.last_same_at AS last_same_at, p.seen_at AS before_at, p.title AS old_title, r.title AS title, r.silent, "
        "r.words_added, r.words_removed FROM revisions r JOIN revisions p ON p.article_id = r.article_id AND p.number = r.number - 1 JOIN articles a ON a.id = r.article_id "
        "WHERE r.cause = 'publisher' AND (:since IS NULL OR r.seen_at >= :since) AND (NOT :silent OR r.silent) AND (NOT :title OR p.title IS NOT r.title) "
        "AND r.words_added + r.words_removed >= :words AND (:any OR a.source IN (SELECT value FROM json_each(:sources))) ORDER BY r.seen_at DESC, a.id DESC"
    )
    values = {
        "since": since,
        "silent": silent,
        "title": title,
        "words": min_words,
        "any": not sources,
        "sources": json.dumps(list(sources)),
    }
    return _dicts(db, sql, values)


def vanished(db: Any, *, since: str | None, sources: tuple[str, ...]) -> list[dict[str, Any]]:
    """Held articles that are gone, newest first."""
    return _dicts(
        db,
        "SELECT id, source, url, title, vanished_at, vanished_reason FROM articles WHERE vanished_at IS NOT NULL AND (:since IS NULL OR vanished_at >= :since) "
        "AND (:any OR source IN (SELECT value FROM json_each(:sources))) ORDER BY vanished_at DESC",
        {"since": since, "any": not sources, "sources": json.dumps(list(sources))},
    )


def _dicts(db: Any, sql: str, values: Any = ()) -> list[dict[str, Any]]:
    cursor = db.conn.execute(sql, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def story(db: Any, story_id: int) -> list[Article]:
    """Every article of a story, in the order in which they were published, else seen."""
    rows = db.conn.execute(
        f"SELECT {COLUMNS} FROM articles a WHERE a.story_id = ? ORDER BY coalesce(a.published_at, a.first_seen_at), a.id",
        (story_id,),
    )
    return [article_from(row) for row in rows]


def addresses(db: Any, article_id: int) -> list[dict[str, Any]]:
    """Every address of an article."""
    rows = db.conn.execute(
        "SELECT url_key, url, kind, first_seen_at FROM article_urls WHERE article_id = ? ORDER BY first_seen_at, url_key",
        (article_id,),
    )
    return [dict(zip(("url_key", "url", "kind", "first_seen_at"), row, strict=True)) for row in rows]


def changes(db: Any, since_seq: int) -> list[dict[str, Any]]:
    """What changed after that seq, the last word on each article only."""
    rows = db.conn.execute(
        "SELECT max(seq), article_id, at, op, merged_into FROM changes WHERE seq > ? GROUP BY article_id ORDER BY 1",
        (since_seq,),
    )
    return [dict(zip(("seq", "article_id", "at", "op", "merged_into"), row, strict=True)) for row in rows]


# Why an entry's page is no whole article now; what stands behind a semicolon is what followed from it.
_REASON = "CASE WHEN instr(reason, ';') THEN substr(reason, 1, instr(reason, ';') - 1) ELSE reason END"
_VERDICTS = (
    f"SELECT source, {_REASON} AS why, count(*) FROM entries WHERE state IN ('rejected', 'gone') AND source > '' AND reason IS NOT NULL GROUP BY 1, 2 "
    f"UNION ALL SELECT source, {_REASON} AS why, count(*) FROM entries WHERE state IN ('pending', 'leased', 'retry', 'gone') AND state = 'retry' AND source > '' AND verdict IN ('headline', 'retry') AND reason IS NOT NULL GROUP BY 1, 2"
)


def source_health(db: Any, now: str) -> list[dict[str, Any]]:
    """A row a source: its feeds, when they last answered, what it has, what is owed. Each table is read once, not once a source."""
    found = _dicts(
        db,
        "WITH f AS (SELECT source, sum(state = 'active') AS feeds, sum(state <> 'disabled' AND (failures > 0 OR state = 'gone')) AS feeds_failing, max(checked_at) AS checked_at, "
        "max(changed_at) AS changed_at, min(CASE WHEN state = 'active' THEN due_at END) AS due_at FROM feeds GROUP BY source), "
        "a AS (SELECT source, count(*) AS articles FROM articles GROUP BY source), "
        "i AS (SELECT source, count(*) AS incomplete FROM articles WHERE completeness <> 'full' GROUP BY source), "
        "o AS (SELECT source, count(*) AS owed FROM entries WHERE state IN ('pending', 'leased', 'retry', 'gone') AND state <> 'gone' GROUP BY source), "
        "r AS (SELECT source, count(*) AS rejected FROM entries WHERE state IN ('rejected', 'gone') GROUP BY source), "
        "e AS (SELECT source, url || ': ' || last_error AS last_error, row_number() OVER (PARTITION BY source ORDER BY parent_url IS NOT NULL, checked_at DESC) AS n FROM feeds WHERE last_error IS NOT NULL) "
        "SELECT s.id AS source, s.name, s.enabled, coalesce(f.feeds, 0) AS feeds, coalesce(f.feeds_failing, 0) AS feeds_failing, f.checked_at, f.changed_at, f.due_at, "
        "coalesce(a.articles, 0) AS articles, coalesce(i.incomplete, 0) AS incomplete, coalesce(o.owed, 0) AS owed, coalesce(r.rejected, 0) AS rejected, e.last_error "
        "FROM sources s LEFT JOIN f ON f.source = s.id LEFT JOIN a ON a.source = s.id LEFT JOIN i ON i.source = s.id LEFT JOIN o ON o.source = s.id LEFT JOIN r ON r.source = s.id "
        "LEFT JOIN e ON e.source = s.id AND e.n = 1 WHERE s.enabled = 1 OR a.articles > 0 ORDER BY s.id",
    )
    verdicts: dict[str, dict[str, int]] = {}
    for source, reason, count in db.conn.execute(_VERDICTS):
        verdicts.setdefault(source, {})[reason] = verdicts.get(source, {}).get(reason, 0) + count
    for row in found:
        row["verdicts"] = verdicts.get(row["source"], {})
        row["overdue_seconds"] = (
            max(0, int((moment(now) - moment(row["due_at"])).total_seconds())) if row["due_at"] else None
        )
    return found


def last_runs(db: Any, limit: int = 5) -> list[dict[str, Any]]:
    """The newest crawl runs."""
    return _dicts(db, "SELECT * FROM crawl_runs ORDER BY id DESC LIMIT ?", (limit,))


def totals(db: Any) -> dict[str, int]:
    """How much is kept."""
    tables = ("articles", "entries", "feeds", "revisions", "sources")
    found = {name: int(db.conn.execute(f"SELECT count(*) FROM {name}").fetchone()[0]) for name in tables}
    found["copies"] = int(db.conn.execute("SELECT count(*) FROM articles WHERE duplicate_of IS NOT NULL").fetchone()[0])
    return found
