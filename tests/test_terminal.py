"""What a person sees in a terminal of 80 columns."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests import terminal_captures
from tests.conftest import Desk, source
from tests.site import Answer, Site, story
from tests.terminal import in_terminal


def shown(desk: Desk, *arguments: str, **more: str) -> str:
    env = {**desk.environment(), "TZ": "UTC", "NO_COLOR": "1", **more}
    code, text = in_terminal([sys.executable, "-m", "crawler", *arguments], folder=desk.folder, env=env)
    assert code in {0, 1, 4}, text
    return text


@pytest.fixture
def crawled(desk: Desk, site: Site) -> Desk:
    site.news(30)
    desk.configure(source(site).replace('name = "post"', 'name = "The Harbour Post"'))
    assert desk.run("crawl").code == 0
    return desk


def test_a_crawl_with_nothing_new_says_one_line(crawled: Desk) -> None:
    text = [line for line in shown(crawled, "crawl").splitlines() if "━" not in line]
    assert [line.strip() for line in text] == ["nothing new at 1 source; stored in news.db"]


def test_a_crawl_names_what_is_new_and_what_failed(crawled: Desk, site: Site) -> None:
    site.news(31)
    other = Site("127.0.0.2")
    other.answers["/feed.xml"] = Answer(b"", status=503)
    crawled.configure(source(site).replace('name = "post"', 'name = "The Harbour Post"'), source(other, id="ledger"))
    done = crawled.run("crawl")
    other.close()
    assert done.out.splitlines()[0].split() == ["source", "entries", "new"]
    assert done.out.splitlines()[1].split() == ["The", "Harbour", "Post", "1", "1"]
    assert "! ledger: the server answered 503" in done.out
    assert "1 new, 0 revised at 2 sources, 1 of which failed; stored in news.db" in done.err


def test_names_and_relative_times_are_shown(desk: Desk, site: Site) -> None:
    week_ago = datetime.now(UTC) - timedelta(days=7)
    link = site.page("/a-week-ago", "A week ago", story(1), published=week_ago.isoformat())
    site.rss("/feed.xml", [{"title": "A week ago", "link": link, "date": format_datetime(week_ago)}])
    desk.configure(source(site).replace('name = "post"', 'name = "The Harbour Post"'))
    assert desk.run("crawl").code == 0
    assert "The Harbour Post · 7 d ago" in shown(desk, "list", "--no-pager")
    assert "post\t" in desk.run("list").out
    status = shown(desk, "status")
    assert "The Harbour Post" in status
    assert " ago " in status
    assert "rejected" not in status  # 0 everywhere


def test_a_long_list_goes_through_the_pager_as_with_git(crawled: Desk) -> None:
    paged = shown(crawled, "list", PAGER="sed s/^/paged:/")
    assert paged.count("paged:") > 30
    assert "paged:" not in shown(crawled, "list", "--no-pager", PAGER="sed s/^/paged:/")
    assert "paged:" not in shown(crawled, "list", "--limit", "3", PAGER="sed s/^/paged:/")
    assert "paged:" in shown(crawled, "search", "story", PAGER="sed s/^/paged:/")
    assert "paged:" not in crawled.run("list").out


def test_every_command_fits_80_columns_with_thirty_outlets(tmp_path: Path) -> None:
    text = terminal_captures.document(tmp_path)
    assert "Traceback" not in text
    inside = [line for line in text.splitlines()[3:] if not line.startswith(("$ ", "{", ' "', "  "))]
    wide = [line for line in inside if len(line) > 80]
    assert wide == []
    assert "…" not in "".join(line for line in text.splitlines() if line.endswith(" failed"))
