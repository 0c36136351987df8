"""Write a Verdict: articles, their addresses, revisions, copies and the full-text index.

Functions over one connection; they run inside a transaction of the caller (storage.writer).
"""

from __future__ import annotations

import dataclasses
import json
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from storage.article import Article, Version
from storage.engine import Database
from storage.records import Address, json_list
from storage.sql import fingerprints, posts
from storage.sql.entry_completion import complete_entries
from storage.sql.rows import FIELDS, LISTS, article_by_id, insert, parsed
from storage.sql.source_days import count_verdict
from storage.utc import format_utc, format_utc_ceil, parse_utc
from storage.verdicts import Alias, FullerView, NewArticle, NotFound, Revision, Unchanged, Verdict


def apply_verdict(db: Database, verdict: Verdict) -> int | None:
    """Write the verdict on one fetched page; returns the id of its article, if any."""
    at = format_utc(verdict.at)
    article_id = verdict.article_id
    match verdict:
        case NewArticle():
            article_id = _insert(db, verdict.article, at)
            _unprune(db, verdict.addresses)
            fingerprints.add(db, article_id, verdict.fingerprints, verdict.at)
            change(db, article_id, at, "new")
        case Revision():
            _revise(db, verdict, at)
            _renew_fingerprints(db, verdict.article_id, verdict.fingerprints, verdict.at)
            change(db, verdict.article_id, at, "revised" if verdict.cause == "publisher" else "reprocessed")
            _mark_found(db, verdict.article_id, at)
        case FullerView():
            _overwrite(db, verdict.article_id, verdict.article, at)
            _renew_fingerprints(db, verdict.article_id, verdict.fingerprints, verdict.at)
            change(db, verdict.article_id, at, "revised")
            _mark_found(db, verdict.article_id, at)
        case Alias(article=Article() as article):
            _overwrite(db, verdict.article_id, article, at)
            change(db, verdict.article_id, at, "revised")
            _mark_found(db, verdict.article_id, at)
        case Alias() | Unchanged(shows_less=False) if article_id is not None:
            _touch(db, article_id, at)
            _mark_found(db, article_id, at)
        case NotFound() if article_id is not None:
            _mark_not_found(db, article_id, verdict, at)
        case _:  # the verdict is about no stored article
            pass
    if article_id is not None:
        add_addresses(db, article_id, verdict.addresses, at)
        _set_recheck(db, article_id, verdict.recheck_at)
        if verdict.posts is not None and not isinstance(verdict, Revision):
            stored = article_by_id(db, article_id)
            number = stored.revision if stored is not None else 1
            posts.write(db, article_id, verdict.posts, added=number, edited=number, at=at)
    complete_entries(db, verdict, article_id)
    count_verdict(db, verdict, at)
    return article_id


def _touch(db: Database, article_id: int, at: str) -> None:
    """Record that the page still shows the stored version."""
    db.conn.execute("UPDATE articles SET last_same_at = ?, recheck_leased_until = NULL WHERE id = ?", (at, article_id))
    db.conn.execute(
        "UPDATE revisions "
        "SET last_same_at = ? "
        "WHERE article_id = ? AND number = (SELECT revision FROM articles WHERE id = ?)",
        (at, article_id, article_id),
    )


def _renew_fingerprints(db: Database, article_id: int, prints: Sequence[int], at: datetime) -> None:
    if prints:
        fingerprints.delete(db, article_id)
        fingerprints.add(db, article_id, prints, at)


def _mark_not_found(db: Database, article_id: int, verdict: NotFound, at: str) -> None:
    """Set vanished_at once the article has vanished; its text stays."""
    db.conn.execute(
        "UPDATE articles SET first_not_found_at = coalesce(first_not_found_at, ?) WHERE id = ?", (at, article_id)
    )
    if not verdict.vanished:
        return
    gone = db.conn.execute(
        "UPDATE articles SET vanished_at = ?, vanished_reason = ? WHERE id = ? AND vanished_at IS NULL",
        (at, verdict.reason, article_id),
    )
    if gone.rowcount:
        change(db, article_id, at, "vanished")


def _mark_found(db: Database, article_id: int, at: str) -> None:
    """Clear vanished_at of an article that is back."""
    db.conn.execute("UPDATE articles SET first_not_found_at = NULL WHERE id = ?", (article_id,))
    back = db.conn.execute(
        "UPDATE articles SET vanished_at = NULL, vanished_reason = NULL WHERE id = ? AND vanished_at IS NOT NULL",
        (article_id,),
    )
    if back.rowcount:
        change(db, article_id, at, "restored")


def first_not_found_at(db: Database, article_id: int) -> str | None:
    """Since when a stored article's page is not found; None if it is found."""
    row = db.conn.execute("SELECT first_not_found_at FROM articles WHERE id = ?", (article_id,)).fetchone()
    return row[0] if row else None


def _values(article: Article, *, skip: Iterable[str] = ()) -> dict[str, Any]:
    left_out = {"id", *skip}
    found = {name: getattr(article, name) for name in FIELDS if name not in left_out}
    for name in LISTS:
        if name in found:
            found[name] = json_list(found[name])
    if "provenance" in found:
        found["provenance"] = json.dumps(found["provenance"], ensure_ascii=False, sort_keys=True)
    return found


