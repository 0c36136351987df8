"""The etiquette of polling (PEERS F, as DESIGN reads it): a test named after each rule, against servers that record every request.

One background crawler watches a host for each rule, for some seconds; an hour of its schedule is six seconds (`min` under a minute).
"""

from __future__ import annotations

import email.utils
import signal
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

from tests.conftest import Desk, source
from tests.running import until
from tests.site import Answer, Request, Site, rss, story

HOUR = 6.0
WATCHED = 17.0  # seconds
SCHEDULE = '[schedule]\ndefault = "2s"\nmin = "1s"\nmax = "4s"\n[storage]\nbackup = "off"\n'
RSS = "application/rss+xml"


def a_feed(site: Site, *, mark: str = "", head: str = "", entries: int = 1) -> bytes:
    body = rss(site.base, [{"title": f"Entry {mark}{n}", "link": f"/{mark}{n}"} for n in range(entries)])
    return body.replace("<channel>", f"<channel>{head}").encode()


@dataclass
class World:
    """Hosts, one a rule, and the one crawler that watches them all."""

    desk: Desk
    sites: dict[str, Site] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)

    def site(self, name: str, *feeds: str, more: str = "", robots: str | Answer = "User-agent: *\nAllow: /\n") -> Site:
        site = self.sites[name] = Site(f"127.0.1.{len(self.sites) + 1}")
        answer = robots if isinstance(robots, Answer) else Answer(robots.encode(), kind="text/plain")
        site.answers = {"/robots.txt": answer}
        self.sources.append(source(site, feeds=feeds or ("/feed.xml",), id=name, more=more))
        return site

    def asked(self, name: str, path: str = "/feed.xml") -> list[Request]:
        return [r for r in self.sites[name].requests if r.path == path]

    def gaps(self, name: str, path: str = "/feed.xml") -> list[float]:
        times = [r.at for r in self.asked(name, path)]
        return [b - a for a, b in pairwise(times)]

    def feed(self, name: str) -> dict[str, object]:
        return self.desk.rows("SELECT * FROM feeds WHERE source = ? ORDER BY url", name)[0]


