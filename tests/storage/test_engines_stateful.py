"""The same operations on SQLite and on PostgreSQL, in any order: the same answers, and the same rows in every table."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from crawler.config.models import Source
from storage.article import Article
from storage.copying import _TABLES, _columns
from storage.learned import LearnedBlocks
from storage.records import Address, BackfillStep, Feed, FeedCheck, FeedEntry, Filter, GapDetected
from storage.sql.removal import merge
from storage.utc import format_utc
from storage.verdicts import NewArticle, NotArticle, NotFound, Retry, Revision, Unchanged
from storage.writer import Writer, open_writer
from tests import torture
from tests.conftest import NOW
from tests.postgres import cluster, why_not

HOSTS = ("a.example", "www.b.example", "c.example")
WORDS = (
    "Ёлка",
    "елка",
    "harbour",
    "HARBOUR-side",
    "naïve",
    "café",
    "北京市民",
    "กรุงเทพ",
    "C++",
    "don't",
    "o'neil",
    "3.14",
    "e-mail@x.org",
    "ß",
    "straße",
    "æon",
    "λόγος",
    "\u0301x",
    "a_b",
    "100%",
    "'",
    '"',
    "السلام",
    "½",
    "x\u200dy",
)
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)


class Engines(RuleBasedStateMachine):
    """Two stores; every rule does the same to both."""

    stores: tuple[Writer, ...] = ()

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.now = NOW
        self.stores = (open_writer(Path(self.folder.name) / "news.db"), open_writer(cluster().new_database()))
        sources = [
            Source(
                id=host,
                name=host.upper(),
                url=f"https://{host}/",
                feeds=(f"https://{host}/rss",),
                tags=("t",),
                country="GB",
            )
            for host in HOSTS
        ]
        self.both(lambda s: s.sync_sources(sources, {f"https://{host}/rss": host for host in HOSTS}, self.now))
        self.count = 0

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        if self.stores:
            self.folder.cleanup()

    def both(self, what: Any) -> Any:
        """Do it to both; the answers are the same."""
        first, second = (what(store) for store in self.stores)
        assert first == second
        return first

    def write(self, what: Any) -> Any:
        def inside(store: Writer) -> Any:
            with store.transaction():
                return what(store)

        return self.both(inside)

    @rule(numbers=st.sets(st.integers(0, 9), min_size=1), host=st.sampled_from(HOSTS), text=TEXTS, failed=st.booleans())
    def poll(self, numbers: set[int], host: str, text: str, failed: bool) -> None:
        entries = tuple(
            FeedEntry(
                identity=f"g{n}", guid=f"g{n}", url=f"https://{host}/{n}", url_key=f"{host}/{n}", host=host,
                title=f"{text} {n}", fingerprint=text, authors=(text,), published_at=f"2026-11-20T{n:02d}:00:00Z",
            )
            for n in sorted(numbers)
        )  # fmt: skip
        check = FeedCheck(
            feed_url=f"https://{host}/rss", at=self.now, outcome="failed" if failed else "changed",
            error="timeout" if failed else None, listed=() if failed else entries,
            due_at=self.now + timedelta(hours=1),
        )  # fmt: skip
        self.write(lambda s: s.apply_check(check, host))

    @rule(due=st.booleans())
    def lease_feeds(self, due: bool) -> None:
        until = self.now + timedelta(minutes=10)

        def lease(store: Writer) -> set[str]:
            found: list[Feed] = store.lease_feeds(
                now=self.now, until=until, limit=9, due_only=due, sources=None, done=[]
            )
            return {feed.url for feed in found}

        self.both(lease)

    @rule(host=st.sampled_from(HOSTS), text=TEXTS, outcome=st.sampled_from(["new", "rejected", "failed"]))
    def complete(self, host: str, text: str, outcome: str) -> None:
        """Lease the entries of one source, and complete them."""
        until = self.now + timedelta(minutes=10)

        def lease(store: Writer) -> list[tuple[Any, ...]]:
            found = store.lease_entries(
                now=self.now, until=until, limit=50, per_host=3, sources=[host], ignore_retry=False
            )
            return sorted((entry.id, entry.url, entry.title) for entry in found)

        for entry_id, url, title in self.both(lease):
            said: dict[str, Any] = {"at": self.now, "entry_ids": (entry_id,), "source": host}
            address = Address(url_key=url.removeprefix("https://"), url=url, kind="final")
            self.count += 1
            article = Article(
                url=url, source=host, title=title, text=f"{text} {title}", authors=(text,), language="en-GB",
                published_at="2026-11-20", content_hash=f"h{self.count}", word_count=2,
            )  # fmt: skip
            known = self.both(lambda s, a=address: s.articles_at((a,)))
            if outcome == "new" and known:
                (article_id, _), *_ = known.values()
                change = Revision(**said, article_id=article_id, article=article, words_added=1, addresses=(address,))
                self.without_uid(lambda s, v=change: s.apply_verdict(v))
            elif outcome == "new":
                prints = (self.count, self.count + 1, 7)
                new = NewArticle(**said, article=article, addresses=(address,), fingerprints=prints)
                self.without_uid(lambda s, v=new: s.apply_verdict(v))
            elif outcome == "rejected":
                self.write(lambda s, said=said: s.apply_verdict(NotArticle(**said, reason="section page; x")))
            else:
                later = self.now + timedelta(minutes=5)
                self.write(
                    lambda s, said=said, later=later: s.apply_verdict(Retry(**said, reason="timeout", retry_at=later))
                )

    def without_uid(self, what: Any) -> None:
        """A write that draws a random uid: it is made the same."""
        self.write(what)
        for store in self.stores:
            with store.transaction():
                store.db.conn.execute("UPDATE articles SET uid = 'u' || id WHERE uid <> 'u' || id")

    def an_article(self, which: int) -> int | None:
        ids = self.both(lambda s: [row[0] for row in s.db.conn.execute("SELECT id FROM articles ORDER BY id")])
        return ids[which % len(ids)] if ids else None

    @rule(which=st.integers(0, 20), gone=st.booleans())
    def recheck(self, which: int, gone: bool) -> None:
        article_id = self.an_article(which)
        if article_id is None:
            return
        verdict = (
            NotFound(at=self.now, entry_ids=(), source=HOSTS[0], reason="404", article_id=article_id, vanished=True)
            if gone
            else Unchanged(at=self.now, entry_ids=(), source=HOSTS[0], article_id=article_id, recheck_at=self.now)
        )
        self.write(lambda s: s.apply_verdict(verdict))

    @rule(which=st.integers(0, 20), other=st.integers(0, 20))
    def merge(self, which: int, other: int) -> None:
        gone, into = self.an_article(which), self.an_article(other)
        if gone is None or into is None or gone == into:
            return
        if self.both(lambda s: s.article(gone).revision) == 1:
            self.write(lambda s: merge(s.db, gone, into, format_utc(self.now)))

    @rule(which=st.integers(0, 20))
    def prune(self, which: int) -> None:
        article_id = self.an_article(which)
        if article_id is not None:
            seen = self.both(lambda s: s.article(article_id).first_seen_at)
            self.both(lambda s: s.prune_articles(seen, (), self.now))

    @rule(host=st.sampled_from(HOSTS))
    def gap(self, host: str) -> None:
        gap = GapDetected(from_at=format_utc(self.now - timedelta(hours=3)), to_at=format_utc(self.now))
        step = BackfillStep(
            source=host, gap_id=None, since=gap.from_at, until=gap.to_at, url=f"https://{host}/map", kind="sitemap", priority=0,
            feed_url=f"https://{host}/rss", host=host,
        )  # fmt: skip
        self.write(lambda s: s.open_gap(gap, lambda _: [step], feed_url=step.feed_url, source=host, now=self.now))
        self.both(lambda s: s.lease_steps(now=self.now, limit=5, sources=None, backfill=False, per_host=1))

    @rule(host=st.sampled_from(HOSTS), blocks=st.sets(st.integers(-(2**62), 2**62), max_size=4))
    def learn(self, host: str, blocks: set[int]) -> None:
        """Two workers that read pages of one source give what one gives."""
        ordered = sorted(blocks)

        def note(store: Writer) -> None:
            learned = LearnedBlocks(store)
            learned.add_texts(host, {block: str(block) for block in ordered})
            learned.add_version(host, len(ordered), ordered, self.now)

        self.write(note)
        self.both(
            lambda s: (LearnedBlocks(s).texts(host), LearnedBlocks(s).ever(host), LearnedBlocks(s).version(host, 2))
        )

    @rule(old=st.sampled_from(HOSTS), new=st.sampled_from((*HOSTS, "new.example")))
    def rename(self, old: str, new: str) -> None:
        if old != new:
            self.both(lambda s: s.rename_source(old, new, self.now))

    @rule(minutes=st.integers(-5, 40))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=max(minutes, 1))
        if minutes < 0:
            self.both(lambda s: s.adjust_clock(60 * minutes, self.now, 60))
        self.both(lambda s: s.housekeep(now=self.now, in_flight=[], give_up_gaps=timedelta(days=1)))
        self.both(Writer.release_leases)

    @rule(query=TEXTS, quoted=st.booleans(), fold=st.booleans(), author=TEXTS, by=st.booleans())
    def search(self, query: str, quoted: bool, fold: bool, author: str, by: bool) -> None:
        """The same words are found; the order is the engine's own."""
        text = f'"{query}"' if quoted else query
        which = Filter(fold_copies=fold, authors=(author,) if by else (), languages=("en",))
        self.both(lambda s: {hit.article.id for hit in s.search(text, which)})
        self.both(lambda s: s.count(which, text))
        self.both(lambda s: [hit.article.id for hit in s.articles(Filter(query=text, sources=HOSTS[:2]))])

    @rule()
    def read(self) -> None:
        self.both(lambda s: list(s.changes(0)))
        self.both(lambda s: list(s.change_events(0, s.last_seq())))
        self.both(lambda s: (s.edits(), s.vanished(), s.gaps(), s.health(self.now), s.queue_stats(self.now)))
        self.both(lambda s: (s.failing_feeds(self.now), s.source_trends(self.now), s.request_stats(self.now)))
        self.both(lambda s: (s.totals(), s.days(), s.source_names(), s.source_tags(), s.articles_per_day(self.now, 9)))
        self.both(lambda s: (s.anything_due(self.now), s.field_completeness(self.now, 30), s.extractors()))
        self.both(lambda s: s.count_pending(now=self.now, sources=None, ignore_retry=True))

    @invariant()
    def the_rows_are_the_same(self) -> None:
        if not self.stores:
            return
        for table in _TABLES:
            names = ", ".join(_columns(self.stores[0].db, table))
            order = ", ".join(table.key)
            self.both(
                lambda s, t=table.name, n=names, o=order: s.db.conn.execute(
                    f"SELECT {n} FROM {t} ORDER BY {o}"
                ).fetchall()
            )


Engines.TestCase.settings = settings(
    max_examples=torture.times(6, 400), stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
if why_not() is None:
    TestEngines = Engines.TestCase
