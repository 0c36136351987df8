"""A database whose URL keys are of the former version: nothing in it is new, edited or lost, before and after `db migrate`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from crawler.articles.key_versions import KEYS
from crawler.engine.crawl.ingest import store_visit
from crawler.feeds.parsed_feed import make_entry, unique_entries
from crawler.former_url_keys import former_url_key
from crawler.urls import canonical_url, same_page, url_key
from storage import upgrade
from storage.maintenance import check
from storage.records import Entry, FeedCheck, FeedEntry
from storage.sql.versions import outdated
from storage.store import open_store
from storage.writer import Writer, open_writer
from tests.articles.test_verdict import visit
from tests.conftest import NOW, Desk, source
from tests.site import Site, story

FEED = "https://a.org/rss"
KINDS = (
    "https://a.org/n{}/story?srsltid=x{}",
    "https://a.org/n{}/story?ref=7{}",
    "https://a.org/n{}/show.php?view=3{}&part=2",
    "https://a.org/n{}/tag%2Fstory-{}",
    "https://a.org/n{}/story-8{}-amp",
    "https://a.org/n{}/story~amp.html?m={}",
    "https://a.org/n{}/story?template=ampart&id={}",
    "https://straße.example/n{}/story-{}",
    "https://a.org/n{}/{}/index.amp",
    "https://cdn.ampproject.org/c/s/a.org/n{}/story-{}",
)


def urls(count: int) -> list[str]:
    found = [KINDS[n % len(KINDS)].format(n, n) for n in range(count)]
    assert all(url_key(url) != former_url_key(url) for url in found)
    return found


def listing(addresses: list[str], *, guids: bool) -> tuple[FeedEntry, ...]:
    return unique_entries(
        make_entry(url=url, base=FEED, title=f"Story {n} of {url}", guid=f"tag:{n}" if guids else None)
        for n, url in enumerate(addresses)
    )


def poll(store: Writer, listed: tuple[FeedEntry, ...], feed: str = FEED) -> tuple[int, int]:
    """(entries that the poll calls new or changed, entries that were known)."""
    found = FeedCheck(feed_url=feed, at=NOW, outcome="changed", kind="rss", listed=listed)
    with store.transaction():
        known = len(store.known_entries(feed, listed))
        counts = store.apply_check(found, "a.org")
    return counts.new + counts.changed, known


def see(store: Writer, entry: Entry, *, text: str | None = None, title: str = "") -> str:
    """The outcome of a request for an entry's page, by the way of a crawl."""
    seen = visit(
        canonical_url(entry.url), title or entry.title or "", entry.id, text=text, entry=entry, requested=entry.url
    )
    with store.transaction():
        found, _ = store_visit(store, seen)
    return found.outcome


def lease(store: Writer) -> list[Entry]:
    return store.lease_entries(
        now=NOW, until=NOW + timedelta(hours=1), limit=5000, per_host=5000, sources=None, ignore_retry=True
    )


def rechecks(store: Writer) -> list[Entry]:
    with store.transaction():
        store.db.conn.execute("UPDATE articles SET recheck_at = '2026-01-01T00:00:00Z', recheck_leased_until = NULL")
    return store.lease_rechecks(
        now=NOW, until=NOW + timedelta(hours=1), limit=5000, sources=None, busy={}, per_host=5000
    )


def make_former(store: Writer) -> None:
    """Give every row the key that the former version made of its address."""
    with store.transaction():
        db = store.db.conn
        db.execute("DELETE FROM meta WHERE key = 'url_keys'")
        for table in ("article_urls", "pruned_urls"):
            for key, url in db.execute(f"SELECT url_key, url FROM {table}").fetchall():
                db.execute(f"UPDATE OR IGNORE {table} SET url_key = ? WHERE url_key = ?", (former_url_key(url), key))
        for number, url, key, identity in db.execute("SELECT id, url, url_key, identity FROM entries").fetchall():
            former = former_url_key(url)
            named = former if identity == key else identity.replace(f" {key}", f" {former}")
            db.execute("UPDATE entries SET url_key = ?, identity = ? WHERE id = ?", (former, named, number))
    store.look_up_former_keys(KEYS)
    assert store.former_keys is not None


def migrate(store: Writer) -> None:
    plan = upgrade.planned(store, NOW)
    assert plan is not None
    upgrade.rewrite(store, plan, KEYS, NOW)
    store.look_up_former_keys(KEYS)
    assert store.former_keys is None
    assert outdated(store.db) == []
    assert check(store.path) == []