def build(world: World) -> None:
    """What each host does."""

    def plain(name: str, **headers: str) -> Site:
        site = world.site(name)
        site.answers["/feed.xml"] = Answer(a_feed(site), kind=RSS, headers=headers)
        return site

    def live(name: str, answer: object, *feeds: str, **more: object) -> Site:
        site = world.site(name, *feeds, **more)  # type: ignore[arg-type]
        for path in feeds or ("/feed.xml",):
            site.live[path] = lambda request, n, site=site: answer(site, request, n)  # type: ignore[operator,misc]
        return site

    def odd(site: Site, request: Request, n: int) -> Answer:
        headers = {"ETag": 'W/"odd', "Last-Modified": "yesterday, about noon"}
        return Answer(a_feed(site), 304 if n else 200, kind=RSS, headers=headers, etag=False)

    live("f1", odd)
    live("f2", lambda site, request, n: Answer(a_feed(site), kind=RSS, headers={"ETag": f'"v{n}"'}, etag=False))

    def moved(site: Site, request: Request, n: int) -> Answer:
        return Answer(b"", 302, headers={"Location": "/target.xml", "ETag": '"of the redirect"'}, etag=False)

    site = live("f3", moved)
    site.answers["/target.xml"] = Answer(a_feed(site), kind=RSS)
    live(
        "f6",
        lambda site, request, n: Answer(
            b"" if n else a_feed(site),
            304 if n else 200,
            kind=RSS,
            headers={"ETag": '"x"', "Cache-Control": "max-age=8" if n else ""},
            etag=False,
        ),
    )
    plain("f8a", **{"Cache-Control": "public, max-age=9"})
    site = world.site("f8b")
    site.answers["/feed.xml"] = Answer(a_feed(site, head="<ttl>1</ttl>"), kind=RSS)
    live(
        "f8c",
        lambda site, request, n: Answer(
            a_feed(site), kind=RSS, headers={"Expires": email.utils.formatdate(time.time() + 9, usegmt=True)}
        ),
    )
    now = time.time()
    plain("f9", **{"Cache-Control": "no-cache, max-age=900"})
    skipped = "".join(f"<hour>{(time.gmtime(now).tm_hour + n) % 24}</hour>" for n in range(3))
    site = world.site("f10")
    site.answers["/feed.xml"] = Answer(a_feed(site, head=f"<skipHours>{skipped}</skipHours>"), kind=RSS)
    paths = tuple(f"/feed{n}.xml" for n in range(6))
    site = world.site("f11", *paths, more="delay = 0.4")
    for path in paths:
        site.answers[path] = Answer(a_feed(site, mark=path[5]), kind=RSS, delay=0.05)
    site = world.site("f13")
    archive = f'<atom:link xmlns:atom="http://www.w3.org/2005/Atom" rel="prev-archive" href="{site.base}/archive.xml"/>'
    site.answers["/feed.xml"] = Answer(a_feed(site, head=archive), kind=RSS)

    def throttled(seconds: str) -> object:
        return lambda site, request, n: (
            Answer(b"", 429, headers={"Retry-After": seconds} if seconds else {})
            if not n
            else Answer(a_feed(site), kind=RSS)
        )

    live("f14a", throttled("7"))
    live(
        "f14b",
        lambda site, request, n: (
            Answer(b"", 503, headers={"Retry-After": email.utils.formatdate(time.time() + 9, usegmt=True)})
            if not n
            else Answer(a_feed(site), kind=RSS)
        ),
    )
    live("f14c", throttled(""))
    live(
        "f14d",
        lambda site, request, n: Answer(b"", 429, headers={"Retry-After": "60"}),
        *(f"/f{n}.xml" for n in range(8)),
        more="delay = 0.3",
    )
    live("f15a", lambda site, request, n: Answer(b"gone", 410))
    live("f15b", lambda site, request, n: Answer(b"not found", 404))
    live("f17a", lambda site, request, n: Answer(b"no", 403))
    live("f17b", lambda site, request, n: Answer(b"<html>Just a moment", 403, headers={"cf-mitigated": "challenge"}))
    live("f18", lambda site, request, n: Answer(b"", 500))
    live(
        "f19a",
        lambda site, request, n: (
            Answer(
                b"<!doctype html><html><title>Soon</title><body>We are moving", headers={"ETag": '"html"'}, etag=False
            )
            if n
            else Answer(a_feed(site), kind=RSS)
        ),
    )
    live(
        "f19b",
        lambda site, request, n: Answer(
            a_feed(site, entries=0 if n else 1), kind=RSS, headers={"ETag": f'"{min(n, 1)}"'}, etag=False
        ),
    )
    live("f20", lambda site, request, n: Answer(b"", 304) if not n else Answer(a_feed(site), kind=RSS))
    site = world.site("f21", "/feed.xml?format=rss&utm_source=x")
    site.answers["/feed.xml?format=rss&utm_source=x"] = Answer(a_feed(site), kind=RSS, headers={"Set-Cookie": "id=1"})
    live(
        "f23",
        lambda site, request, n: Answer(
            a_feed(site, mark="delta" if n else ""), 226 if n else 200, kind=RSS, headers={"IM": "feed"}
        ),
    )

    site = world.site("f25a", robots="User-agent: *\nDisallow: /private\nCrawl-delay: 1\n")
    site.news(2)
    items = [
        {"title": "Secret", "link": "/private/1"},
        {"title": "Open one", "link": "/2026/11/20/story-number-0"},
        {"title": "Open two", "link": "/2026/11/20/story-number-1"},
    ]
    site.page("/private/1", "Secret", story(7))
    site.rss("/feed.xml", items)
    world.site("f25b", robots=Answer(b"", 503)).news(1)
    world.site("f25c", robots=Answer(b"", 404)).news(1)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    found = World(Desk(tmp_path_factory.mktemp("etiquette")))
    build(found)
    found.desk.configure(*found.sources, extra=SCHEDULE, hour=6)
    run = found.desk.start("run")
    time.sleep(WATCHED)
    run.send_signal(signal.SIGTERM)
    assert run.wait(15) == 0
    yield found
    for site in found.sites.values():
        site.close()


def test_f1_validators_are_sent_back_byte_for_byte_and_never_made_up(world: World) -> None:
    first, *later = world.asked("f1")
    assert not {"if-none-match", "if-modified-since"} & first.headers.keys()
    assert later
    assert {(r.headers["if-none-match"], r.headers["if-modified-since"]) for r in later} == {
        ('W/"odd', "yesterday, about noon")
    }


