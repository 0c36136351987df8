"""Complete entries by the verdict on the request for one of them.

Functions over one connection; they run inside a transaction of the caller (storage.writer).
"""

from __future__ import annotations

import json

from storage.engine import Database
from storage.utc import format_utc_ceil
from storage.verdicts import Verdict


def _waiting(alias: str) -> str:
    """Entries that wait for a request, or for another one."""
    return f"({alias}.state IN ('pending', 'retry') OR ({alias}.state = 'gone' AND {alias}.retry_at IS NOT NULL))"


def _without_fragment(url: str) -> str:
    return f"substr({url}, 1, instr({url} || '#', '#') - 1)"


def complete_entries(db: Database, verdict: Verdict, article_id: int | None) -> None:
    """Complete the entries of this verdict and release their leases; complete other entries of the same article."""
    state = verdict.entry_state
    retry = format_utc_ceil(verdict.retry_at) if verdict.retry_at else None
    not_before = format_utc_ceil(verdict.not_before) if verdict.not_before else None
    for entry_id in verdict.entry_ids:
        db.conn.execute(
            "UPDATE entries "
            "SET state = ?, reason = ?, verdict = ?, "
            "  attempts = CASE WHEN verdict = ? THEN attempts + 1 ELSE 1 END, retry_at = ?, not_before = ?, "
            "  leased_until = NULL, content = CASE WHEN ? = 'rejected' THEN NULL ELSE content END, "
            "  article_id = coalesce(?, article_id) "
            "WHERE id = ?",
            (state, verdict.reason, verdict.outcome, verdict.outcome, retry, not_before, state, article_id, entry_id),
        )
        if state != "fetched":
            _complete_same_address(db, entry_id)
    if article_id is not None and state == "fetched":
        keys = json.dumps([a.url_key for a in verdict.addresses if a.kind != "canonical"])
        db.conn.execute(
            "UPDATE entries "
            "SET state = 'fetched', reason = 'already stored', verdict = ?, article_id = ?, retry_at = NULL, "
            "  not_before = NULL "
            "WHERE url_key IN (SELECT value FROM json_each(?)) "
            f"  AND {_waiting('entries')} "
            "  AND (article_id IS NULL OR (article_id = ? AND state <> 'pending'))",
            (verdict.outcome, article_id, keys, article_id),
        )


def _complete_same_address(db: Database, entry_id: int) -> None:
    """Give the verdict on an entry without an article to the others at its address: one request answers all.

    Not from an entry without a title to one with a title, which may become an article of its feed's fields.
    """
    columns = "state, reason, verdict, attempts, retry_at, not_before, article_id"
    db.conn.execute(
        f"UPDATE entries SET ({columns}) = (SELECT {columns} FROM entries WHERE id = :id), "
        "  content = CASE WHEN (SELECT state FROM entries WHERE id = :id) = 'rejected' THEN NULL ELSE content END "
        "WHERE id IN ("
        "  SELECT o.id FROM entries e "
        "  JOIN entries o ON o.url_key = e.url_key AND o.id <> e.id "
        "  WHERE e.id = :id AND e.url_key <> '' "
        f"    AND {_without_fragment('o.url')} = {_without_fragment('e.url')} "
        "    AND o.article_id IS NOT DISTINCT FROM e.article_id "
        f"    AND {_waiting('o')} "
        "    AND (o.title IS NULL OR e.title IS NOT NULL))",
        {"id": entry_id},
    )
