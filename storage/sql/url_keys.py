"""URL keys of the former version: found by look-ups as they are needed, and rewritten by `newsdesk db migrate`.

Functions over one writing connection, inside a transaction of the caller (storage.writer), except `article_id_of`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from storage.engine import Database
from storage.key_functions import KeyFunctions
from storage.sql.articles import newest_number
from storage.sql.removal import merge
from storage.sql.rows import article_by_id
from storage.sql.versions import CURRENT, URL_KEYS, set_current, version


def are_former(db: Database) -> bool:
    """Whether the keys of a database are of the former version."""
    return version(db, URL_KEYS) < CURRENT[URL_KEYS]


def article_id_of(db: Database, url: str, keys: KeyFunctions) -> int | None:
    """The article at an address, by its key or, in a database of the former version, by its former key."""
    row = _row_of(db, keys.present(url))
    if row is None and are_former(db) and (changed := keys.changed(url)):
        row = _of_former(db, "article_urls", url, changed, keys)
    return int(row[0]) if row else None


def _row_of(db: Database, key: str | None) -> Any:
    return db.conn.execute("SELECT article_id FROM article_urls WHERE url_key = ?", (key,)).fetchone()


def count_known(db: Database, urls: Sequence[str], keys: KeyFunctions) -> int:
    """How many of these addresses are stored as articles or entries, by their present or former keys."""
    former = are_former(db)
    sql = (
        "SELECT EXISTS (SELECT 1 FROM article_urls WHERE url_key IN (:present, :former)) "
        "  OR EXISTS (SELECT 1 FROM entries WHERE url_key IN (:present, :former))"
    )
    count = 0
    for url in urls:
        present = keys.present(url)
        _, other = (keys.changed(url) if former else None) or (present, present)
        count += db.conn.execute(sql, {"present": present, "former": other}).fetchone()[0]
    return count


def adopt(db: Database, urls: Iterable[str | None], keys: KeyFunctions) -> None:
    """Make what is stored under the former keys of these addresses known under their present ones.

    Every other query then looks up present keys only. Rows of former keys stay: another address may have that key.
    """
    for url in dict.fromkeys(urls):
        if not url or (changed := keys.changed(url)) is None:
            continue
        present, former = changed
        if _of_former(db, "article_urls", url, changed, keys):
            db.conn.execute(
                "INSERT INTO article_urls (url_key, url, article_id, kind, first_seen_at) "
                "SELECT ?, ?, article_id, kind, first_seen_at FROM article_urls WHERE url_key = ? "
                "ON CONFLICT DO NOTHING",
                (present, url, former),
            )
        if _of_former(db, "pruned_urls", url, changed, keys):
            db.conn.execute(
                "INSERT INTO pruned_urls (url_key, url, article_id, pruned_at) "
                "SELECT :present, :url, article_id, pruned_at FROM pruned_urls "
                # an article that is stored again is pruned no longer
                "WHERE url_key = :former AND NOT EXISTS (SELECT 1 FROM article_urls WHERE url_key = :present) "
                "ON CONFLICT DO NOTHING",
                {"present": present, "url": url, "former": former},
            )
        _adopt_entries(db, present, former, keys)


def _of_former(
    db: Database, table: str, url: str, changed: tuple[str, str], keys: KeyFunctions
) -> tuple[int, str] | None:
    """(article_id, url) of the row with the former key of an address, unless it is another article's."""
    present, former = changed
    row: tuple[int, str] | None = db.conn.execute(
        f"SELECT article_id, url FROM {table} WHERE url_key = ?", (former,)
    ).fetchone()
    if row is None or keys.same_page(url, row[1]):
        return row
    fetched = db.conn.execute(
        "SELECT 1 FROM entries WHERE url_key IN (?, ?) AND url = ? AND article_id = ? "
        "  AND verdict IN ('new', 'same', 'address') AND reason IS DISTINCT FROM 'already stored'",
        (present, former, url, row[0]),
    ).fetchone()
    return row if fetched else None


