"""Read articles: lists, full-text search, counts. Each function takes a connection and a Filter."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, TypeAlias

from storage.article import Article
from storage.engine import NO_LIMIT, Database
from storage.query_language import parse
from storage.records import Filter
from storage.search_folding import fold_all
from storage.snippets import Snippets
from storage.sql.rows import COLUMNS, FIELDS, article_from_row
from storage.sql.searched import Searched
from storage.utc import parse_utc


def _when(alias: str) -> str:
    return f"coalesce({alias}.published_at, {alias}.first_seen_at)"


_ORDER = f"ORDER BY {_when('a')} DESC, a.id DESC"
_ID = FIELDS.index("id")
Order: TypeAlias = Literal["relevance", "newest"]
_LOOKED_AT = 40  # times the limit: the newest articles among which hits are looked for first
RANKED = 10_000  # hits that are ranked; of more, the newest are the first


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One article of a result; `copies` counts those folded under it, `snippet` is set by a search."""

    article: Article
    copies: int = 0
    snippet: str = ""


class _Selection:
    """A filter with its query compiled."""

    def __init__(self, db: Database, f: Filter) -> None:
        self.filter = f
        self.query = None if f.query is None else Searched.compiled(f.query, db.full_text.syntax(), "wanted")
        self._db = db

    def conditions(self, a: str = "a") -> list[str]:
        """The conditions for articles under the alias `a`."""
        found = _conditions(self._db, self.filter, a)
        if self.query is not None:
            found.append(self.query.condition(a) if a == "a" else self.query.condition_of_one(a))
        return found

    def values(self) -> dict[str, Any]:
        """Their parameters."""
        return _values(self.filter) | ({} if self.query is None else self.query.values)

    def query_alone(self) -> str | None:
        """The query in the language of the index, where nothing else is a condition; else None."""
        alone = self.query is not None and self.query.complete and not _conditions(self._db, self.filter)
        return self.query.ranked if self.query is not None and alone else None

    def shown(self) -> str:
        """The WHERE clause: a copy is folded only if its original is in the same result.

        It is evaluated row by row, never over all articles at once.
        """
        return " AND ".join([*self.conditions(), *self.unfolded()]) or "true"

    def unfolded(self) -> list[str]:
        """The condition that an article of the result is not folded into its original."""
        if not self.filter.fold_copies:
            return []
        original = " AND ".join(["o.id = a.duplicate_of", *self.conditions("o")])
        return [f"(a.duplicate_of IS NULL OR NOT EXISTS (SELECT 1 FROM articles o WHERE {original}))"]

    def newest_of_many(self) -> list[int] | None:
        """The ids of the newest articles of a query with more than RANKED hits; None where it has fewer.

        The newest articles are looked at, and more of them until enough match, as so many do. To collect and sort all
        hits takes a fifth of a second with 10,000, and seconds with a million.
        """
        limit, query, db = self.filter.limit, self.query, self._db
        if limit is None or query is None or not query.ranked:
            return None
        if not db.full_text.has_more_than(RANKED, query.ranked, "", {}):
            return None
        others, window = " AND ".join([*_conditions(db, self.filter), query.rest("a")]), _LOOKED_AT * limit
        while True:
            sql = f"SELECT a.id FROM articles a WHERE {others} {_ORDER} LIMIT :window"
            newest = [row[0] for row in db.conn.execute(sql, {**self.values(), "window": window})]
            hits = db.full_text.matching_among(query.ranked, newest)
            found = self._unfolded_of([key for key in newest if key in hits])
            if len(found) >= limit or len(newest) < window:
                return found[:limit]
            window *= 6

    def _unfolded_of(self, keys: list[int]) -> list[int]:
        if not self.filter.fold_copies:
            return keys
        where = " AND ".join(["a.id IN (SELECT CAST(value AS BIGINT) FROM json_each(:these))", *self.unfolded()])
        values = {**self.values(), "these": json.dumps(keys)}
        found = {row[0] for row in self._db.conn.execute(f"SELECT a.id FROM articles a WHERE {where}", values)}
        return [key for key in keys if key in found]


