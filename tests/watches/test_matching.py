"""What a watch tells of, and when: values in, values out, on a real file."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crawler.config.models import Source, Watch
from crawler.watches.matching import MatchResult, match_changes, send_at, unique_hits
from crawler.watches.messages import LINES, MOST, of_health, of_watch
from storage.article import Article
from storage.outbox import Outbox
from storage.records import FeedCheck, FeedEntry
from storage.sql.notifications import PATIENCE, WatchHit
from storage.sqlite.percolate import Text, matching
from storage.utc import format_utc
from storage.verdicts import Verdict
from storage.writer import Writer, open_writer
from tests.conftest import NOW
from tests.outputs.test_exports import article, verdict
from tests.verdicts import made

FEED = "https://a.example/rss"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Writer]:
    writer = open_writer(tmp_path / "news.db")
    writer.sync_sources(
        [Source(id="a", name="A", url="https://a.example/", feeds=(FEED,), tags=("harbour",))], {FEED: "a.example"}
    )
    yield writer
    writer.close()


def put(store: Writer, found: Verdict) -> int:
    with store.transaction():
        made = store.apply_verdict(found)
    return made or 0


def listed(store: Writer, n: int, at: Any) -> int:
    entry = FeedEntry(
        identity=f"g{n}",
        url=f"https://a.example/{n}",
        url_key=f"a.example/{n}",
        host="a.example",
        title=f"T{n}",
        fingerprint="f",
    )
    with store.transaction():
        store.apply_check(
            FeedCheck(feed_url=FEED, at=at, outcome="changed", kind="rss", listed=(entry,), due_at=at), "a"
        )
    return int(store.db.conn.execute("SELECT id FROM entries WHERE identity = ?", (f"g{n}",)).fetchone()[0])


def judged(store: Writer, **watch: Any) -> MatchResult:
    tags = {"a": ("harbour",)}
    return match_changes([Watch(**{"name": "w", "query": "", **watch})], store.change_events(0, store.last_seq()), tags)


def events(found: MatchResult) -> list[tuple[str, int]]:
    return [(hit.event, hit.article_id) for hit in found.found]


def recent(n: int, title: str, text: str, **more: Any) -> Article:
    return article(n, title, text, published_at=format_utc(NOW - timedelta(hours=1)), **more)


def test_a_query_finds_what_search_finds(store: Writer) -> None:
    texts = [
        Text("Grüße aus Łódź", "the harbour is closed", "Ada"),
        Text("北京大桥通车", "长江上的大桥", ""),
        Text("Other", "nothing", "B. Grey"),
    ]
    assert matching(["harbour", "gruße", "大桥", '"harbour is"', "grey", "", "harbour nothing", '"', "((("], texts) == [
        {0},
        {0},
        {1},
        {0},
        {2},
        {0, 1, 2},
        set(),
        set(),
        set(),
    ]


def test_new_articles_are_told_and_a_first_crawl_a_backfill_and_old_ones_are_quiet(store: Writer) -> None:
    first = listed(store, 1, NOW - timedelta(hours=3))
    put(store, verdict(1, recent(1, "First crawl", "harbour"), entry_ids=(first,)))
    later = listed(store, 2, NOW)
    put(store, verdict(2, recent(2, "News", "harbour"), entry_ids=(later,)))
    old = listed(store, 3, NOW)
    put(store, verdict(3, article(5, "Old", "harbour", published_at="2026-11-01T00:00:00Z"), entry_ids=(old,)))
    back = listed(store, 4, NOW)
    store.db.conn.execute("UPDATE entries SET backfill = 1, found_by = 'backfill' WHERE id = ?", (back,))
    store.db.conn.commit()
    put(store, verdict(4, recent(4, "Backfilled", "harbour"), entry_ids=(back,)))
    found = judged(store, query="harbour")
    assert events(found) == [("new", 2)]
    assert found.quiet == {"of a first crawl": 1, "older than max_age": 1, "of a backfill": 1}
    assert events(judged(store, query="bridge")) == []
    assert events(judged(store, query="harbour", sources=("b",))) == []
    assert events(judged(store, query="harbour", tags=("harbour",))) == [("new", 2)]


def test_a_day_alone_is_as_old_as_its_end(store: Writer) -> None:
    put(store, verdict(1, article(1, "T", "x", published_at=format_utc(NOW - timedelta(days=2))[:10])))
    assert events(judged(store)) == [("new", 1)]


def test_once_a_story(store: Writer) -> None:
    put(store, verdict(1, recent(1, "Wire", "harbour")))
    put(
        store,
        verdict(
            2, recent(2, "Wire copy", "harbour", source="b", url="https://b.example/2", story_id=1, duplicate_of=1)
        ),
    )
    found = judged(store)
    assert [hit.article_id for hit in unique_hits(found.found)] == [1]
    outbox = Outbox(store)
    outbox.watching(on=True)
    outbox.note(found.found, store.last_seq())
    outbox.note(found.found, store.last_seq())
    made: list[int] = []
    for _ in range(2):
        outbox.compose(lambda watch, hits, last: made.append(len(hits)) or (["t"], {"x": 1}), NOW)  # type: ignore[func-returns-value]
    assert made == [1]


def test_edits_are_told_by_either_version_and_by_their_words(store: Writer) -> None:
    one = put(store, verdict(1, recent(1, "Minister names Idlib", "the minister said harbour")))
    put(
        store,
        verdict(
            2,
            article(1, "Minister names nobody", "the minister said bridge"),
            outcome="revised",
            article_id=one,
            silent=True,
            words_added=4,
            words_removed=3,
            addresses=(),
        ),
    )
    put(
        store,
        verdict(
            3,
            article(1, "Minister names nobody", "the minister said the bridge"),
            outcome="revised",
            article_id=one,
            words_added=1,
            addresses=(),
        ),
    )
    assert events(judged(store, query="Idlib", on=("edited",))) == [("silent", 1)]
    assert events(judged(store, query="bridge", on=("silent",))) == [("silent", 1)]
    assert events(judged(store, on=("edited",), min_words=0)) == [("silent", 1), ("edited", 1)]
    assert events(judged(store, on=("edited", "silent"))) == [("silent", 1)]
    assert events(judged(store, on=("vanished",))) == []


def test_a_reprocess_is_quiet_and_a_fuller_view_of_a_headline_is_news(store: Writer) -> None:
    one = put(store, verdict(1, recent(1, "Only a headline", "", completeness="headline"), outcome="headline"))
    assert events(judged(store, query="harbour")) == []
    put(
        store,
        verdict(
            2,
            recent(1, "Only a headline", "the harbour in full"),
            outcome="new",
            article_id=one,
            addresses=(),
        ),
    )
    assert events(judged(store, query="harbour")) == [("new", 1)] * 2
    assert len(unique_hits(judged(store, query="harbour").found)) == 1
    put(
        store,
        verdict(
            3,
            recent(1, "Read otherwise", "the harbour read otherwise"),
            outcome="revised",
            cause="reprocess",
            article_id=one,
            words_added=9,
            addresses=(),
        ),
    )
    assert events(judged(store, query="harbour", on=("edited",))) == []


def test_what_vanished_is_told(store: Writer) -> None:
    one = put(store, verdict(1, recent(1, "T", "harbour")))
    put(store, made("gone", at=NOW + timedelta(hours=1), article_id=one, reason="HTTP 410", vanished=True))
    assert events(judged(store, query="harbour", on=("vanished",))) == [("vanished", 1)]


def test_who_watches_first_is_told_nothing_of_what_was_before(store: Writer) -> None:
    put(store, verdict(1, recent(1, "Before", "x")))
    outbox = Outbox(store)
    assert outbox.unseen() is None
    outbox.watching(on=True)
    assert outbox.unseen() is None
    put(store, verdict(2, recent(2, "After", "y")))
    outbox.watching(on=True)
    assert outbox.unseen() == (1, 2)
    outbox.watching(on=False)
    outbox.watching(on=True)
    assert outbox.unseen() is None


def test_when_a_digest_is_due() -> None:
    def found(*seconds: int) -> list[WatchHit]:
        return [
            WatchHit(
                watch="w",
                dedup_key=str(s),
                event="new",
                article_id=1,
                revision=1,
                seq=s,
                at=format_utc(NOW + timedelta(seconds=s)),
            )
            for s in seconds
        ]

    def due(watch: Watch, hits: list[WatchHit], last: str | None = None) -> float:
        return (send_at(watch, hits, last, 3600) - NOW).total_seconds()

    instant, hourly, daily = (Watch(name="w", digest=digest) for digest in ("instant", "hourly", "daily"))
    assert due(instant, found(0)) == 10
    assert due(instant, found(0, 8)) == 18
    assert due(instant, found(0, 20, 40, 59)) == 60
    assert due(instant, found(0), format_utc(NOW - timedelta(seconds=100))) == 200
    assert due(hourly, found(100)) == 3600
    at = send_at(daily, found(0), None, 3600).astimezone()
    assert (at.hour, at.minute) == (7, 0)
    assert 0 < (at - NOW).total_seconds() <= 86400


def test_a_storm_names_some_and_counts_the_others() -> None:
    hits = [
        (
            WatchHit(watch="w", dedup_key=str(n), event="new", article_id=n, revision=1, seq=n, at=format_utc(NOW)),
            article(n, f"Title {n}", "x"),
            None,
        )
        for n in range(600)
    ]
    body = of_watch("w", hits, NOW)
    assert (body["count"], body["more"], len(body["hits"])) == (600, 600 - MOST, MOST)
    assert len(body["text"].splitlines()) == LINES + 2
    assert body["text"].endswith("… and 580 more")
    assert (
        of_health(["a: gap"], ["b: silent"], NOW)["text"]
        == "newsdesk: 1 new problem\n- a: gap\n- no longer so: b: silent"
    )


def test_a_message_that_its_receiver_refuses_holds_up_the_others_for_a_while_only(store: Writer) -> None:
    outbox = Outbox(store)
    for n in range(3):
        outbox.put("w", ["a", "b"] if n == 0 else ["a"], {"n": n}, ("told", "x"), NOW)
    later = NOW + timedelta(hours=1)
    for _ in range(PATIENCE):
        due = [m for m in outbox.due(later) if m.receiver_hash == "a"]
        assert [json.loads(m.body)["n"] for m in due] == [0]
        outbox.attempt(due[0], NOW)
        outbox.settle(due[0], NOW, "400", NOW)
    due = outbox.due(later)
    assert [(m.receiver_hash, json.loads(m.body)["n"]) for m in due] == [("a", 0), ("b", 0), ("a", 1)]
    store.adjust_clock(-7200, NOW - timedelta(hours=2), 0)
    assert len(outbox.due(NOW - timedelta(hours=1, minutes=59))) == 3


@pytest.mark.parametrize(("zone", "day"), [("Europe/Berlin", 28), ("Asia/Kolkata", 1)])
def test_a_digest_is_told_by_the_clock_on_the_wall(zone: str, day: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on the day on which the clocks change (29 March 2026)."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        at = datetime(2026, 3, day, 20, 20, tzinfo=UTC)
        hit = WatchHit(watch="w", dedup_key="x", event="new", article_id=1, revision=1, seq=1, at=format_utc(at))
        daily = send_at(Watch(name="w", digest="daily"), [hit], None, 3600).astimezone()
        hourly = send_at(Watch(name="w", digest="hourly"), [hit], None, 3600).astimezone()
        assert (daily.hour, daily.minute) == (7, 0)
        assert hourly.minute == 0
        assert 0 < (hourly - at).total_seconds() <= 3600
    finally:
        monkeypatch.undo()
        time.tzset()