def test_f2_validators_are_stored_of_every_200_also_when_the_body_is_the_same(world: World) -> None:
    asked = world.asked("f2")
    assert len(asked) > 2
    assert [r.headers.get("if-none-match") for r in asked] == [None, *(f'"v{n}"' for n in range(len(asked) - 1))]


def test_f3_validators_belong_to_the_final_address(world: World) -> None:
    assert all("if-none-match" not in r.headers for r in world.asked("f3"))
    first, *later = world.asked("f3", "/target.xml")
    assert "if-none-match" not in first.headers
    assert later
    assert all(r.headers.get("if-none-match") for r in later)


def test_f4_a_restart_is_conditional_and_asks_nothing_before_its_time(tmp_path: Path) -> None:
    desk, site = Desk(tmp_path), Site()
    site.rss("/feed.xml", [{"title": "One", "link": "/1"}])
    desk.configure(source(site, more='every = "9s"'), extra=SCHEDULE, hour=6)
    for _ in range(2):
        run = desk.start("run")
        time.sleep(3)
        run.send_signal(signal.SIGTERM)
        assert run.wait(15) == 0
    run = desk.start("run")
    assert until(lambda: site.paths().count("/feed.xml") == 2)
    run.send_signal(signal.SIGTERM)
    run.wait(15)
    site.close()
    asked = [r for r in site.requests if r.path == "/feed.xml"]
    assert len(asked) == 2
    assert asked[1].at - asked[0].at >= 8
    assert "if-none-match" in asked[1].headers


def test_f5_one_unconditional_request_a_day_finds_out_validators_that_lie(tmp_path: Path) -> None:
    desk, site = Desk(tmp_path), Site()

    def lying(request: Request, n: int) -> Answer:
        conditional = "if-none-match" in request.headers
        return Answer(
            b"" if conditional else a_feed(site, mark=f"new{n}"),
            304 if conditional else 200,
            kind=RSS,
            headers={"ETag": '"always"'},
            etag=False,
        )

    site.live["/feed.xml"] = lying
    desk.configure(
        source(site),
        extra=SCHEDULE.replace('"2s"', '"0.2s"').replace('"1s"', '"0.1s"').replace('"4s"', '"0.6s"'),
        hour=0.6,
    )  # a day is 14.4 s
    run = desk.start("run")
    time.sleep(20)
    run.send_signal(signal.SIGTERM)
    run.wait(15)
    site.close()
    unconditional = [r.at for r in site.requests if r.path == "/feed.xml" and "if-none-match" not in r.headers]
    assert len(unconditional) == 2
    assert unconditional[1] - unconditional[0] >= 14
    assert desk.rows("SELECT validators_unreliable FROM feeds")[0]["validators_unreliable"] == 1


def test_f6_304_is_success_and_its_own_headers_count(world: World) -> None:
    gaps = world.gaps("f6")
    assert gaps
    assert all(gap >= 7 for gap in gaps[1:])
    assert world.feed("f6")["failures"] == 0


@pytest.mark.parametrize("name", ["f8a", "f8c"])
def test_f8_max_age_and_expires_lengthen_the_interval(world: World, name: str) -> None:
    assert world.gaps(name)
    assert min(world.gaps(name)) >= 7.9


def test_f8_ttl_lengthens_the_interval(world: World) -> None:
    assert len(world.asked("f8b")) == 1


def test_f7_a_feed_is_asked_as_often_as_it_allows_and_never_below_the_floor(world: World) -> None:
    assert min(world.gaps("f2")) >= 0.9


def test_f9_max_age_beside_no_cache_is_ignored(world: World) -> None:
    assert len(world.asked("f9")) > 2


def test_f10_skipped_hours_are_skipped(world: World) -> None:
    assert len(world.asked("f10")) == 1


def spaced(times: list[float], seconds: float) -> bool:
    """Whether requests kept that distance. One may stand in the server's own queue while the machine is busy; two after each other do not."""
    apart = all(c - a >= seconds for a, c in zip(times, times[2:], strict=False))
    return apart and times[-1] - times[0] >= seconds * (len(times) - 1) - 0.5


