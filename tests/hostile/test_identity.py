"""Row 30: what a feed does to the identities of its entries, polled again and again: nothing merged wrongly, nothing twice, nothing deleted."""

from __future__ import annotations

from tests import torture
from tests.conftest import Desk, source
from tests.site import Answer, Site, story


def crawled(desk: Desk, site: Site, times: int = torture.times(2, 3)) -> list[str]:
    for _ in range(times):
        assert desk.run("crawl").code in {0, 5}
    asked = [path for path in site.paths(status=200) if path.startswith("/2026")]
    assert len(asked) == len(set(asked)), "an article was asked for twice"
    return sorted(str(row["title"]) for row in desk.rows("SELECT title FROM articles"))


def pages(site: Site, *names: str) -> None:
    for n, name in enumerate(names):
        site.page(f"/2026/11/20/{name}", f"About {name}", story(n + 10 * len(names)))


def test_row_30_one_guid_on_two_articles_is_two(desk: Desk, site: Site) -> None:
    pages(site, "one", "two")
    site.rss("/feed.xml", [{"title": f"About {n}", "link": f"/2026/11/20/{n}", "guid": "1"} for n in ("one", "two")])
    desk.configure(source(site))
    assert crawled(desk, site) == ["About one", "About two"]


def test_row_30_a_guid_that_is_used_again_is_another_article(desk: Desk, site: Site) -> None:
    pages(site, "old", "new")
    desk.configure(source(site))
    for name in ("old", "new"):
        site.rss("/feed.xml", [{"title": f"About {name}", "link": f"/2026/11/20/{name}", "guid": "7"}])
        found = crawled(desk, site)
    assert found == ["About new", "About old"]


def test_row_30_without_guids_the_address_tells(desk: Desk, site: Site) -> None:
    pages(site, "one", "two", "three")
    desk.configure(source(site))
    for order in (("one", "two"), ("two", "three", "one"), ("three",)):
        site.rss("/feed.xml", [{"title": f"About {n}", "link": f"/2026/11/20/{n}"} for n in order])
        found = crawled(desk, site)
    assert found == ["About one", "About three", "About two"]


def test_row_30_tracking_parameters_make_no_second_article(desk: Desk, site: Site) -> None:
    pages(site, "one")
    desk.configure(source(site))
    for tail in ("", "?utm_source=rss", "?utm_source=mail&utm_medium=x", "?fbclid=abc", "#top", "?gclid=1#x"):
        site.rss("/feed.xml", [{"title": "About one", "link": f"/2026/11/20/one{tail}"}])
        found = crawled(desk, site, 1)
    assert found == ["About one"]


def test_row_30_a_feed_that_shrinks_or_fails_deletes_nothing(desk: Desk, site: Site) -> None:
    site.news(20)
    desk.configure(source(site))
    assert len(crawled(desk, site)) == 20
    for answer in (
        Answer(b"<rss><channel><title>x</title></channel></rss>"),
        Answer(b""),
        Answer(b"gone", 404),
        Answer(b"<html>moved</html>"),
    ):
        site.answers["/feed.xml"] = answer
        assert len(crawled(desk, site, 1)) == 20
    assert len(desk.rows("SELECT 1 FROM entries")) == 20
    site.news(21)
    assert len(crawled(desk, site)) == 21


def test_row_30_a_feed_at_another_address_brings_nothing_twice(desk: Desk, site: Site) -> None:
    site.news(6)
    desk.configure(source(site))
    assert len(crawled(desk, site)) == 6
    site.answers["/elsewhere.xml"] = site.answers["/feed.xml"]
    desk.configure(source(site, feeds=("/elsewhere.xml",)))
    assert len(crawled(desk, site)) == 6


def test_row_30_two_feeds_and_a_sitemap_list_one_article_once(desk: Desk, site: Site) -> None:
    site.news(5)
    site.answers["/b.xml"] = site.answers["/feed.xml"]
    urls = "".join(
        f"<url><loc>{site.base}/2026/11/20/story-number-{n}</loc><lastmod>2026-11-20T00:00:00Z</lastmod></url>"
        for n in range(5)
    )
    site.answers["/map.xml"] = Answer(f"<urlset>{urls}</urlset>".encode(), kind="text/xml")
    desk.configure(
        source(site, feeds=("/feed.xml", "/b.xml"), more=f'sitemaps = ["{site.base}/map.xml"]'),
        extra='[schedule]\nmax_age = "3650d"',
    )
    assert len(crawled(desk, site)) == 5
