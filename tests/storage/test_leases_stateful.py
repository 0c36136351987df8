"""Lease, complete, expire, kill, in any order: no entry is lost, none is leased twice at once, and what completed is not leased again."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from storage.article import Article
from storage.records import Address, FeedCheck, FeedEntry
from storage.verdicts import NewArticle, NotArticle, Retry
from storage.writer import Writer, open_writer
from tests.conftest import NOW

LEASE = timedelta(minutes=10)
HOSTS = ("a.org", "b.org")


class Leases(RuleBasedStateMachine):
    """A store and a model of it: what is listed, what is leased until when, what completed."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "news.db"
        self.now = NOW
        self.listed: set[str] = set()
        self.leased: dict[str, tuple[int, object]] = {}  # URL: (entry, until)
        self.done: set[str] = set()
        self.waits: dict[str, object] = {}  # URL: not before
        self.store: Writer = open_writer(self.path)

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @rule(numbers=st.sets(st.integers(0, 7), min_size=1), host=st.sampled_from(HOSTS))
    def poll(self, numbers: set[int], host: str) -> None:
        """A feed lists entries, new ones and known ones."""
        entries = tuple(
            FeedEntry(identity=url, guid=None, url=url, url_key=url.removeprefix("https://"), host=host, title=url)
            for url in (f"https://{host}/{n}" for n in sorted(numbers))
        )
        check = FeedCheck(
            feed_url=f"https://{host}/rss", at=self.now, outcome="changed", listed=entries, due_at=self.now
        )
        with self.store.transaction():
            self.store.apply_check(check, host)
        self.listed |= {entry.url for entry in entries if entry.url}

    @rule(limit=st.integers(1, 5))
    def lease(self, limit: int) -> None:
        got = self.store.lease_entries(
            now=self.now, until=self.now + LEASE, limit=limit, per_host=limit, sources=None, ignore_retry=False
        )
        for entry in got:
            assert entry.url not in self.leased, "it is leased already"
            assert entry.url not in self.done, "it completed"
            assert entry.url in self.listed
            assert self.waits.get(entry.url, self.now) <= self.now  # type: ignore[operator]
            self.leased[entry.url] = (entry.id, self.now + LEASE)

    @precondition(lambda self: self.leased)
    @rule(data=st.data(), outcome=st.sampled_from(["new", "rejected", "failed"]))
    def complete(self, data: st.DataObject, outcome: str) -> None:
        url = data.draw(st.sampled_from(sorted(self.leased)))
        entry, _ = self.leased.pop(url)
        key = url.removeprefix("https://")
        said = {"at": self.now, "entry_ids": (entry,), "source": "s"}
        with self.store.transaction():
            if outcome == "new":
                article = Article(url=url, source="s", title=url, text=url, content_hash=url)
                address = Address(url_key=key, url=url, kind="final")
                self.store.apply_verdict(NewArticle(**said, article=article, addresses=(address,)))  # type: ignore[arg-type]
            elif outcome == "rejected":
                self.store.apply_verdict(NotArticle(**said, reason="section page"))  # type: ignore[arg-type]
            else:
                later = self.now + timedelta(minutes=5)
                self.store.apply_verdict(Retry(**said, reason="timeout", retry_at=later))  # type: ignore[arg-type]
                self.waits[url] = later
        if outcome != "failed":
            self.done.add(url)

    @rule(minutes=st.integers(1, 30))
    def time_passes(self, minutes: int) -> None:
        """Leases end by themselves."""
        self.now += timedelta(minutes=minutes)
        self.leased = {url: (n, until) for url, (n, until) in self.leased.items() if until > self.now}  # type: ignore[operator]

    @rule()
    def killed(self) -> None:
        """The process dies without a word; the next one opens the file and takes back what the dead one had."""
        self.store.db.conn.close()
        self.store = open_writer(self.path)
        self.store.release_leases()
        self.leased = {}

    @invariant()
    def nothing_is_lost(self) -> None:
        if not hasattr(self, "store"):
            return
        rows = dict(self.store.db.conn.execute("SELECT url, state FROM entries").fetchall())
        assert rows.keys() == self.listed
        assert {url for url, state in rows.items() if state == "fetched"} <= self.done
        for url in self.listed - self.done - self.leased.keys():
            assert rows[url] in {"pending", "retry", "leased"}, (url, rows[url])


Leases.TestCase.settings = settings(
    max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestLeases = Leases.TestCase