def _insert(db: Database, article: Article, at: str) -> int:
    article = dataclasses.replace(
        article, uid=uuid.uuid4().hex, first_seen_at=article.first_seen_at or at, fetched_at=at
    )
    row = _values(article)
    row["story_id"] = article.story_id or 0
    columns, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
    article_id = insert(db, f"INSERT INTO articles ({columns}) VALUES ({marks})", row)
    if not article.story_id:
        db.conn.execute("UPDATE articles SET story_id = id WHERE id = ?", (article_id,))
    db.full_text.add(article_id, article)
    return article_id


def _revise(db: Database, verdict: Revision, at: str) -> None:
    """Store the current version in revisions (at the first edit), then the new one, then overwrite the article."""
    article_id = verdict.article_id
    stored = article_by_id(db, article_id)
    assert stored is not None
    first = number = _next_number(db, stored, at, as_posts=bool(posts.of_article(db, article_id)))
    changes = verdict.posts
    if changes is not None and changes.added and verdict.cause == "publisher":  # an update, and then an edit
        update = dataclasses.replace(verdict.article, text=None, content_hash=None)
        version = Version(number=first, article=update, seen_at=at, cause="live", words_added=changes.words_added)
        add_version(db, article_id, version)
        number += 1
    if changes is not None:
        posts.write(db, article_id, changes, added=first, edited=number, at=at)
    new = dataclasses.replace(verdict.article, revision=number)
    version = Version(
        number=number,
        article=new if changes is None else dataclasses.replace(new, text=None),
        seen_at=at,
        cause=verdict.cause,
        silent=verdict.silent,
        words_added=verdict.words_added,
        words_removed=verdict.words_removed,
        imported=verdict.imported,
    )
    add_version(db, article_id, version)
    _overwrite(db, article_id, new, at, stored=stored)


def _next_number(db: Database, stored: Article, at: str, *, as_posts: bool = False) -> int:
    """The number of an article's next version; its present one is stored in revisions at the first edit.

    Args:
        db: a connection.
        stored: the article.
        at: when it is edited.
        as_posts: whether its text is stored as posts, and not once more.
    """
    newest = newest_number(db, stored.id)
    if newest is None:
        newest = 1
        article = dataclasses.replace(stored, text=None) if as_posts else stored
        add_version(db, stored.id, present_version(article, at))
    return newest + 1


def newest_number(db: Database, article_id: int) -> int | None:
    """The newest number of an article's versions; None if it was never edited."""
    row = db.conn.execute("SELECT max(number) FROM revisions WHERE article_id = ?", (article_id,)).fetchone()
    return int(row[0]) if row[0] is not None else None


def present_version(stored: Article, at: str) -> Version:
    """The only version of an article that was never edited, as revisions has it from the first edit on."""
    seen = stored.fetched_at or stored.first_seen_at or at
    return Version(number=stored.revision, article=stored, seen_at=seen, last_same_at=stored.last_same_at)


def add_version(db: Database, article_id: int, version: Version) -> None:
    """Insert a row of revisions."""
    article = version.article
    db.conn.execute(
        "INSERT INTO revisions (article_id, number, title, subtitle, authors, text, published_at, "
        "  modified_at, content_hash, seen_at, last_same_at, silent, cause, words_added, words_removed, "
        "  extractor, warc_file, warc_offset, imported) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            article_id, version.number, article.title, article.subtitle, json_list(article.authors), article.text,
            article.published_at, article.modified_at, article.content_hash, version.seen_at, version.last_same_at,
            int(version.silent), version.cause, version.words_added, version.words_removed, article.extractor,
            article.warc_file, article.warc_offset, int(version.imported),
        ),
    )  # fmt: skip


def reprocess(
    db: Database, article_id: int, article: Article, at: datetime, words: tuple[int, int], prints: Sequence[int]
) -> None:
    """Replace an article by what a newer extractor extracts from its raw page.

    If the text differs, a revision of cause `reprocess` is stored. The times of the fetch and of the last unchanged
    view stay.
    """
    stored = article_by_id(db, article_id)
    assert stored is not None
    number = stored.revision
    if article.content_hash != stored.content_hash:
        number = _next_number(db, stored, format_utc(at))
        version = Version(
            number=number,
            article=article,
            seen_at=format_utc(at),
            last_same_at=stored.last_same_at or stored.fetched_at,  # an edit happened after this, not after `at`
            cause="reprocess",
            words_added=words[0],
            words_removed=words[1],
        )
        add_version(db, article_id, version)
    _overwrite(
        db,
        article_id,
        dataclasses.replace(article, revision=number),
        stored.fetched_at or format_utc(at),
        stored=stored,
    )
    db.conn.execute("UPDATE articles SET last_same_at = ? WHERE id = ?", (stored.last_same_at, article_id))
    fingerprints.delete(db, article_id)
    fingerprints.add(db, article_id, prints, parse_utc(stored.first_seen_at) if stored.first_seen_at else at)
    change(db, article_id, format_utc(at), "reprocessed")


