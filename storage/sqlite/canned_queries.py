"""Example queries in SQL, for Datasette, sqlite3 and notebooks, each with a description.

docs/queries.md is generated from them, and the tests run them all. Parameters are named (:source, :days, :word…);
Datasette asks for their values. An empty parameter means all rows, or its default.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CannedQuery:
    """One query: its name in a URL, a title, a description, the SQL, and initial values of its parameters."""

    name: str
    title: str
    description: str
    sql: str
    defaults: tuple[tuple[str, str], ...] = ()


CANNED_QUERIES = (
    CannedQuery(
        name="edited_after_publication",
        title="Edited after publication",
        description="What publishers changed, newest first; `silent` is 1 where the page's own modified time does not admit it.",
        sql="""SELECT r.seen_at, a.source, p.title AS title_before, r.title AS title_after, r.words_added, r.words_removed, r.silent, a.id AS article_id, a.url
FROM revisions r
JOIN revisions p ON p.article_id = r.article_id AND p.number = (
  SELECT number FROM revisions q WHERE q.article_id = r.article_id AND (q.seen_at, q.number) < (r.seen_at, r.number)
  ORDER BY q.seen_at DESC, q.number DESC LIMIT 1)
JOIN articles a ON a.id = r.article_id
WHERE r.cause = 'publisher'
ORDER BY r.seen_at DESC LIMIT 200""",
    ),
    CannedQuery(
        name="changed_headlines",
        title="Headlines that were changed",
        description="Before and after, and how long the first one stood.",
        sql="""SELECT r.seen_at, a.source, p.title AS before, r.title AS after, round((julianday(r.seen_at) - julianday(p.seen_at)) * 24, 1) AS hours_it_stood, a.url
FROM revisions r
JOIN revisions p ON p.article_id = r.article_id AND p.number = (
  SELECT number FROM revisions q WHERE q.article_id = r.article_id AND (q.seen_at, q.number) < (r.seen_at, r.number)
  ORDER BY q.seen_at DESC, q.number DESC LIMIT 1)
JOIN articles a ON a.id = r.article_id
WHERE r.cause = 'publisher' AND p.title IS NOT r.title
ORDER BY r.seen_at DESC LIMIT 200""",
    ),
    CannedQuery(
        name="who_edits_silently",
        title="Who edits without saying so",
        description="Edits a source, and the share of them that the page's own modified time does not admit.",
        sql="""SELECT a.source, count(*) AS edits, sum(r.silent) AS silent, round(100.0 * sum(r.silent) / count(*), 1) AS silent_percent
FROM revisions r JOIN articles a ON a.id = r.article_id
WHERE r.cause = 'publisher' AND EXISTS (
  SELECT 1 FROM revisions q WHERE q.article_id = r.article_id AND (q.seen_at, q.number) < (r.seen_at, r.number))
GROUP BY a.source ORDER BY silent DESC""",
    ),
    CannedQuery(
        name="first_with_the_story",
        title="First with the story",
        description="Stories that several outlets ran: who published first by its own clock, and who was here first. The two can differ: a feed may list late.",
        sql="""WITH many AS (
  SELECT story_id, count(DISTINCT source) AS outlets FROM articles
  WHERE duplicate_of IS NOT NULL OR id IN (SELECT duplicate_of FROM articles WHERE duplicate_of IS NOT NULL)
  GROUP BY story_id HAVING outlets > 1 ORDER BY story_id DESC LIMIT 200)
SELECT m.outlets,
  (SELECT source FROM articles a WHERE a.story_id = m.story_id AND length(published_at) = 20 ORDER BY published_at, id LIMIT 1) AS first_by_their_clocks,
  (SELECT min(published_at) FROM articles a WHERE a.story_id = m.story_id AND length(published_at) = 20) AS published_at,
  (SELECT source FROM articles a WHERE a.story_id = m.story_id ORDER BY first_seen_at, id LIMIT 1) AS first_seen_of,
  (SELECT title FROM articles a WHERE a.story_id = m.story_id ORDER BY first_seen_at, id LIMIT 1) AS title, m.story_id
FROM many m ORDER BY m.outlets DESC, m.story_id DESC""",
    ),
    CannedQuery(
        name="ran_the_piece_of",
        title="Outlets that ran an agency's piece",
        description="Articles that credit an agency, e.g. Reuters, or copy one that does.",
        sql="""SELECT a.source, coalesce(a.published_at, a.first_seen_at) AS at, a.title, coalesce(a.agency, o.agency) AS agency, a.url