def test_f11_one_request_in_flight_and_the_delay_between_any_two_to_a_host(world: World) -> None:
    site = world.sites["f11"]
    times = [r.at for r in site.requests]
    assert len(times) > 8
    assert site.most_in_flight == 1
    assert spaced(times, 0.4)


def test_f12_a_busy_feed_is_asked_more_often_than_a_quiet_one(tmp_path: Path) -> None:
    desk, busy, quiet = Desk(tmp_path), Site("127.0.2.1"), Site("127.0.2.2")
    busy.live["/feed.xml"] = lambda request, n: Answer(
        a_feed(busy, mark=f"w{n}x", entries=4) if n % 2 else a_feed(busy, mark=f"w{n - 1}x", entries=6), kind=RSS
    )
    quiet.answers["/feed.xml"] = Answer(a_feed(quiet, entries=40), kind=RSS)
    desk.configure(
        source(busy, id="busy"),
        source(quiet, id="quiet"),
        extra=SCHEDULE.replace('"4s"', '"9s"').replace('"2s"', '"6s"'),
        hour=6,
    )
    run = desk.start("run")
    time.sleep(16)
    run.send_signal(signal.SIGTERM)
    run.wait(15)
    counts = [len([r for r in site.requests if r.path == "/feed.xml"]) for site in (busy, quiet)]
    for site in (busy, quiet):
        site.close()
    assert counts[0] >= 2 * counts[1]


def test_f13_archive_pages_are_asked_only_to_close_a_gap(world: World) -> None:
    assert world.asked("f13", "/archive.xml") == []


@pytest.mark.parametrize(("name", "seconds"), [("f14a", 7), ("f14b", 8), ("f14c", HOUR)])
def test_f14_retry_after_in_both_forms_and_an_hour_without(world: World, name: str, seconds: float) -> None:
    assert world.gaps(name)[0] >= seconds
    assert world.feed(name)["failures"] == 0


def test_f14_a_host_that_throttles_two_addresses_is_left_alone(world: World) -> None:
    asked = [r for r in world.sites["f14d"].requests if r.path != "/robots.txt"]
    assert len(asked) == 2


def test_row_27_f15_410_ends_a_feed_at_once_and_404_does_not(world: World) -> None:
    assert len(world.asked("f15a")) == 1
    assert world.feed("f15a")["state"] == "gone"
    assert len(world.asked("f15b")) > 1
    assert world.feed("f15b")["state"] == "active"


def test_f15_404_ends_a_feed_after_30_failures_and_14_days(tmp_path: Path) -> None:
    desk, site = Desk(tmp_path), Site()
    desk.configure(source(site), extra=SCHEDULE, hour=6)
    desk.run("crawl")
    with sqlite3.connect(desk.database) as db:
        db.execute("UPDATE feeds SET not_found_count = 29, not_found_since = '2026-01-01T00:00:00Z'")
    db.close()
    desk.run("crawl")
    site.close()
    assert desk.rows("SELECT state FROM feeds") == [{"state": "gone"}]


def test_f16_a_permanent_move_is_believed_after_three_polls_and_seven_days(tmp_path: Path) -> None:
    desk, site = Desk(tmp_path), Site()
    site.answers["/feed.xml"] = Answer(b"", 301, headers={"Location": "/new.xml"})
    site.answers["/new.xml"] = Answer(a_feed(site), kind=RSS)
    desk.configure(source(site), extra=SCHEDULE, hour=6)
    for _ in range(3):
        assert desk.run("crawl").code == 0
    assert site.paths().count("/feed.xml") == 3
    with sqlite3.connect(desk.database) as db:
        db.execute("UPDATE feeds SET moved_since = '2026-01-01T00:00:00Z'")
    db.close()
    desk.run("crawl")
    desk.run("crawl")
    assert site.paths().count("/feed.xml") == 4
    assert site.paths().count("/new.xml") == 5
    status = desk.run("status")
    assert f"has moved to {site.base}/new.xml for good" in status.out
    site.answers["/new.xml"] = Answer(b"<html>maintenance</html>")
    desk.run("crawl")
    desk.run("crawl")
    site.close()
    assert [path for path in site.paths() if path.endswith(".xml")][-2:] == ["/feed.xml", "/new.xml"]
    assert len(desk.rows("SELECT id FROM entries")) == 1


