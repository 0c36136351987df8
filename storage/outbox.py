"""Watch hits and their messages, for the database's one writer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from storage.sql import meta as meta_table
from storage.sql import notifications
from storage.sql.changes import last_seq
from storage.sql.notifications import Message, WatchHit
from storage.writer import Writer

_SEQ = "watch_cursor"  # key in meta: the seq up to which watches have run


class Outbox:
    """Watch hits and their messages, for the database's one writer. Every method is one transaction."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def watching(self, *, on: bool) -> None:
        """Start watching from the newest change, unless already started; or stop and delete the position.

        After a stop, a new start does not report earlier changes.
        """
        cursor = self._writer.meta(_SEQ)
        with self._writer.transaction():
            if on and cursor is None:
                self._note_seq(last_seq(self._writer.db))
            elif not on and cursor is not None:
                meta_table.delete(self._writer.db, _SEQ)

    def unseen(self) -> tuple[int, int] | None:
        """The seq up to which watches have run, and the newest seq; None if nothing is new or watching is off."""
        cursor, newest = self._writer.meta(_SEQ), self._writer.last_seq()
        if cursor is None:
            return None
        seen = int(cursor) if cursor.isdecimal() else newest  # written by another program: start at the newest
        return (seen, newest) if newest > seen or not cursor.isdecimal() else None

    def note(self, found: Sequence[WatchHit], seq: int) -> None:
        """Store hits, and the seq up to which watches have run."""
        with self._writer.transaction():
            notifications.add_found(self._writer.db, found)
            self._note_seq(seq)

    def _note_seq(self, seq: int) -> None:
        meta_table.set_value(self._writer.db, _SEQ, str(seq))

    def compose(
        self,
        make: Callable[[str, Sequence[WatchHit], str | None], tuple[Sequence[str], Mapping[str, Any]] | None],
        now: datetime,
    ) -> int:
        """Make messages of pending hits; returns their number.

        Args:
            make: called with a watch's name, its pending hits, and the time of its last message; returns the receivers
                (as hashes) and the document, or None if it is not time yet.
            now: the clock.
        """
        count = 0
        with self._writer.db.translate_errors():
            if not notifications.has_waiting(self._writer.db):
                return 0
        with self._writer.transaction():
            for watch, found in notifications.waiting(self._writer.db).items():
                made = make(watch, found, notifications.last_notified(self._writer.db, watch))
                if made is not None:
                    notifications.put_messages(self._writer.db, watch, *made, found, now)
                    count += len(made[0])
        return count

    def put(
        self, watch: str, targets: Sequence[str], body: Mapping[str, Any], meta: tuple[str, str], now: datetime
    ) -> None:
        """Queue a message that belongs to no watch, and set a value in meta in the same transaction."""
        with self._writer.transaction():
            notifications.put_messages(self._writer.db, watch, targets, body, (), now)
            meta_table.set_value(self._writer.db, *meta)

    def due(self, now: datetime) -> list[Message]:
        """See notifications.due_messages."""
        with self._writer.db.translate_errors():
            return notifications.due_messages(self._writer.db, now)

    def attempt(self, message: Message, next_attempt_at: datetime) -> None:
        """See notifications.attempt."""
        with self._writer.transaction():
            notifications.attempt(self._writer.db, message, next_attempt_at)

    def settle(self, message: Message, now: datetime, error: str | None, next_attempt_at: datetime | None) -> None:
        """See notifications.settle."""
        with self._writer.transaction():
            notifications.settle(self._writer.db, message, now, error, next_attempt_at)

    def forget(self, before: datetime) -> None:
        """See notifications.delete_old."""
        with self._writer.transaction():
            notifications.delete_old(self._writer.db, before)