FROM articles a LEFT JOIN articles o ON o.id = a.duplicate_of
WHERE a.agency = coalesce(nullif(:agency, ''), 'Reuters') OR o.agency = coalesce(nullif(:agency, ''), 'Reuters')
ORDER BY a.id DESC LIMIT 200""",
        defaults=(("agency", "Reuters"),),
    ),
    CannedQuery(
        name="who_copies_whom",
        title="Who copies whom",
        description="Pairs of outlets, and how many articles of the first are copies of the second's.",
        sql="""SELECT c.source AS copy_in, o.source AS original_in, count(*) AS articles
FROM articles c JOIN articles o ON o.id = c.duplicate_of
GROUP BY 1, 2 ORDER BY articles DESC LIMIT 100""",
    ),
    CannedQuery(
        name="own_work",
        title="How much of an outlet is its own",
        description="Articles with their full text of the last days, and the share that is no copy and credits no agency.",
        sql="""SELECT source, count(*) AS articles, sum(duplicate_of IS NULL AND agency IS NULL) AS own, round(100.0 * sum(duplicate_of IS NULL AND agency IS NULL) / count(*), 1) AS own_percent
FROM articles WHERE completeness = 'full' AND first_seen_at >= strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-' || coalesce(nullif(:days, ''), '30') || ' days')
GROUP BY source ORDER BY articles DESC""",
        defaults=(("days", "30"),),
    ),
    CannedQuery(
        name="gaps_this_week",
        title="Gaps this week",
        description="Times between two polls in which entries may have been missed: open (searched for), filled, or lost.",
        sql="""SELECT source, from_at, to_at, state, entries_found, filled_by, feed_url FROM gaps
