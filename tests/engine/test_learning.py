"""What repeats on a source's pages is left out of its texts, and learning it is no edit."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator

import pytest

from tests.conftest import Desk, source
from tests.site import Answer, Site, article_html, story
from tests.watches.receiver import Receiver

APPEAL = "The Post has no owner behind it and no wall before it: readers pay for every line, so join them today"
MORE = "Most read this week"
SIGN = "Sign up for the evening letter of the harbour desk, with the tides of the next morning"
DISCLOSURE = "The publisher of this paper owns a tenth of the ferry company that it writes about in these columns."
OPENING = "Every week this column looks at one question that readers have sent in and tries to answer it plainly."
BOX = f"<section class='box'><h3>{MORE}</h3><p>{SIGN}.</p></section>"
END = f"<div class='join-us'><p>{APPEAL}.</p></div>"
ALL = (APPEAL, SIGN, MORE)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


class Outlet:
    """A site whose articles have a standing opening, a box among the text, a disclosure and an appeal below it."""

    def __init__(self, site: Site, count: int) -> None:
        self.site = site
        self.paragraphs = {n: story(n, 6) for n in range(count)}
        self.box, self.end = BOX, END

    def path(self, n: int) -> str:
        return f"/2026/11/20/council-number-{n}-plans-a-harbour"

    def title(self, n: int) -> str:
        return f"Council number {n} plans a harbour for the winter"

    def body(self, n: int) -> str:
        own = [f"<p>{line}</p>" for line in self.paragraphs[n]]
        opening, disclosure = f"<p>{OPENING}</p>", f"<p>{DISCLOSURE}</p>"
        return "".join([opening, *own[:3], self.box, *own[3:], disclosure, self.end])

    def publish(self, *numbers: int) -> None:
        listed = numbers or tuple(self.paragraphs)
        for n in listed:
            page = article_html(self.site.base, self.path(n), self.title(n), ["HERE"])
            page = page.replace("<p>HERE</p>", self.body(n))
            self.site.answers[self.path(n)] = Answer(page.encode(), etag=False)
        items = [{"title": self.title(n), "link": self.path(n)} for n in listed]
        self.site.rss("/feed.xml", items)


def recheck(desk: Desk) -> None:
    """Recheck every stored article, as when each is due."""
    with sqlite3.connect(desk.database) as db:
        db.execute("UPDATE articles SET recheck_at = '2026-01-01T00:00:00Z', recheck_leased_until = NULL")
    db.close()
    assert desk.run("crawl", "--due").code == 0


def texts(desk: Desk) -> dict[str, str]:
    return {
        row["url"].partition("/2026")[2]: row["text"] for row in desk.rows("SELECT url, text FROM articles ORDER BY id")
    }


def edits(desk: Desk) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(desk.run("edits", "--json").out)
    return found


@pytest.mark.integration
@pytest.mark.parametrize("keep_raw", ["true", "false"])
def test_learning_is_no_edit_and_an_edit_is_one(desk: Desk, site: Site, receiver: Receiver, keep_raw: str) -> None:
    watch = f'[[watch]]\nname = "all"\nquery = "council"\non = ["edited", "silent", "vanished"]\nmin_words = 1\nnotify = ["{receiver.url}"]'
    desk.configure(source(site, more='recheck = ["1m"]'), watch, extra=f"keep_raw = {keep_raw}")
    outlet = Outlet(site, 40)
    outlet.publish(*range(20))
    assert desk.run("crawl").code == 0
    outlet.publish()
    assert desk.run("crawl").code == 0
    found = texts(desk)
    assert len(found) == 40
    late = [text for _, text in list(found.items())[-10:]]
    assert not [said for said in ALL for text in late if said in text]
    assert all(OPENING in text and DISCLOSURE in text for text in found.values())
    assert [text for text in found.values() if APPEAL in text]  # those of the first pages

    recheck(desk)
    assert not [said for said in ALL for text in texts(desk).values() if said in text]
    assert edits(desk) == []
    causes = desk.rows("SELECT DISTINCT cause FROM revisions WHERE number > 1")
    assert causes == [{"cause": "reprocess"}]
    recheck(desk)
    assert edits(desk) == []

    outlet.paragraphs[30][1] = outlet.paragraphs[30][1].replace("according", "writes", 1)
    outlet.publish()
    recheck(desk)
    (edit,) = edits(desk)
    assert (edit["words_added"], edit["words_removed"]) == (1, 1)
    assert [(hit["words_added"], hit["words_removed"]) for hit in receiver.hits] == [(1, 1)]


@pytest.mark.integration
def test_learning_and_an_edit_in_the_same_recheck(desk: Desk, site: Site) -> None:
    desk.configure(source(site, more='recheck = ["1m"]'))
    outlet = Outlet(site, 20)
    outlet.publish(0)
    assert desk.run("crawl").code == 0
    assert APPEAL in next(iter(texts(desk).values()))
    outlet.publish()
    assert desk.run("crawl").code == 0
    outlet.paragraphs[0][4] = outlet.paragraphs[0][4].replace("according", "writes", 1)
    outlet.publish()
    recheck(desk)
    (edit,) = edits(desk)
    assert (edit["words_added"], edit["words_removed"]) == (1, 1)
    first = next(iter(texts(desk).values()))
    assert APPEAL not in first
    assert "writes" in first
    assert desk.rows("SELECT 1 FROM articles WHERE warc_file IS NULL") == []
    rows = desk.rows("SELECT number, cause, words_added, words_removed FROM revisions WHERE article_id = 1 ORDER BY 1")
    assert [(row["number"], row["cause"]) for row in rows] == [(1, "publisher"), (2, "publisher"), (3, "reprocess")]
    assert rows[2]["words_added"] == 0
    assert rows[2]["words_removed"] > 30


@pytest.mark.integration
def test_learned_lost_and_learned_again(desk: Desk, site: Site) -> None:
    desk.configure(source(site, more='recheck = ["1m"]'))
    outlet = Outlet(site, 100)
    for count, end in ((20, END), (60, ""), (100, END)):
        outlet.end = end
        outlet.publish(*range(count - 40 if count > 20 else 0, count))
        assert desk.run("crawl").code == 0
        outlet.end = END
        outlet.publish(*range(20))  # the first ones have it all the time
        recheck(desk)
        assert edits(desk) == []
    assert not [text for text in texts(desk).values() if MORE in text]


@pytest.mark.integration
def test_rules_that_are_not_kept_any_more(desk: Desk, site: Site) -> None:
    desk.configure(source(site, more='recheck = ["1m"]'))
    outlet = Outlet(site, 20)
    outlet.publish()
    assert desk.run("crawl").code == 0
    with sqlite3.connect(desk.database) as db:
        db.execute("UPDATE articles SET learned_version = 7 WHERE id IN (1, 2, 19, 20)")
    db.close()
    outlet.paragraphs[1][2] = outlet.paragraphs[1][2].replace("according", "writes", 1)
    outlet.publish()
    recheck(desk)
    (edit,) = edits(desk)
    assert (edit["words_added"], edit["words_removed"]) == (1, 1)
    assert not [said for said in ALL for text in texts(desk).values() if said in text]
    assert desk.rows("SELECT 1 FROM articles WHERE learned_version = 7") == []


@pytest.mark.integration
def test_what_was_learned_is_shown_and_one_is_kept(desk: Desk, site: Site) -> None:
    desk.configure(source(site, more='recheck = ["1m"]'))
    outlet = Outlet(site, 12)
    outlet.publish()
    assert desk.run("crawl").code == 0
    shown = json.loads(desk.run("sources", "learned", "post", "--json").out)
    counted = {row["text"]: (row["pages"], row["of"], row["stories"], row["state"]) for row in shown}
    assert counted[f"{APPEAL}."] == (12, 12, 12, "left out")
    assert f"{OPENING}" in counted  # repeats, and stays where it stands
    provenance = json.loads(desk.rows("SELECT provenance FROM articles ORDER BY id DESC LIMIT 1")[0]["provenance"])
    assert provenance["left_out"] == {"source": "repeated", "raw": "3"}

    (desk.folder / "newsdesk.toml").write_text(
        (desk.folder / "newsdesk.toml").read_text(encoding="utf-8") + f'\n[source.article]\nkeep = ["{APPEAL[:20]}"]\n',
        encoding="utf-8",
    )
    text = desk.run("sources", "learned", "post").out
    assert text.startswith("[source.article]")
    assert f"kept      {APPEAL}" in text
    recheck(desk)
    assert all(APPEAL in one and SIGN not in one for one in texts(desk).values())
    assert edits(desk) == []
    assert desk.run("sources", "learned", "other").code == 3


@pytest.mark.integration
def test_reprocess_learns_first(desk: Desk, site: Site) -> None:
    desk.configure(source(site))
    outlet = Outlet(site, 20)
    outlet.publish()
    assert desk.run("crawl").code == 0
    assert [text for text in texts(desk).values() if APPEAL in text]
    dry = desk.run("reprocess", "--dry-run")
    assert "articles would change" in dry.err
    assert [text for text in texts(desk).values() if APPEAL in text]
    assert desk.run("reprocess").code == 0
    once = texts(desk)
    assert not [said for said in ALL for text in once.values() if said in text]
    assert all(OPENING in text and DISCLOSURE in text for text in once.values())
    assert "0 articles changed" in desk.run("reprocess").err
    recheck(desk)
    assert texts(desk) == once
    assert edits(desk) == []


@pytest.mark.integration
def test_without_learning_nothing_is_left_out(desk: Desk, site: Site) -> None:
    desk.configure(source(site), extra="learn = false")
    outlet = Outlet(site, 12)
    outlet.publish()
    assert desk.run("crawl").code == 0
    assert all(APPEAL in text for text in texts(desk).values())
    assert desk.rows("SELECT 1 FROM learned_pages") == []