def counted(store: Writer) -> dict[str, int]:
    tables = ("articles", "entries", "revisions")
    return {table: store.db.conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Writer]:
    with open_writer(tmp_path / "news.db") as writer:
        yield writer


def stored(store: Writer, addresses: list[str], *, guids: bool = False, text: str | None = None) -> None:
    """Articles at these addresses, in a database with former keys."""
    poll(store, listing(addresses, guids=guids))
    for entry in lease(store):
        assert see(store, entry, text=text and f"{text} {entry.id}") == "new"
    make_former(store)


@pytest.mark.parametrize("guids", [True, False], ids=["guids", "no guids"])
@pytest.mark.parametrize("migrated", [True, False], ids=["migrated", "not migrated"])
def test_a_thousand_addresses_crawled_again(store: Writer, guids: bool, migrated: bool) -> None:
    addresses = urls(1000)
    # short texts: nothing but an address says that an article is stored
    stored(store, addresses, guids=guids, text="A short text of number")
    before = counted(store)
    assert before == {"articles": 1000, "entries": 1000, "revisions": 0}
    if migrated:
        migrate(store)
    listed = listing(addresses, guids=guids)
    assert poll(store, listed) == (0, 1000)
    assert lease(store) == []
    entries = rechecks(store)
    assert len(entries) == 1000
    texts = {entry.article_id: article.text for entry in entries if (article := store.article(entry.article_id or 0))}
    for entry in entries:
        assert see(store, entry, text=texts[entry.article_id], title=f"{entry.title}") == "same"
    assert counted(store) == before
    for url in addresses[:20]:
        with open_store(store.path) as reader:
            found = reader.article_of_url(url, KEYS)
            assert found is not None
            assert f" of {url}" in (found.title or "")
            assert reader.count_known([url], KEYS) == 1


@pytest.mark.parametrize("migrated", [True, False], ids=["migrated", "not migrated"])
def test_an_edit_is_still_an_edit(store: Writer, migrated: bool) -> None:
    stored(store, urls(10))
    if migrated:
        migrate(store)
    for entry in rechecks(store):
        article = store.article(entry.article_id or 0)
        assert article is not None
        assert see(store, entry, text=f"{article.text} And one sentence more.") == "revised"
    assert counted(store) == {"articles": 10, "entries": 10, "revisions": 20}


@pytest.mark.parametrize("migrated", [True, False], ids=["migrated", "not migrated"])
def test_what_was_pruned_stays_pruned(store: Writer, migrated: bool) -> None:
    addresses = urls(100)
    poll(store, listing(addresses, guids=False))
    for entry in lease(store):
        see(store, entry)
    assert store.prune_articles("2030-01-01T00:00:00Z", [], NOW) == 100
    make_former(store)
    if migrated:
        migrate(store)
    assert poll(store, listing(addresses, guids=False)) == (0, 100)
    assert poll(store, listing(addresses, guids=True), feed="https://a.org/another") == (100, 0)
    assert lease(store) == []
    assert counted(store)["articles"] == 0
    # a user may fetch one again; from then on it is stored, and not pruned
    with store.transaction():
        store.db.conn.execute("UPDATE entries SET state = 'pending' WHERE id = 3")
    [entry] = lease(store)
    assert see(store, entry) == "new"
    assert poll(store, listing(addresses, guids=False)) == (0, 100)
    assert store.article_of_url(entry.url, KEYS) is not None
    assert store.db.conn.execute("SELECT count(*) FROM pruned_urls").fetchone()[0] >= 99


@pytest.mark.parametrize("migrated", [True, False], ids=["migrated", "not migrated"])
def test_one_key_that_becomes_several_loses_nothing(store: Writer, migrated: bool) -> None:
    first, *others = [f"https://a.org/show.php?view={n}" for n in (881, 882, 883)]
    stored(store, [first])
    if migrated:
        migrate(store)
    assert poll(store, listing([first, *others], guids=False)) == (2, 1)
    pending = lease(store)
    assert [entry.url for entry in pending] == others
    assert [see(store, entry) for entry in pending] == ["new", "new"]
    for url in (first, *others):
        found = store.article_of_url(url, KEYS)
        assert found is not None
        assert found.url == url
    if not migrated:
        migrate(store)
    assert counted(store)["articles"] == 3
    assert poll(store, listing([first, *others], guids=False))[0] == 0