def _conditions(db: Database, f: Filter, a: str = "a") -> list[str]:
    """The conditions of a filter but for its query, for articles under the alias `a`; see _values."""
    wanted = {
        f"{a}.source = :source": len(f.sources) == 1,  # in the order of articles_source, without sorting
        f"{a}.source IN (SELECT value FROM json_each(:sources))": len(f.sources) > 1,
        f"{a}.kind IN (SELECT value FROM json_each(:kinds))": f.kinds,
        _in_language(a): f.languages,
        _in_country(a): f.countries,
        _tagged(a): f.tags,
        db.full_text.by_author(a): f.authors,
        _since(a): f.since is not None,
        _until(a): f.until is not None,
        f"{a}.first_seen_at >= :seen": f.seen_since is not None,
        f"{a}.story_id = :story": f.story is not None,
        _edited(a): f.changed,
        f"{a}.completeness = 'full'": f.complete,
        f"{a}.id IN (SELECT CAST(value AS BIGINT) FROM json_each(:ids))": f.ids,
        f"{_when(a)} <= :before_at AND ({_when(a)}, {a}.id) < (:before_at, :before_id)": f.before is not None,
    }
    return [condition for condition, is_wanted in wanted.items() if is_wanted]


def _in_country(a: str) -> str:
    return f"{a}.source IN (  SELECT id FROM sources WHERE lower(country) IN (SELECT value FROM json_each(:countries)))"


def _tagged(a: str) -> str:
    return (
        f"{a}.source IN ("
        "  SELECT s.id FROM sources s, json_each(s.tags) t WHERE t.value IN (SELECT value FROM json_each(:tags)))"
    )


def _in_language(a: str) -> str:
    """Articles in a language: "en" matches en-GB too, "en-GB" only itself."""
    primary = f"substr({a}.language, 1, instr({a}.language || '-', '-') - 1)"
    return (
        f"EXISTS (  SELECT 1 FROM json_each(:languages) l   WHERE l.value IN (lower({a}.language), lower({primary})))"
    )


# The first term is a slightly wider range that an index can serve: a day sorts before every time on it. A day without
# a time is compared with the reader's local day.
def _since(a: str) -> str:
    at = _when(a)
    return f"{at} >= :since_low AND CASE length({at}) WHEN 10 THEN {at} >= :since_day ELSE {at} >= :since END"


def _until(a: str) -> str:
    at = _when(a)
    return f"{at} <= :until_high AND CASE length({at}) WHEN 10 THEN {at} <= :until_day ELSE {at} < :until END"


def _edited(a: str) -> str:
    return (
        f"({a}.revision > 1 OR {a}.id IN (SELECT article_id FROM revisions WHERE imported = 1)) "
        "AND EXISTS ("
        "  SELECT 1 FROM revisions r "
        f"  WHERE r.article_id = {a}.id AND r.number > 1 AND r.cause = 'publisher')"
    )


def _values(f: Filter) -> dict[str, Any]:
    """The parameters of a filter's conditions."""
    since_day = parse_utc(f.since).astimezone().date().isoformat() if f.since else None
    until_day = (parse_utc(f.until) - timedelta(seconds=1)).astimezone().date().isoformat() if f.until else None
    before_at, before_id = f.before or (None, None)
    return {
        "source": f.sources[0] if f.sources else None,
        "sources": json.dumps(f.sources),
        "kinds": json.dumps(f.kinds),
        "languages": json.dumps([language.casefold() for language in f.languages]),
        "countries": json.dumps([country.lower() for country in f.countries]),
        "tags": json.dumps(f.tags),
        "authors": json.dumps([fold_all(author).casefold() for author in f.authors]),
        "since": f.since,
        "since_day": since_day,
        "since_low": min(f.since[:10], since_day) if f.since and since_day else None,
        "until": f.until,
        "until_day": until_day,
        "until_high": max(f.until, until_day) if f.until and until_day else None,
        "seen": f.seen_since,
        "story": f.story,
        "ids": json.dumps(list(f.ids)),
        "before_at": before_at,
        "before_id": before_id,
    }