def set_extractor(db: Database, article_id: int, extractor: str, now: datetime) -> None:
    """Set the extractor of an article whose record did not change."""
    db.conn.execute("UPDATE articles SET extractor = ? WHERE id = ?", (extractor, article_id))
    change(db, article_id, format_utc(now), "reprocessed")


def clear_raw_pages(db: Database, files: Sequence[str]) -> None:
    """Remove the references to raw pages in deleted files."""
    for table in ("articles", "revisions"):
        db.conn.execute(
            f"UPDATE {table} "
            "SET warc_file = NULL, warc_offset = NULL "
            "WHERE warc_file IN (SELECT value FROM json_each(?))",
            (json.dumps(list(files)),),
        )


# The fields of an article that a new view of its page does not change.
_KEPT = (
    "uid",
    "story_id",
    "duplicate_of",
    "first_seen_at",
    "source",
    "recheck_at",
    "vanished_at",
    "vanished_reason",
)


def _overwrite(db: Database, article_id: int, article: Article, at: str, stored: Article | None = None) -> None:
    """Overwrite the stored fields by those of `article`; identity, story and first_seen_at stay."""
    stored = stored or article_by_id(db, article_id)
    assert stored is not None
    new = dataclasses.replace(
        article,
        fetched_at=at,
        last_same_at=None,
        revision=article.revision if article.revision > 1 else stored.revision,
    )
    row = _values(new, skip=_KEPT)
    assignments = ", ".join(f"{name} = :{name}" for name in row)
    db.conn.execute(
        f"UPDATE articles SET {assignments}, recheck_leased_until = NULL WHERE id = :id", {**row, "id": article_id}
    )
    if new.revision == stored.revision:
        _overwrite_revision(db, article_id, new)
    db.full_text.remove(article_id, stored)
    db.full_text.add(article_id, new)


def _overwrite_revision(db: Database, article_id: int, article: Article) -> None:
    """Overwrite the newest version of an edited article by a fuller view of it, which is no new version."""
    db.conn.execute(
        "UPDATE revisions "
        "SET title = ?, subtitle = ?, authors = ?, text = ?, content_hash = ?, extractor = ?, "
        "  warc_file = ?, warc_offset = ? "
        "WHERE article_id = ? AND number = ?",
        (
            article.title,
            article.subtitle,
            json_list(article.authors),
            article.text,
            article.content_hash,
            article.extractor,
            article.warc_file,
            article.warc_offset,
            article_id,
            article.revision,
        ),
    )


def rebuild_index(db: Database, *, fold_anew: bool = False) -> int:
    """Rebuild the full-text index from the articles, with its own folding or the present one; returns their number."""
    db.full_text.clear(fold_anew=fold_anew)
    count = 0
    for row in db.stream(f"SELECT {', '.join(INDEXED)} FROM articles"):
        index_row(db, row)
        db.full_text.write()
        count += 1
    return count


INDEXED = ("id", "url", "title", "subtitle", "text", "summary", "authors")


def index_row(db: Database, row: Sequence[Any]) -> None:
    """Add an article to the full-text index, of which these columns are known."""
    found = dict(zip(INDEXED, row, strict=True))
    found["authors"] = tuple(map(str, parsed(found["authors"], list)))
    db.full_text.add(found["id"], Article(**found))


def _unprune(db: Database, addresses: Iterable[Address]) -> None:
    """Remove the addresses of a pruned article that is stored again from pruned_urls."""
    keys = json.dumps([address.url_key for address in addresses])
    db.conn.execute("DELETE FROM pruned_urls WHERE url_key IN (SELECT value FROM json_each(?))", (keys,))


def add_addresses(db: Database, article_id: int, addresses: Iterable[Address], at: str) -> None:
    """Record that these addresses lead to an article."""
    for address in addresses:
        # The first row for a key stays, but an address known only from a canonical link is replaced by a fetched one.
        db.conn.execute(
            "INSERT INTO article_urls (url_key, url, article_id, kind, first_seen_at) "
            "VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (url_key) DO UPDATE SET article_id = excluded.article_id, kind = excluded.kind, "
            "  url = excluded.url "
            "WHERE article_urls.kind = 'canonical' AND excluded.kind IN ('requested', 'final', 'amp')",
            (address.url_key, address.url, article_id, address.kind, at),
        )


def _set_recheck(db: Database, article_id: int, recheck_at: datetime | None) -> None:
    db.conn.execute(
        "UPDATE articles SET recheck_at = ?, recheck_leased_until = NULL WHERE id = ?",
        (format_utc_ceil(recheck_at) if recheck_at else None, article_id),
    )


def change(
    db: Database, article_id: int, at: str, op: str, *, uid: str | None = None, merged_into: int | None = None
) -> None:
    """Append to the change log; `uid` is of an article that is deleted."""
    db.conn.execute(
        "INSERT INTO changes (article_id, at, op, uid, merged_into) VALUES (?, ?, ?, ?, ?)",
        (article_id, at, op, uid, merged_into),
    )
