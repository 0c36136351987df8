"""Questions to what is kept: lists, full-text search, counts. Reads only; each takes a connection and a Filter."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from storage.held import COLUMNS, FIELDS, article_from
from storage.records import Article, Filter, moment
from storage.words import match_query, snippet

_WHEN = "coalesce(a.published_at, a.first_seen_at)"
_ID = FIELDS.index("id")
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
        (
            "since",
            f.since,
            f"{_WHEN} >= :since_low AND CASE length({_WHEN}) WHEN 10 THEN {_WHEN} >= :since_day ELSE {_WHEN} >= :since END",
        ),
        (
            "until",
            f.until,
            f"{_WHEN} <= :until_high AND CASE length({_WHEN}) WHEN 10 THEN {_WHEN} <= :until_day ELSE {_WHEN} < :until END",
        ),
        ("seen", f.seen_since, "a.first_seen_at >= :seen"),
        ("story", f.story, "a.story_id = :story"),
    ):
        if value is not None:
            values[name] = value
            conditions.append(condition)
    # A day known without its time is compared as the reader's day.
    values["since_day"] = moment(f.since).astimezone().date().isoformat() if f.since else None
    values["until_day"] = (moment(f.until) - timedelta(seconds=1)).astimezone().date().isoformat() if f.until else None
    # What an index can answer, a little too wide: a day sorts before every time on it.
    values["since_low"] = min(f.since[:10], values["since_day"]) if f.since else None
    values["until_high"] = max(f.until, values["until_day"]) if f.until else None
    if f.changed:
        conditions.append(
            "a.revision > 1 AND EXISTS (SELECT 1 FROM revisions r WHERE r.article_id = a.id AND r.number > 1 AND r.cause = 'publisher')"
        )
    if f.complete:
        conditions.append("a.completeness = 'full'")
    _narrowed(f, conditions, values)
    return conditions, values


def _narrowed(f: Filter, conditions: list[str], values: dict[str, Any]) -> None:
    """To some ids, to what a full-text query finds, to what stands after a place in the list."""
    if f.ids:
        values["ids"] = json.dumps(list(f.ids))
        conditions.append("a.id IN (SELECT value FROM json_each(:ids))")
    if f.query is not None:
        values["wanted"] = match_query(f.query)
        found = "SELECT rowid FROM articles_fts WHERE articles_fts MATCH :wanted"
        conditions.append(f"a.id IN ({found})" if values["wanted"] else "0")
    if f.before is not None:
        values["before_at"], values["before_id"] = f.before
        conditions.append(f"{_WHEN} <= :before_at AND ({_WHEN}, a.id) < (:before_at, :before_id)")


def _shown(conditions: list[str], f: Filter) -> str:
    """The WHERE of what is shown: a copy is folded only where its original is in the same answer. Asked of each row when its turn comes, never of all."""
    if not f.fold_copies:
        return " AND ".join(conditions) or "1"
    original = " AND ".join(["o.id = a.duplicate_of", *_of("o", conditions)])
    return " AND ".join(
        [*conditions, f"(a.duplicate_of IS NULL OR NOT EXISTS (SELECT 1 FROM articles o WHERE {original}))"]
    )


def _of(name: str, conditions: list[str]) -> list[str]:
    """The same conditions, on another row of articles."""
    return [re.sub(r"\ba\.", f"{name}.", condition) for condition in conditions]


def articles(db: Any, f: Filter) -> Iterator[Hit]:
    """The articles that fit, newest first: by published_at, else first_seen_at."""
    conditions, values = _where(f)
    order = f"ORDER BY {_WHEN} DESC, a.id DESC"
    # First the ids, which an index has in order; the rows, and what is folded under them, only of those.
    ids = f"SELECT a.id FROM articles a WHERE {_shown(conditions, f)} {order} LIMIT :limit"
    copies = "0"
    if f.fold_copies:
        copies = (
            f"(SELECT count(*) FROM articles c WHERE {' AND '.join(['c.duplicate_of = a.id', *_of('c', conditions)])})"
        )
    sql = f"WITH shown AS MATERIALIZED ({ids}) SELECT {copies}, {COLUMNS} FROM shown s JOIN articles a ON a.id = s.id {order}"
    if f.limit is None and not f.fold_copies:  # everything, as it comes
        sql = f"SELECT 0, {COLUMNS} FROM articles a WHERE {_shown(conditions, f)} {order}"
    for row in db.conn.execute(sql, {**values, "limit": -1 if f.limit is None else f.limit}):
        yield Hit(article=article_from(row[1:]), copies=row[0])


def search(db: Any, query: str, f: Filter) -> Iterator[Hit]:
    """The articles that hold every word of the query, best first."""
    match = match_query(query)
    if not match or f.limit == 0:
        return
    conditions, values = _where(f)
    values["match"] = match
    left = -1 if f.limit is None else f.limit
    for article in _ranked(db, conditions, values, f):
        copies = 0
        if f.fold_copies:
            if article.duplicate_of is not None and _found(db, "a.id = :key", article.duplicate_of, conditions, values):
                continue
            copies = _found(db, "a.duplicate_of = :key", article.id, conditions, values)
        yield Hit(article=article, copies=copies, snippet=snippet(article.text or article.summary or "", query))
        left -= 1
        if left == 0:
            return


_FIRST = 4  # times the limit: so many of the best are looked at first, as some are filtered out or folded


def _ranked(db: Any, conditions: list[str], values: dict[str, Any], f: Filter) -> Iterator[Article]:
    """Hits that fit: first those that have all words in headline and authors, then the others, the best of each first.

    What matches is ranked by the index alone; rows are read, and filtered, only as far as they are shown. (Measured in 1,000,000 articles: reading the
    row of each hit takes seconds for a common word, ranking each hit a fifth of a second, ranking those in headlines a hundredth.)
    """
    most = -1 if f.limit is None else _FIRST * f.limit
    among = _within(db, f, values)
    seen: set[int] = set()
    for match in (f"{{title authors}} : ({values['match']})", values["match"]):
        start, size = 0, most
        while True:
            found = [
                row[0]
                for row in db.conn.execute(
                    f"SELECT rowid FROM articles_fts WHERE articles_fts MATCH :ranked {among} ORDER BY bm25(articles_fts, {_WEIGHTS}), rowid DESC LIMIT :most OFFSET :from",
                    {**values, "ranked": match, "most": size, "from": start},
                )
            ]
            yield from _rows(db, [key for key in found if key not in seen], conditions, values)
            seen.update(found)
            if size < 0 or len(found) < size:
                break
            start, size = start + size, -1


def _rows(db: Any, keys: Sequence[int], conditions: list[str], values: dict[str, Any]) -> Iterator[Article]:
    """The articles of those ids that fit, in that order; read by the hundred, as few are wanted as a rule."""
    where = " AND ".join(["a.id IN (SELECT value FROM json_each(:these))", *conditions])
    for at in range(0, len(keys), 100):
        these = keys[at : at + 100]
        found = db.conn.execute(
            f"SELECT {COLUMNS} FROM articles a WHERE {where}", {**values, "these": json.dumps(these)}
        )
        fit = {row[_ID]: row for row in found}
        yield from (article_from(fit[key]) for key in these if key in fit)


_NARROW = 60_000  # articles that an index is asked for at the most; a filter that lets more through is asked of the best hits instead


def _within(db: Any, f: Filter, values: dict[str, Any]) -> str:
    """Conditions that an index answers by itself, and that leave few articles, narrow the hits before they are ranked."""
    indexed = Filter(sources=f.sources, since=f.since, until=f.until, seen_since=f.seen_since, story=f.story, ids=f.ids)
    among, _ = _where(indexed)
    if not among:
        return ""
    ids = f"SELECT a.id FROM articles a WHERE {' AND '.join(among)}"
    many, least, most = db.conn.execute(
        f"SELECT count(*), min(id), max(id) FROM ({ids} LIMIT {_NARROW + 1})", values
    ).fetchone()
    if many > _NARROW:
        return ""
    # What was published in a week stands together: FTS5 goes to the first of them at once, and asks no more of those before.
    return f"AND rowid BETWEEN {least or 0} AND {most or 0} AND +rowid IN ({ids})"


def _found(db: Any, which: str, key: int, conditions: list[str], values: dict[str, Any]) -> int:
    """How many of the articles that `which` names are in the same answer."""
    where = " AND ".join(
        [which, *conditions, "EXISTS (SELECT 1 FROM articles_fts WHERE articles_fts MATCH :match AND rowid = a.id)"]
    )
    return int(db.conn.execute(f"SELECT count(*) FROM articles a WHERE {where}", {**values, "key": key}).fetchone()[0])


def count(db: Any, f: Filter, query: str | None = None) -> int:
    """How many articles the same question has in all, limit aside."""
    conditions, values = _where(f)
    if query is not None:
        values["match"] = match_query(query)
        if not values["match"]:
            return 0
        conditions = ["a.id IN hits", *conditions]
    hits = (
        "WITH hits AS MATERIALIZED (SELECT rowid AS id FROM articles_fts WHERE articles_fts MATCH :match) "
        if query is not None
        else ""
    )
    table = "hits a" if conditions == ["a.id IN hits"] else "articles a"
    every = int(
        db.conn.execute(
            f"{hits}SELECT count(*) FROM {table} WHERE {' AND '.join(conditions) or '1'}", values
        ).fetchone()[0]
    )
    if not f.fold_copies:
        return every
    # A copy's original is there, whatever else: only filters can leave it out of the answer.
    original = (
        f"AND EXISTS (SELECT 1 FROM articles o WHERE {' AND '.join(['o.id = a.duplicate_of', *_of('o', conditions)])})"
        if conditions
        else ""
    )
    folded = " AND ".join(["a.duplicate_of IS NOT NULL", *conditions])
    return every - int(
        db.conn.execute(f"{hits}SELECT count(*) FROM articles a WHERE {folded} {original}", values).fetchone()[0]
    )


def revisions(db: Any, article_id: int) -> list[dict[str, Any]]:
    """The versions of an article, oldest first; empty while it was never edited."""
    return _dicts(db, "SELECT * FROM revisions WHERE article_id = ? ORDER BY number", (article_id,))


def edits(
    db: Any,
    *,
    since: str | None,
    sources: tuple[str, ...],
    silent: bool,
    title: bool,
    min_words: int,
    limit: int | None = None,
    before: tuple[str, int] | None = None,
) -> list[dict[str, Any]]:
    """What publishers changed, newest first: each revision after the first with the one before it."""
    conditions = {
        "r.seen_at >= :since": since is not None,
        "r.silent": silent,
        "p.title IS NOT r.title": title,
        "r.words_added + r.words_removed >= :words": min_words > 0,
        "a.source IN (SELECT value FROM json_each(:sources))": bool(sources),
        "r.seen_at <= :before_at AND (r.seen_at, r.article_id) < (:before_at, :before_id)": before is not None,
    }
    tables = "revisions r JOIN revisions p ON p.article_id = r.article_id AND p.number = r.number - 1 JOIN articles a ON a.id = r.article_id"
    if sources:  # from the source's edited articles on: in the list of all edits those of one source stand far apart
        tables = (
            "articles a INDEXED BY articles_edited CROSS JOIN revisions r ON r.article_id = a.id AND a.revision > 1 "
            "CROSS JOIN revisions p ON p.article_id = r.article_id AND p.number = r.number - 1"
        )
    sql = (
        f"SELECT a.id, a.source, a.url, r.number, r.seen_at, p.last_same_at AS last_same_at, p.seen_at AS before_at, p.title AS old_title, r.title AS title, r.silent, "
        f"r.words_added, r.words_removed FROM {tables} "
        f"WHERE {' AND '.join(['r.number > 1 AND r.cause = :cause', *(c for c, asked in conditions.items() if asked)])} ORDER BY r.seen_at DESC, r.article_id DESC LIMIT :limit"
    )
    before_at, before_id = before or ("", 0)
    values = {
        "since": since,
        "words": min_words,
        "sources": json.dumps(list(sources)),
        "before_at": before_at,
        "before_id": before_id,
    }
    return _dicts(db, sql, {**values, "cause": "publisher", "limit": -1 if limit is None else limit})


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


def extractors(db: Any) -> dict[str, int]:
    """How many articles each extractor has read, as they stand."""
    rows = db.conn.execute("SELECT extractor, count(*) FROM articles WHERE extractor IS NOT NULL GROUP BY 1 ORDER BY 1")
    return {row[0]: row[1] for row in rows}


def last_seq(db: Any) -> int:
    """The newest seq of changes; 0 where there is none."""
    return int(db.conn.execute("SELECT coalesce(max(seq), 0) FROM changes").fetchone()[0])


def changes(db: Any, since_seq: int) -> Iterator[dict[str, Any]]:
    """What changed after that seq, the last word on each article only, in the order of seq.

    Yields:
        seq, article_id, at, op, merged_into, uid (of one that left), came (1 where it was new after that seq).
    """
    cursor = db.conn.execute(
        "SELECT max(seq) AS seq, article_id, at, op, merged_into, uid, article_id IN (SELECT article_id FROM changes WHERE seq > :seq AND op = 'new') AS came "
        "FROM changes WHERE seq > :seq GROUP BY article_id ORDER BY 1",
        {"seq": since_seq},
    )
    names = [column[0] for column in cursor.description]
    for row in cursor:
        yield dict(zip(names, row, strict=True))


# Why an entry's page is no whole article now; what stands behind a semicolon is what followed from it.
_REASON = "CASE WHEN instr(reason, ';') THEN substr(reason, 1, instr(reason, ';') - 1) ELSE reason END"
_VERDICTS = (
    f"SELECT source, {_REASON} AS why, count(*) FROM entries WHERE state IN ('rejected', 'gone') AND source > '' AND reason IS NOT NULL GROUP BY 1, 2 "
    f"UNION ALL SELECT source, {_REASON} AS why, count(*) FROM entries WHERE state IN ('pending', 'leased', 'retry', 'gone') AND state = 'retry' AND source > '' AND verdict IN ('headline', 'retry') AND reason IS NOT NULL GROUP BY 1, 2"
)


def source_health(db: Any, now: str, source: str | None = None) -> list[dict[str, Any]]:
    """A row a source (or of one alone): its feeds, when they last answered, what it has, what is owed. Each table is read once, not once a source."""
    one = "AND source = :source" if source is not None else ""
    found = _dicts(
        db,
        "WITH f AS (SELECT source, sum(state = 'active') AS feeds, sum(state <> 'disabled' AND (failures > 0 OR state = 'gone')) AS feeds_failing, max(checked_at) AS checked_at, "
        f"max(changed_at) AS changed_at, min(CASE WHEN state = 'active' THEN due_at END) AS due_at FROM feeds WHERE true {one} GROUP BY source), "
        f"a AS (SELECT source, count(*) AS articles FROM articles WHERE true {one} GROUP BY source), "
        f"i AS (SELECT source, count(*) AS incomplete FROM articles WHERE completeness <> 'full' {one} GROUP BY source), "
        f"o AS (SELECT source, count(*) AS owed FROM entries WHERE state IN ('pending', 'leased', 'retry', 'gone') AND state <> 'gone' {one} GROUP BY source), "
        f"r AS (SELECT source, count(*) AS rejected FROM entries WHERE state IN ('rejected', 'gone') {one} GROUP BY source), "
        "e AS (SELECT source, url || ': ' || last_error AS last_error, row_number() OVER (PARTITION BY source ORDER BY parent_url IS NOT NULL, checked_at DESC) AS n FROM feeds WHERE last_error IS NOT NULL) "
        "SELECT s.id AS source, s.name, s.enabled, coalesce(f.feeds, 0) AS feeds, coalesce(f.feeds_failing, 0) AS feeds_failing, f.checked_at, f.changed_at, f.due_at, "
        "coalesce(a.articles, 0) AS articles, coalesce(i.incomplete, 0) AS incomplete, coalesce(o.owed, 0) AS owed, coalesce(r.rejected, 0) AS rejected, e.last_error "
        "FROM sources s LEFT JOIN f ON f.source = s.id LEFT JOIN a ON a.source = s.id LEFT JOIN i ON i.source = s.id LEFT JOIN o ON o.source = s.id LEFT JOIN r ON r.source = s.id "
        "LEFT JOIN e ON e.source = s.id AND e.n = 1 WHERE (s.enabled = 1 OR a.articles > 0) AND (:source IS NULL OR s.id = :source) ORDER BY s.id",
        {"source": source},
    )
    verdicts: dict[str, dict[str, int]] = {}
    for name, reason, count in db.conn.execute(_VERDICTS):
        verdicts.setdefault(name, {})[reason] = verdicts.get(name, {}).get(reason, 0) + count
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