def _adopt_entries(db: Database, present: str, former: str, keys: KeyFunctions) -> None:
    """Give a feed's entries of an address its present key, which is or ends their identity where they have no guid."""
    for entry_id, url, identity in db.conn.execute(
        "SELECT id, url, identity FROM entries WHERE url_key = ? AND url IS NOT NULL", (former,)
    ).fetchall():
        if keys.present(url) != present:
            continue
        db.conn.execute("UPDATE entries SET url_key = ? WHERE id = ?", (present, entry_id))
        renamed = identity
        if identity in {former, f"{former} {former}"}:
            renamed = present
        elif identity.endswith(f" {former}"):
            renamed = f"{identity.removesuffix(former)}{present}"
        if renamed != identity:
            db.conn.execute(
                "UPDATE entries SET identity = :name WHERE id = :id AND NOT EXISTS ("
                "  SELECT 1 FROM entries o WHERE o.feed_url = entries.feed_url AND o.identity = :name)",
                {"name": renamed, "id": entry_id},
            )


_ADDRESSES = (
    "SELECT url FROM article_urls WHERE kind <> 'id'",
    "SELECT url FROM articles",
    "SELECT page_url FROM articles",
    "SELECT url FROM pruned_urls",
    "SELECT url FROM entries WHERE url_key <> ''",
)


def rewrite(db: Database, keys: KeyFunctions, at: str) -> None:
    """Rewrite all keys of the former version."""
    for sql in _ADDRESSES:
        adopt(db, [row[0] for row in db.conn.execute(sql) if row[0] and keys.changed(row[0])], keys)
    former = [
        (key, url, article_id)
        for key, url, article_id in db.conn.execute(
            "SELECT url_key, url, article_id FROM article_urls WHERE kind <> 'id' ORDER BY article_id, url_key"
        )
        if keys.present(url) not in {None, key}
    ]
    for key, url, _ in former:
        _unify(db, key, keys.present(url) or "", keys, at)
    for key, _, _ in former:
        _drop_former(db, key, keys)
    pruned = [(key, url) for key, url in db.conn.execute("SELECT url_key, url FROM pruned_urls")]
    for key, url in pruned:
        if keys.present(url) not in {None, key}:
            db.conn.execute("DELETE FROM pruned_urls WHERE url_key = ?", (key,))
    set_current(db, URL_KEYS)


def _unify(db: Database, former: str, present: str, keys: KeyFunctions, at: str) -> None:
    """Merge two articles that have one key now, if they are the same; the older stays, and no version is lost."""
    ids = sorted(
        row[0]
        for row in db.conn.execute(
            "SELECT DISTINCT article_id FROM article_urls WHERE url_key IN (?, ?)", (former, present)
        )
    )
    if len(ids) < 2:
        return
    stays, leaves = article_by_id(db, ids[0]), article_by_id(db, ids[1])
    if stays is not None and leaves is not None and leaves.revision == 1 and keys.same_article(stays, leaves):
        if newest_number(db, leaves.id) is not None:  # an import gave it versions, which would be lost
            return
        merge(db, leaves.id, stays.id, at)


def _drop_former(db: Database, key: str, keys: KeyFunctions) -> None:
    """Delete the row of a former key, unless it is a present key of its article, or the only address of it."""
    article_id = _row_of(db, key)[0]
    own = db.conn.execute("SELECT url, page_url FROM articles WHERE id = ?", (article_id,)).fetchone()
    if known := next((url for url in own if url and keys.present(url) == key), None):
        db.conn.execute("UPDATE article_urls SET url = ? WHERE url_key = ?", (known, key))
        return
    others = db.conn.execute(
        "SELECT url_key, url FROM article_urls WHERE article_id = ? AND kind <> 'id'", (article_id,)
    )
    if any(keys.present(url) == other for other, url in others):
        db.conn.execute("DELETE FROM article_urls WHERE url_key = ?", (key,))