def articles(db: Database, f: Filter) -> Iterator[Hit]:
    """Matching articles, newest first: by published_at, else first_seen_at."""
    chosen = _Selection(db, f)
    if chosen.query is not None and not chosen.query:
        return
    # First the ids, in the order of an index; then rows and their copies for those ids only.
    ids = f"SELECT a.id FROM articles a WHERE {chosen.shown()} {_ORDER} LIMIT :limit"
    values = {**chosen.values(), "limit": NO_LIMIT if f.limit is None else f.limit}
    if (newest := chosen.newest_of_many()) is not None:
        ids, values["newest"] = "SELECT CAST(value AS BIGINT) AS id FROM json_each(:newest)", json.dumps(newest)
    copies = "0"
    if f.fold_copies:
        copy = " AND ".join(["c.duplicate_of = a.id", *chosen.conditions("c")])
        copies = f"(SELECT count(*) FROM articles c WHERE {copy})"
    sql = (
        f"WITH shown AS MATERIALIZED ({ids}) "
        f"SELECT {copies}, {COLUMNS} "
        "FROM shown s "
        "JOIN articles a ON a.id = s.id "
        f"{_ORDER}"
    )
    if f.limit is None and not f.fold_copies:  # everything, as a stream
        sql = f"SELECT 0, {COLUMNS} FROM articles a WHERE {chosen.shown()} {_ORDER}"
    for row in db.stream(sql, values):
        yield Hit(article=article_from_row(row[1:]), copies=row[0])


def facts_of_newest(db: Database, f: Filter, most: int) -> list[tuple[str | None, str | None, str, str]]:
    """Of the newest matching articles: (source, language, kind, time), for counts by these.

    Of a query alone they are those that were stored last, which its index has in that order.
    """
    chosen = _Selection(db, f)
    if chosen.query is not None and not chosen.query:
        return []
    ids = f"SELECT a.id FROM articles a WHERE {chosen.shown()} {_ORDER} LIMIT :most"
    values = {**chosen.values(), "most": most}
    if (alone := chosen.query_alone()) is not None:
        ids, values["match"] = f"{db.full_text.ids('match')} ORDER BY 1 DESC LIMIT :most", alone
    sql = (
        f"WITH shown AS MATERIALIZED ({ids}) "
        f"SELECT a.source, a.language, a.kind, {_when('a')} FROM shown s JOIN articles a ON a.id = s.id"
    )
    return [tuple(row) for row in db.conn.execute(sql, values).fetchall()]


def search(db: Database, query: str, f: Filter, order: Order) -> Iterator[Hit]:
    """Articles that match the query, in that order, with snippets."""
    searched = Searched.compiled(query, db.full_text.syntax(), "searched")
    if not searched or f.limit == 0:
        return
    snippets = Snippets(query)
    if order == "newest":
        for hit in articles(db, _both(f, query)):
            yield dataclasses.replace(hit, snippet=snippets.of_article(hit.article))
        return
    chosen = _Selection(db, f)
    conditions = [*chosen.conditions(), searched.rest("a")]
    values = {**chosen.values(), **searched.values}
    every = [*chosen.conditions(), searched.condition_of_one("a")]
    left = NO_LIMIT if f.limit is None else f.limit
    for article in _ranked(db, searched, conditions, values, f):
        copies = 0
        if f.fold_copies:
            if article.duplicate_of is not None and _found(db, "a.id = :key", article.duplicate_of, every, values):
                continue
            copies = _found(db, "a.duplicate_of = :key", article.id, every, values)
        yield Hit(article=article, copies=copies, snippet=snippets.of_article(article))
        left -= 1
        if left == 0:
            return


def order_of(db: Database, query: str, f: Filter) -> Order:
    """The order in which hits are shown unless another is wanted: by relevance, of more than RANKED newest first.

    A query without a word that must occur ranks nothing: its hits are shown newest first too.
    """
    searched = Searched.compiled(query, db.full_text.syntax(), "searched")
    if not searched.ranked:
        return "newest"
    many = db.full_text.has_more_than(RANKED, searched.ranked, _narrow(db, f), _values(f))
    return "newest" if many else "relevance"


def _both(f: Filter, query: str) -> Filter:
    """The filter with one query more."""
    if f.query is None:
        return dataclasses.replace(f, query=query)
    parts = [str(parse(text)) for text in (f.query, query)]
    return dataclasses.replace(f, query=f"({parts[0]}) ({parts[1]})" if all(parts) else "")