@pytest.mark.parametrize("migrated", [True, False], ids=["migrated", "not migrated"])
def test_the_address_of_record_without_the_parameter_stays_known(store: Writer, migrated: bool) -> None:
    listed, record = "https://a.org/2026/the-story-of-it?ref=4021", "https://a.org/2026/the-story-of-it"
    poll(store, listing([listed], guids=False))
    [entry] = lease(store)
    seen = visit(listed, entry.title or "", 5, text="Short.", entry=entry, canonical_url=record)
    with store.transaction():
        store_visit(store, seen)
        store.db.conn.execute("DELETE FROM article_urls WHERE url = ?", (record,))
        store.db.conn.execute("UPDATE articles SET url = ?", (record,))
    make_former(store)
    if migrated:
        migrate(store)
    for url in (listed, record):
        assert store.article_of_url(url, KEYS) is not None
    assert poll(store, listing([listed], guids=False))[0] == 0
    [again] = rechecks(store)
    assert see(store, again, text="Short.") == "same"
    assert see(store, again, text="Short, and longer.") == "revised"
    assert counted(store) == {"articles": 1, "entries": 1, "revisions": 2}


@pytest.mark.parametrize("migrated", [True, False], ids=["migrated", "not migrated"])
def test_an_edit_of_an_amp_page_that_links_to_its_page_is_an_edit(store: Writer, migrated: bool) -> None:
    amp, page = "https://a.org/2026/the-story-of-it~amp.html", "https://a.org/2026/the-story-of-it.html"
    poll(store, listing([amp], guids=False))
    [entry] = lease(store)
    title = entry.title or ""
    with store.transaction():
        store_visit(store, visit(amp, title, 5, text="Short.", entry=entry, canonical_url=page))
        store.db.conn.execute("UPDATE articles SET url = page_url")  # the two had two keys
    make_former(store)
    if migrated:
        migrate(store)
    for text, outcome in (("Short.", "same"), ("Short, and longer.", "revised"), ("Short, and longer.", "same")):
        [again] = rechecks(store)
        with store.transaction():
            found, _ = store_visit(store, visit(amp, title, 5, text=text, entry=again, canonical_url=page))
        assert found.outcome == outcome
    assert counted(store) == {"articles": 1, "entries": 1, "revisions": 2}


def test_pages_of_one_script_that_all_link_to_it_are_several(store: Writer) -> None:
    script = "https://a.org/2026/show-the-story.php"
    pages = [f"{script}?view={number}" for number in (881, 882)]
    poll(store, listing(pages, guids=False))
    for entry in lease(store):
        seen = visit(entry.url, entry.title or "", entry.id, entry=entry, canonical_url=script)
        with store.transaction():
            assert store_visit(store, seen)[0].outcome == "new"
    assert counted(store)["articles"] == 2


PAIR = ("https://a.org/2026/story-of-the-ferry", "https://a.org/2026/story-of-the-ferry?srsltid=x1")


def pair(store: Writer, *texts: str, titles: tuple[str, str] = ("The ferry", "The ferry"), days: int = 0) -> None:
    """Two articles whose addresses had two keys and have one now."""
    for n, (text, title) in enumerate(zip(texts, titles, strict=True)):
        url = f"https://b{n}.example/"
        entry = Entry(id=0, feed_url="", source="a.org", url=url, url_key="", title=title)
        seen = visit(url, title, n, text=text, entry=entry)
        assert seen.article is not None
        published = f"2026-11-{10 + n * days:02d}T08:00:00Z"
        seen = dataclasses.replace(seen, article=dataclasses.replace(seen.article, published_at=published, url=PAIR[n]))
        with store.transaction():
            store.db.conn.execute("UPDATE articles SET content_hash = 'hidden ' || content_hash")
            assert store_visit(store, seen)[0].outcome == "new"
            store.db.conn.execute("UPDATE articles SET content_hash = replace(content_hash, 'hidden ', '')")
            store.db.conn.execute("UPDATE articles SET page_url = url")
            store.db.conn.execute(
                "UPDATE article_urls SET url_key = ?, url = ? WHERE url = ?", (former_url_key(PAIR[n]), PAIR[n], url)
            )
    make_former(store)
    assert counted(store)["articles"] == 2


LONG = " ".join(story(3))