def test_f16_a_temporary_redirect_never_is(world: World) -> None:
    assert world.feed("f3")["moved_to"] is None


def test_f17_a_refusal_is_no_reason_to_insist(world: World) -> None:
    assert len(world.asked("f17a")) == len(world.asked("f17b")) == 1
    assert "challenge" in str(world.feed("f17b")["last_error"])


def test_f18_a_failing_server_is_backed_off_from_and_never_given_up(world: World) -> None:
    assert len(world.asked("f18")) > 1
    assert (world.feed("f18")["state"], world.feed("f18")["interval_seconds"]) == ("active", None)
    assert world.gaps("f18") == sorted(world.gaps("f18"), key=round)


@pytest.mark.parametrize(("name", "reason"), [("f19a", "not a feed"), ("f19b", "lists nothing")])
def test_f19_html_or_nothing_where_a_feed_was_is_an_error_and_keeps_no_validators(
    world: World, name: str, reason: str
) -> None:
    feed = world.feed(name)
    assert feed["failures"]
    assert reason in str(feed["last_error"])
    assert feed["etag"] not in {'"html"', '"1"'}


def test_f20_304_to_an_unconditional_request_is_an_error_and_asked_again_without(world: World) -> None:
    first, second, *_ = world.asked("f20")
    assert "if-none-match" not in first.headers
    assert "if-none-match" not in second.headers
    assert world.feed("f20")["failures"] == 0


def test_f21_one_stable_name_no_referer_no_cookie_the_very_address(world: World) -> None:
    asked = world.asked("f21", "/feed.xml?format=rss&utm_source=x")
    assert len(asked) > 1
    everything = [r for site in world.sites.values() for r in site.requests]
    agents = {r.headers["user-agent"] for r in everything}
    assert len(agents) == 1
    assert "newsdesk/" in (agent := agents.pop())
    assert "(+http" in agent
    assert not any({"referer", "cookie", "from"} & r.headers.keys() for r in everything)


def test_f22_what_is_accepted_is_said(world: World) -> None:
    for request in world.asked("f1"):
        assert request.headers["accept"].startswith("application/atom+xml, application/rss+xml, application/feed+json")
        assert {"gzip", "br", "zstd"} <= {part.strip() for part in request.headers["accept-encoding"].split(",")}


def test_f23_226_is_success_and_never_a_whole_window(world: World) -> None:
    assert world.feed("f23")["failures"] == 0
    assert world.desk.rows("SELECT * FROM gaps WHERE source = 'f23'") == []


def test_f24_discovery_keeps_to_the_same_delay_and_robots(tmp_path: Path) -> None:
    desk, site = Desk(tmp_path), Site()
    site.answers["/"] = Answer(b"<html><title>Post</title><body><a href='/about'>About</a>")
    site.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /rss\n", kind="text/plain")
    desk.configure(delay=0.3)
    desk.run("sources", "add", site.base + "/")
    site.close()
    times = [r.at for r in site.requests]
    assert site.requests[0].path == "/robots.txt"
    assert "/rss" not in site.paths()
    assert site.most_in_flight == 1
    assert spaced(times, 0.3)


def test_f25_robots_txt_is_asked_first_once_and_obeyed(world: World) -> None:
    site = world.sites["f25a"]
    assert site.requests[0].path == "/robots.txt"
    assert sum(r.path == "/robots.txt" for r in site.requests) == 1
    assert "/private/1" not in site.paths()
    assert "/2026/11/20/story-number-1" in site.paths()
    kept = world.desk.rows("SELECT state, reason FROM entries WHERE url LIKE '%/private/1'")
    assert kept == [{"state": "rejected", "reason": "disallowed by robots.txt"}]


def test_f25_crawl_delay_is_honoured(world: World) -> None:
    times = [r.at for r in world.sites["f25a"].requests[1:]]
    assert spaced(times, 1.0)


def test_f25_a_robots_txt_that_fails_defers_and_one_that_is_missing_allows(world: World) -> None:
    deferred = [r for r in world.sites["f25b"].requests if r.path != "/robots.txt"]
    assert deferred == []
    times = [r.at for r in world.sites["f25b"].requests]
    assert all(b - a >= HOUR - 0.1 for a, b in pairwise(times))
    assert "/2026/11/20/story-number-0" in world.sites["f25c"].paths()