WHERE found_at >= strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-7 days') ORDER BY found_at DESC""",
    ),
    CannedQuery(
        name="watched_or_blind",
        title="Days with and without polls",
        description="Day by day: a day without news has polls and no articles; a day without polls says nothing of the news.",
        sql="""SELECT day, source, polls_ok, polls_failed, round(longest_blind_seconds / 3600.0, 1) AS longest_blind_hours, entries_new, articles, headline_only, gaps_open
FROM source_days WHERE :source = '' OR source = :source ORDER BY day DESC, source LIMIT 500""",
        defaults=(("source", ""),),
    ),
    CannedQuery(
        name="articles_a_day",
        title="Articles a day",
        description="By the day of publication (else of first sight), a column to plot.",
        sql="""SELECT substr(coalesce(published_at, first_seen_at), 1, 10) AS day, count(*) AS articles, count(DISTINCT source) AS sources
FROM articles WHERE coalesce(published_at, first_seen_at) >= date('now', '-' || coalesce(nullif(:days, ''), '30') || ' days')
GROUP BY day ORDER BY day DESC""",
        defaults=(("days", "30"),),
    ),
    CannedQuery(
        name="search_with_dates",
        title="Articles with a word, by day",
        description="How many articles of a day contain a word: attention over time. Phrases go in double quotes, as FTS5 has it.",
        sql="""SELECT substr(coalesce(a.published_at, a.first_seen_at), 1, 10) AS day, count(*) AS articles, group_concat(DISTINCT a.source) AS sources
FROM articles_fts f JOIN articles a ON a.id = f.rowid
WHERE articles_fts MATCH coalesce(nullif(:word, ''), 'news') GROUP BY day ORDER BY day DESC LIMIT 366""",
        defaults=(("word", "news"),),
    ),
    CannedQuery(
        name="gone",
        title="Articles that are gone",
        description="Stored articles whose page has vanished, and their text.",
        sql="""SELECT vanished_at, source, title, vanished_reason, round(julianday(vanished_at) - julianday(first_seen_at), 1) AS days_it_stood, word_count, id, url
FROM articles WHERE vanished_at IS NOT NULL ORDER BY vanished_at DESC LIMIT 200""",
    ),
    CannedQuery(
        name="headlines_only",
        title="Where only a headline is stored",
        description="By source: how often the page was a consent wall, a login or a script shell, and only the feed's fields were stored.",
        sql="""SELECT source, completeness, count(*) AS articles, max(first_seen_at) AS newest FROM articles
WHERE completeness <> 'full' GROUP BY source, completeness ORDER BY articles DESC""",
    ),
    CannedQuery(
        name="came_to_nothing",
        title="Rejected entries, and why",
        description="Entries that feeds listed and that are no articles: not found, a section page, a challenge, forbidden by robots.txt.",
        sql="""SELECT source, reason, count(*) AS entries, max(first_seen_at) AS newest FROM entries
WHERE state IN ('rejected', 'gone') AND source > '' GROUP BY source, reason ORDER BY entries DESC LIMIT 200""",
    ),
    CannedQuery(
        name="how_late",
        title="How late an article is here",
        description="Minutes from the publisher's own time to ours, for articles of the last days that were found within a day.",
        sql="""WITH lag AS (
  SELECT source, (unixepoch(first_seen_at) - unixepoch(published_at)) / 60.0 AS minutes FROM articles
  WHERE length(published_at) = 20 AND first_seen_at >= strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-' || coalesce(nullif(:days, ''), '7') || ' days'))
SELECT source, count(*) AS articles, round(avg(minutes), 1) AS mean_minutes, round(max(minutes), 1) AS longest FROM lag
WHERE minutes BETWEEN 0 AND 1440 GROUP BY source ORDER BY mean_minutes""",
        defaults=(("days", "7"),),
    ),
    CannedQuery(
        name="authors",
        title="Who writes",
        description="Authors of the last days with their articles; authors are a JSON list, json_each opens it.",
        sql="""SELECT w.value AS author, count(*) AS articles, group_concat(DISTINCT a.source) AS sources
FROM articles a, json_each(a.authors) w
WHERE a.first_seen_at >= strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-' || coalesce(nullif(:days, ''), '30') || ' days')
GROUP BY author ORDER BY articles DESC LIMIT 100""",
        defaults=(("days", "30"),),
    ),
    CannedQuery(
        name="where_fields_come_from",
        title="The origin of a field",
        description="Of the newest 5,000 articles: which evidence gave a field, by source; provenance is JSON.",
        sql="""SELECT source, coalesce(json_extract(provenance, '$.' || coalesce(nullif(:field, ''), 'published_at') || '.source'), 'nowhere') AS came_from, count(*) AS articles
FROM (SELECT source, provenance FROM articles ORDER BY id DESC LIMIT 5000)
GROUP BY 1, 2 ORDER BY 1, articles DESC""",
        defaults=(("field", "published_at"),),
    ),
    CannedQuery(
        name="every_address",
        title="Every address of an article",
        description="Redirects, AMP pages, tracking variants: all lead to one article.",
        sql="""SELECT kind, url, first_seen_at FROM article_urls WHERE article_id = coalesce(nullif(:id, ''), '1') ORDER BY first_seen_at""",
        defaults=(("id", "1"),),
    ),
    CannedQuery(
        name="our_manners",
        title="Requests by host",
        description="Requests of the last day by host: how many, how many were conditional, what servers answered, bytes.",
        sql="""SELECT host, count(*) AS requests, sum(conditional) AS conditional, sum(status = 304) AS not_modified, sum(status IN (429, 503)) AS told_to_wait,
  sum(status >= 400) AS errors, sum(bytes) AS bytes, round(avg(ms)) AS mean_ms
FROM fetches WHERE at >= strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-1 day') GROUP BY host ORDER BY requests DESC LIMIT 200""",
    ),
    CannedQuery(
        name="what_happened_since",
        title="What happened since",
        description="The last change of each article after a seq; `newsdesk export --since-seq` hands out the articles themselves.",
        sql="""SELECT max(seq) AS seq, article_id, at, op, merged_into FROM changes WHERE seq > coalesce(nullif(:seq, ''), '0') GROUP BY article_id ORDER BY 1 LIMIT 500""",
        defaults=(("seq", "0"),),
    ),
    CannedQuery(
        name="length_of_stories",
        title="How long texts are",
        description="Articles, mean and longest text by source and kind, of the full articles of the last days.",
        sql="""SELECT source, kind, count(*) AS articles, round(avg(word_count)) AS mean_words, max(word_count) AS longest FROM articles
WHERE completeness = 'full' AND first_seen_at >= strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-' || coalesce(nullif(:days, ''), '30') || ' days')
GROUP BY source, kind ORDER BY articles DESC""",
        defaults=(("days", "30"),),
    ),
)