def _narrow(db: Database, f: Filter) -> str:
    """A SELECT of the ids that the indexed conditions of a filter leave; "" for all."""
    indexed = Filter(sources=f.sources, since=f.since, until=f.until, seen_since=f.seen_since, story=f.story, ids=f.ids)
    among = _conditions(db, indexed)
    return f"SELECT a.id FROM articles a WHERE {' AND '.join(among)}" if among else ""


def _ranked(
    db: Database, searched: Searched, conditions: list[str], values: dict[str, Any], f: Filter
) -> Iterator[Article]:
    """Matching hits, best first. Hits are ranked by the index alone; rows are read only as far as they are returned."""
    seen: set[int] = set()
    limit = NO_LIMIT if f.limit is None else f.limit
    for keys in db.full_text.ranked(searched.ranked, searched.in_headline, limit, _narrow(db, f), values):
        yield from _rows(db, [key for key in keys if key not in seen], conditions, values)
        seen.update(keys)


def _rows(db: Database, keys: Sequence[int], conditions: list[str], values: dict[str, Any]) -> Iterator[Article]:
    """Matching articles of those ids, in that order; in batches of 100, as usually few are needed."""
    where = " AND ".join(["a.id IN (SELECT CAST(value AS BIGINT) FROM json_each(:these))", *conditions])
    for at in range(0, len(keys), 100):
        these = keys[at : at + 100]
        found = db.conn.execute(
            f"SELECT {COLUMNS} FROM articles a WHERE {where}", {**values, "these": json.dumps(these)}
        )
        fit = {row[_ID]: row for row in found}
        yield from (article_from_row(fit[key]) for key in these if key in fit)


def _found(db: Database, which: str, key: int, conditions: list[str], values: dict[str, Any]) -> int:
    """How many of the articles selected by `which` are in the same result."""
    where = " AND ".join([which, *conditions])
    return int(db.conn.execute(f"SELECT count(*) FROM articles a WHERE {where}", {**values, "key": key}).fetchone()[0])


_HIT = "{}.id IN (SELECT id FROM hits)"


def count(db: Database, f: Filter, query: str | None = None, most: int | None = None) -> int:
    """The number of matching articles, without the limit; counting ends at `most`."""
    if most is not None:
        chosen = _Selection(db, f if query is None else _both(f, query))
        values, rows = {**chosen.values(), "most": most}, f"SELECT 1 FROM articles a WHERE {chosen.shown()}"
        if not f.fold_copies and (alone := chosen.query_alone()) is not None:
            values["match"], rows = alone, db.full_text.ids("match")
        return int(db.conn.execute(f"SELECT count(*) FROM ({rows} LIMIT :most) AS counted", values).fetchone()[0])
    chosen = _Selection(db, f)
    searched = None if query is None else Searched.compiled(query, db.full_text.syntax(), "searched")
    if searched is not None and not searched:
        return 0
    if searched is not None and not searched.complete:
        return count(db, _both(f, str(query)))
    conditions, of_original, values = chosen.conditions(), chosen.conditions("o"), chosen.values()
    if searched is not None:
        values["match"] = searched.ranked
        conditions = [_HIT.format("a"), *conditions]
        of_original = [_HIT.format("o"), *of_original]
    hits = f"WITH hits AS MATERIALIZED ({db.full_text.ids('match')}) " if query is not None else ""
    table = "hits a" if conditions == [_HIT.format("a")] else "articles a"
    every = int(
        db.conn.execute(
            f"{hits}SELECT count(*) FROM {table} WHERE {' AND '.join(conditions) or 'true'}", values
        ).fetchone()[0]
    )
    if not f.fold_copies:
        return every
    # A copy's original is always stored: only filters can exclude it from the result.
    original = (
        f"AND EXISTS (SELECT 1 FROM articles o WHERE {' AND '.join(['o.id = a.duplicate_of', *of_original])})"
        if conditions
        else ""
    )
    folded = " AND ".join(["a.duplicate_of IS NOT NULL", *conditions])
    return every - int(
        db.conn.execute(f"{hits}SELECT count(*) FROM articles a WHERE {folded} {original}", values).fetchone()[0]
    )
