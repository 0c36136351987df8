"""When it was published: the declared moment with its zone, the address's day, the line under the headline; never a false midnight."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from crawler.extraction.extractor import extract

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BODY = "".join(
    f"<p>The harbour board voted on Tuesday to dredge the western basin before the winter storms, part {n}.</p>"
    for n in range(5)
)


def published(
    *, head: str = "", line: str = "", url: str = "https://a.example/news/board-votes-to-dredge", before: str = ""
) -> tuple[str | None, str | None]:
    page = f"<html><head>{head}</head><body>{before}<h1>Board votes to dredge</h1>{line}<div>{BODY}</div></body></html>"
    found = extract(page.encode(), url, now=NOW)
    assert found is not None
    return found.published_at, (found.provenance.get("published_at") or {}).get("source")


def og(value: str) -> str:
    return f'<meta property="article:published_time" content="{value}">'


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        (og("2026-11-20T23:30:00-07:00"), "2026-11-20T23:30:00-07:00"),  # the day is the outlet's own
        (og("2026-11-20T22:30:00Z"), "2026-11-20T22:30:00Z"),
        (og("2026-11-20T00:00:00+00:00"), "2026-11-20"),  # filled in by a content system
        (og("2026-11-20T22:30:00"), "2026-11-20"),  # no zone: its hour is a guess
        (og("2026-11-20") + '<meta name="parsely-pub-date" content="2026-11-20T08:15:00Z">', "2026-11-20T08:15:00Z"),
        (og("2027-01-01T00:10:00Z"), None),
        (og("1970-01-01T00:00:01Z"), None),
    ],
)
def test_what_is_declared(head: str, kept: str | None) -> None:
    assert published(head=head)[0] == kept


@pytest.mark.parametrize(
    "line",
    [
        "<p>20. November 2026</p>",
        "<div>Published 20 November 2026, 14:05</div>",
        "<span>November 20, 2026</span>",
        "<td>20 | 11 | 2026</td>",
        "<p>2026年11月20日</p>",
        "<p>20 novembre 2026</p>",
        "<time>20.11.2026</time>",
    ],
)
def test_the_line_under_the_headline(line: str) -> None:
    assert published(line=line) == ("2026-11-20", "line under the headline")


def test_an_update_comes_after_a_publication() -> None:
    assert published(line="<p>Updated 22 November 2026</p><p>20 November 2026</p>")[0] == "2026-11-20"


def test_the_day_in_the_address_stands_where_the_page_moves_on() -> None:
    url = "https://a.example/2026/11/03/board-votes-to-dredge"
    assert published(head=og("2026-11-20T10:00:00Z"), url=url) == ("2026-11-03", "address")
    assert published(head=og("2026-11-04T10:00:00Z"), url=url)[0] == "2026-11-04T10:00:00Z"
    assert published(line="<p>1 November 2026</p>", url=url)[0] == "2026-11-03"


def test_another_articles_time_is_not_this_ones() -> None:
    page = f"<html><body><article><h1>Board votes to dredge</h1><time datetime='2026-11-20T08:00:00Z'>today</time><div>{BODY}</div></article><div><time datetime='2019-01-01T08:00:00Z'>old</time></div></body></html>"
    found = extract(page.encode(), "https://a.example/news/board-votes-to-dredge", now=NOW)
    assert found is not None
    assert found.published_at == "2026-11-20T08:00:00Z"


def test_nothing_is_invented() -> None:
    assert published(line="<p>© 2026 Harbour Post</p>")[0] is None


TODAY = [
    '<span class="mod_datetime"><time datetime="2026-11-22T11:00:00+01:00">Sunday, 22 November 2026</time></span>',
    '<div class="date">Sunday, 22 November 2026</div>',
    '<time class="entry-date">22.11.2026</time>',
]


@pytest.mark.parametrize("today", TODAY)
@pytest.mark.parametrize(("line", "day"), [("<p>20 November 2026</p>", "2026-11-20"), ("", None)])
def test_todays_date_in_the_sites_header_is_no_articles(today: str, line: str, day: str | None) -> None:
    header = (
        f'<header class="site"><div>{today}</div><nav><a href="/">Home</a> <a href="/sport">Sport</a></nav></header>'
    )
    assert published(before=header, line=line)[0] == day


@pytest.mark.parametrize(
    "around",
    [
        "<header class='post-header'><nav class='breadcrumbs'><a href='/'>Home</a></nav><h2>Dredging</h2>{}</header>",
        "<header class='navy'><h2>Dredging</h2>{}</header>",
        "<footer class='entry-meta'>Posted on {}</footer>",
    ],
)
def test_the_date_of_a_post_in_its_header_or_footer_is_the_posts(around: str) -> None:
    time = "<time datetime='2026-11-20T11:00:00+01:00'>November 20, 2026</time>"
    assert (published(line=f"<div class=post>{around.format(time)}</div>")[0] or "")[:10] == "2026-11-20"


def test_the_date_in_an_articles_header_is_the_articles() -> None:
    byline = '<article><header><time datetime="2026-11-20T11:00:00+01:00">20 November</time><nav><a href="/">Share</a></nav></header>'
    assert published(before=byline)[0] == "2026-11-20T11:00:00+01:00"