@pytest.mark.parametrize(
    ("texts", "titles", "days", "left"),
    [
        ((LONG, LONG), ("The ferry", "The ferry"), 0, 1),
        ((LONG, LONG), ("The ferry", "The ferry"), 7, 1),
        ((LONG, LONG), ("The ferry", "The ferry"), 8, 2),
        ((LONG, LONG), ("The ferry", "The other ferry"), 0, 2),
        ((LONG, f"{LONG} More."), ("The ferry", "The ferry"), 0, 2),
        (("Short text.", "Short text."), ("The ferry", "The ferry"), 0, 2),
    ],
)
def test_two_articles_that_get_one_key_merge_by_the_rule(
    store: Writer, texts: tuple[str, str], titles: tuple[str, str], days: int, left: int
) -> None:
    pair(store, *texts, titles=titles, days=days)
    migrate(store)
    assert counted(store)["articles"] == left
    gone = store.db.conn.execute("SELECT article_id, merged_into FROM changes WHERE op = 'merged'").fetchall()
    assert gone == ([(2, 1)] if left == 1 else [])
    owner = store.article_of_url(PAIR[1], KEYS)
    assert owner is not None
    assert owner.id == 1
    if left == 2:  # each is still requested and compared with itself
        for entry in rechecks(store):
            article = store.article(entry.article_id or 0)
            assert article is not None
            assert see(store, entry, text=article.text or "", title=article.title or "") == "same"
        assert counted(store) == {"articles": 2, "entries": 0, "revisions": 0}
        assert check(store.path) == []


def test_an_edited_article_is_not_merged_away(store: Writer) -> None:
    pair(store, LONG, LONG)
    with store.transaction():
        store.db.conn.execute("UPDATE articles SET revision = 2 WHERE id = 2")
        for number in (1, 2):
            store.db.conn.execute(
                "INSERT INTO revisions (article_id, number, seen_at) VALUES (2, ?, '2026-11-20T00:00:00Z')", (number,)
            )
    migrate(store)
    assert counted(store)["articles"] == 2


def test_a_database_with_present_keys_pays_nothing(store: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    store.look_up_former_keys(KEYS)
    addresses = urls(10)
    former_url_key.cache_clear()  # every address anew: a key in the cache would hide that one was made
    monkeypatch.setattr("crawler.former_url_keys.parse_qsl", None)
    poll(store, listing(addresses, guids=False))
    for entry in lease(store):
        assert see(store, entry) == "new"
    assert store.former_keys is None


@pytest.mark.parametrize(
    ("a", "b", "two"),
    [
        ("https://a.org/n?view=881", "https://a.org/n?view=882", True),
        ("https://a.org/n?view=881", "https://a.org/n", False),
        ("https://a.org/n?view=881&ref=10", "https://a.org/n?view=881", False),
        ("https://straße.example/", "https://strasse.example/", True),
        ("https://a.org/a%2Fb", "https://a.org/a/b", True),
    ],
)
def test_addresses_that_had_one_key_and_are_of_two_articles(a: str, b: str, two: bool) -> None:
    assert former_url_key(a) == former_url_key(b)
    assert same_page(a, b) is same_page(b, a) is not two


@pytest.mark.integration
def test_a_crawl_after_the_upgrade_finds_nothing_new(desk: Desk, site: Site) -> None:
    kinds = ("/{}/s?srsltid=x", "/{}/s?ref=7{}", "/{}/a%2Fb", "/{}/s-8{}-amp", "/{}/s~amp.html")
    paths = [kinds[n % 5].format(n, n) for n in range(30)]
    items = [{"title": f"Story number {n} of it", "link": path} for n, path in enumerate(paths)]

    def publish(words: str) -> None:
        for n, path in enumerate(paths):
            site.page(
                path.partition("?srs")[0],
                f"Story number {n} of it",
                [*story(n, 1), f"{words} {n}."][:1],
                head=f"<!-- {words} -->",
            )
        site.rss("/feed.xml", [*items, {"title": words, "link": f"/{words}"}])

    publish("first")
    desk.configure(source(site))
    assert desk.run("crawl").code in {0, 4}
    with open_writer(desk.database) as store:
        make_former(store)
    publish("second")
    for migrated in (False, True):
        if migrated:
            done = desk.run("db", "migrate")
            assert "the URL keys" in done.err
            assert done.code == 0
        with open_writer(desk.database) as store, store.transaction():
            store.db.conn.execute("UPDATE articles SET recheck_at = '2026-01-01T00:00:00Z'")
        asked = len(site.requests)
        desk.run("crawl")
        assert len(site.requests) >= asked + 30
        assert desk.rows("SELECT count(*) AS n FROM articles") == [{"n": 30}]
        assert desk.rows("SELECT count(*) AS n FROM revisions") == [{"n": 0}]
        assert desk.run("show", site.base + paths[1], "--json").code == 0
    assert desk.run("db", "check").code == 0
