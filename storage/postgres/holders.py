"""Workers and the parts of hosts that they have: each has its parts by a lease with an end, by the server's clock.

A worker renews its lease every third of it, takes its fair share of free parts, and gives back what others lack, when
nothing of it is under way. By its own clock, which goes on in a suspend, it stops requesting at two thirds of the lease.
The parts of a worker whose lease ended are taken over; what it writes then is refused (PostgresDatabase.transaction).
"""

from __future__ import annotations

import logging
import os
import platform
import random
import threading
import time
from collections.abc import Callable, Collection
from typing import Any

from storage.address import ServerAddress
from storage.errors import DatabaseBusy, DatabaseLocked, ServerUnavailable, StorageError
from storage.parts import PARTS, part_of
from storage.postgres.database import PostgresDatabase, in_parts
from storage.postgres.functions import utc_text
from storage.postgres.visits import end_visit, visit
from storage.postgres.workers import holders
from storage.sql.leases import release_leases

LEASE = 30.0  # seconds
SKEW = 10.0  # seconds by which the clocks of the machine and of the server may differ
MAINTENANCE = 0  # the holder of this part prunes, checks health and sends the messages of watches
log = logging.getLogger("newsdesk")


def boot_seconds() -> float:
    """A clock that goes on while the machine is suspended."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Holding:
    """This process among the workers of a store."""

    def __init__(
        self,
        address: ServerAddress,
        *,
        command: str,
        delay: float = 1.0,
        configuration: str = "",
        lease: float | None = None,
    ) -> None:
        """Register this process, and take the parts that are free: `run` its share, another command all of them.

        Args:
            address: the database; its schema exists.
            command: the command, which others are shown.
            delay: seconds between two requests to a host that says nothing else.
            configuration: a hash of the source list.
            lease: seconds; by default LEASE.

        Raises:
            DatabaseLocked: others hold all parts; the message names them. Not for `run`, which waits for its share.
        """
        self.address = address
        self.command, self.configuration = command, configuration
        self.delay, self.lease = delay, LEASE if lease is None else lease
        self.takes_share = command == "run"
        self.worker = f"{platform.node()}-{os.getpid()}"
        self.file_name = platform.node()  # in the names of raw page files: they stay on the machine
        self.id = 0
        self.busy: Callable[[], Collection[int]] = tuple  # parts with requests under way
        self.on_loss: Callable[[], None] = lambda: None
        # others may write for long, and the lease must be renewed meanwhile
        self._db = PostgresDatabase(address, read_only=False, patience=max(1, int(self.lease / 6)))
        # by part that this worker has: when its hosts may be requested, by boot_seconds
        self._ready: dict[int, float] = {}
        self._leaving: set[int] = set()  # parts to give back as soon as nothing of them is under way
        self._delays: dict[int, float] = {}  # by part: the longest delay of its hosts that is not stored yet
        self._requests_until = 0.0  # by boot_seconds
        self._failing = False
        self.shared = True  # whether there are other workers
        self._wake = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._join()
        self._thread.start()

    # What the rest of the process asks

    @property
    def parts(self) -> frozenset[int]:
        """The parts whose hosts may be requested now."""
        now = boot_seconds()
        if now >= self._requests_until:
            return frozenset()
        return frozenset(p for p, ready in list(self._ready.items()) if ready <= now and p not in self._leaving)

    @property
    def all_parts(self) -> frozenset[int]:
        """All parts that this worker has: these, those that are not ready yet, and those that it gives back soon."""
        return frozenset(list(self._ready))

    @property
    def leads(self) -> bool:
        """Whether this worker does what one of them does: maintenance, watches, health."""
        return MAINTENANCE in self._ready and boot_seconds() < self._requests_until

    def may_request(self, host: str) -> bool:
        """Whether a host may be requested now: its part is this worker's, and the lease is fresh."""
        return boot_seconds() < self._requests_until and self._ready.get(part_of(host), float("inf")) <= boot_seconds()

    def note_delay(self, host: str, delay: float) -> None:
        """Note the delay of a host, so that whoever takes its part over keeps it."""
        part = part_of(host)
        if delay > self.delay and delay > self._delays.get(part, 0.0):
            self._delays[part] = delay

    def visit(self, db: Any, host: str) -> float | None:
        """Reserve a host; see storage.postgres.visits."""
        with db.translate_errors():
            return visit(db, host, self.delay, own=self.may_request(host))

    def end_visit(self, db: Any, host: str) -> None:
        """Give a reserved host back."""
        with db.translate_errors():
            end_visit(db, host, self.delay)

    def attach(self, db: Any) -> None:
        """Let a writer write as this worker, on its hosts."""
        db.worker = self

    @property
    def waits(self) -> bool:
        """Whether there are parts whose hosts may be requested soon."""
        now = boot_seconds()
        return any(ready > now for ready in list(self._ready.values()))

    def renew(self) -> None:
        """Look now: a write was refused, or the source list changed."""
        self._wake.set()

    def close(self) -> None:
        """Give everything back; more than one call is harmless."""
        if self._closed:
            return
        self._closed = True
        self._wake.set()
        self._thread.join(timeout=self.lease)
        try:
            self._forget()
        except StorageError as error:
            log.debug("the lease ends by itself: %s", error)

    # The lease

    def _join(self) -> None:
        """Register, and take parts.

        Raises:
            DatabaseLocked: others have all of them, and this command does not wait for a share.
        """
        with self._db.translate_errors():
            self._register()
            for _ in range(1 if self.takes_share else 6):
                self._balance_if_quiet()
                if self._ready:
                    break
        if not self._ready and not self.takes_share:
            holders_now = [h for h in holders(self._db) if h.parts]
            self._forget()
            raise DatabaseLocked(
                f"{self.address}: all hosts belong to {', '.join(h.named() for h in holders_now) or 'others'}; "
                "wait for them, stop one, or let them do it: sources are crawled by `newsdesk run`"
            )
        if not self.takes_share and len(self._ready) < PARTS:
            log.warning(
                "%d of %d parts of the hosts belong to other workers, and their sources are left to these",
                PARTS - len(self._ready),
                PARTS,
            )

    def _beat(self) -> None:
        while True:
            self._wake.wait(min(1.0, self.lease / 30) if self._failing or self._hurries() else self.lease / 3)
            self._wake.clear()
            if self._closed:
                return
            try:
                with self._db.translate_errors():
                    if self._renew():
                        self._balance_if_quiet()
                    else:
                        log.warning("%s: the lease of this worker ended; it begins anew", self.address)
                        self._ready.clear()
                        self._leaving.clear()
                        self.on_loss()
                        self._register()
                        self._balance_if_quiet()
                if self._failing:
                    log.warning("%s: the server answers again", self.address)
                self._failing = False
            except StorageError as error:
                if not self._failing:
                    log.error("%s (the lease cannot be renewed; requests stop before it ends)", error)
                self._failing = True
            except Exception as error:  # a thread's last resort: without its lease the worker does nothing more
                log.error("the lease could not be renewed: %s", error, exc_info=error)
                self._failing = True

    def _balance_if_quiet(self) -> None:
        """Balance, or leave it to the next beat where another process writes for long."""
        try:
            with self._db.translate_errors():
                self._balance()
        except DatabaseBusy as error:
            if isinstance(error, ServerUnavailable):
                raise
            log.debug("the parts are balanced later: %s", error)

    def _hurries(self) -> bool:
        """Whether a part is given back soon, or there is none."""
        return bool(self._leaving) or not self._ready

    def _register(self) -> None:
        began = boot_seconds()
        server = float(self._db.conn.execute("SELECT EXTRACT(epoch FROM clock_timestamp())").fetchone()[0])
        if abs(server - time.time()) > SKEW:
            log.warning(
                "the clock of this machine differs by %.0f s from the server's: times that it stores are wrong by as much; "
                "let NTP set it",
                time.time() - server,
            )
        self.id = self._db.conn.execute(
            "INSERT INTO holders (worker, host, pid, command, configuration, shares, until) "
            "VALUES (?, ?, ?, ?, ?, ?, now() + make_interval(secs => ?)) RETURNING id",
            (
                self.worker, platform.node(), os.getpid(), self.command, self.configuration, self.takes_share,
                self.lease,
            ),
        ).fetchone()[0]  # fmt: skip
        self._requests_until = began + self.lease * 2 / 3

    def _renew(self) -> bool:
        """Renew the lease; False if it ended and others took it."""
        began = boot_seconds()
        found = self._db.conn.execute(
            "UPDATE holders SET until = now() + make_interval(secs => ?), configuration = ? WHERE id = ? RETURNING id",
            (self.lease, self.configuration, self.id),
        ).fetchone()
        if found is not None:
            self._requests_until = began + self.lease * 2 / 3
        return found is not None

    def _balance(self) -> None:
        """Take free parts up to the share; mark more than the share to be given back, and give back what is idle."""
        self._compare()
        self._store_delays()
        others, dead, free, sharing, rank = self._db.conn.execute(
            "SELECT (SELECT count(*) FROM parts WHERE holder <> :me), "
            "  (SELECT count(*) FROM holders WHERE until < now()), "
            "  (SELECT count(*) FROM parts WHERE holder IS NULL), "
            "  (SELECT count(*) FROM holders WHERE shares AND until >= now()), "
            "  (SELECT count(*) FROM holders WHERE shares AND until >= now() AND id < :me)",
            {"me": self.id},
        ).fetchone()
        self.shared = others > 0
        share = PARTS // max(1, sharing) + (rank < PARTS % max(1, sharing)) if self.takes_share else PARTS
        staying = len(self._ready) - len(self._leaving)
        if self.takes_share and staying > share:
            staying_parts = [p for p in self._ready if p not in self._leaving]
            busy = set(self.busy())
            staying_parts.sort(key=lambda p: (p in busy, random.random()))
            self._leaving.update(staying_parts[: staying - share])
        while self._leaving and staying < share:  # another worker ended meanwhile
            self._leaving.pop()
            staying += 1
        if self._leaving:
            self._give_back()
        if (dead or free) and staying < share:
            self._take(share - staying)

    def _compare(self) -> None:
        """Take the table's word: the reply to a commit may have been lost, or a replica took over without the last ones."""
        rows = dict(
            self._db.conn.execute(
                "SELECT part, CAST(EXTRACT(epoch FROM ready_at - clock_timestamp()) AS double precision) FROM parts WHERE holder = ?",
                (self.id,),
            ).fetchall()
        )
        for part in self._ready.keys() - rows.keys():
            self._ready.pop(part)
            self._leaving.discard(part)
        now = boot_seconds()
        for part in rows.keys() - self._ready.keys():
            self._ready[part] = now + max(self.delay, rows[part])

    def _store_delays(self) -> None:
        if not self._delays:
            return
        noted, self._delays = self._delays, {}
        with self._db.transaction():
            self._db.conn.executemany(
                "UPDATE parts SET delay = ? WHERE part = ? AND delay < ?", [(d, p, d) for p, d in noted.items()]
            )

    def _take(self, most: int) -> None:
        """Take free parts, and those of workers whose lease ended; what was leased in them is pending again.

        A part of a dead worker waits for one delay, as it may have requested something just before.
        """
        with self._db.transaction():
            dead = self._db.conn.execute(
                "WITH dead AS (SELECT id, worker FROM holders WHERE until < now() FOR UPDATE SKIP LOCKED), "
                "  marked AS ("
                "    UPDATE parts SET taken_from = dead.worker, "
                "      ready_at = clock_timestamp() + make_interval(secs => greatest(delay, ?)) "
                "    FROM dead WHERE holder = dead.id RETURNING part) "
                "SELECT id FROM dead",
                (self.delay,),
            ).fetchall()
            # waits for no writing transaction of theirs: the row of one that has one was left out above
            self._delete([row[0] for row in dead])
            taken = self._db.conn.execute(
                "UPDATE parts SET holder = ?, taken_at = now() "
                "WHERE part IN ("
                "  SELECT part FROM parts WHERE holder IS NULL ORDER BY part <> ?, random() LIMIT ? FOR UPDATE SKIP LOCKED) "
                "RETURNING part, CAST(EXTRACT(epoch FROM ready_at - clock_timestamp()) AS double precision)",
                (self.id, MAINTENANCE, most),
            ).fetchall()
            if taken:
                release_leases(self._db, in_parts("host", [part for part, _ in taken]))
        now = boot_seconds()
        self._ready.update((part, now + max(0.0, wait)) for part, wait in taken)

    def _give_back(self) -> None:
        """Give back parts of which nothing is under way; their hosts wait for one delay."""
        idle = self._leaving - set(self.busy())
        if not idle:
            return
        with self._db.transaction():
            leased = {
                row[0]
                for table, condition in (
                    ("entries", "state = 'leased'"),
                    ("feeds", f"leased_until > {utc_text('now()')}"),
                    ("backfill_steps", "state = 'leased'"),
                )
                for row in self._db.conn.execute(
                    f"SELECT DISTINCT part(host) FROM {table} WHERE {condition} AND {in_parts('host', idle)}"
                )
            }
            gone = idle - leased
            self._free(in_parts_column(gone))
        self.shared = self.shared or bool(gone)
        for part in gone:
            self._ready.pop(part, None)
        self._leaving -= gone

    def _free(self, which: str) -> None:
        # clock_timestamp: now() is when the transaction began, and it may have waited for the lock since
        self._db.conn.execute(
            "UPDATE parts SET holder = NULL, taken_from = NULL, "
            "  ready_at = clock_timestamp() + make_interval(secs => greatest(delay, ?)) "
            f"WHERE holder = ? AND {which}",
            (self.delay, self.id),
        )

    def _delete(self, ids: Collection[int]) -> None:
        self._db.conn.executemany("DELETE FROM holders WHERE id = ?", [(holder,) for holder in ids])

    def _forget(self) -> None:
        """Give back all parts and leave; what is still leased in them is pending again."""
        try:
            with self._db.translate_errors(), self._db.transaction():
                if self._ready:
                    release_leases(self._db, in_parts("host", self._ready))
                self._free("true")
                self._delete([self.id])
        finally:
            self._ready.clear()
            self._db.close()


def in_parts_column(parts: Collection[int]) -> str:
    """The condition on the column part."""
    return f"part IN ({', '.join(map(str, sorted(parts)))})" if parts else "false"
