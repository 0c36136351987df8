"""`newsdesk run` as it is left alone for months: started, told, edited, killed; an hour of its schedule is six seconds."""

from __future__ import annotations

import asyncio
import functools
import json
import random
import re
import signal
import socket
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from crawler.config.models import Config
from crawler.engine.crawl.counts import RunCounts
from crawler.engine.crawl.frontier import Frontier
from crawler.engine.crawl.plan import CrawlPlan
from storage.utc import parse_utc
from tests import torture
from tests.conftest import NOW, Desk, source
from tests.running import SCHEDULE, Running, until
from tests.site import Answer, Site, rss, story


def item(n: int, at: float) -> dict[str, str]:
    return {
        "title": f"Story number {n}",
        "link": f"/2026/11/22/story-number-{n}",
        "date": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(at)),
    }


def roll(site: Site, start: int, stop: int) -> None:
    """The feed lists these entries and no other; their pages answer."""
    now = time.time()
    for n in range(start, stop):
        site.page(f"/2026/11/22/story-number-{n}", f"Story number {n}", story(n))
    site.rss("/feed.xml", [item(n, now - 60 + n) for n in range(start, stop)])


def test_row_26_the_first_signal_drains_and_exits_0(desk: Desk, site: Site, start: Callable[..., Running]) -> None:
    site.news(3)
    desk.configure(source(site), extra=SCHEDULE, hour=6)
    run = start()
    assert until(lambda: len(run.rows("SELECT id FROM articles")) == 3)
    assert run.stop() == 0
    assert run.rows("SELECT exit_code, articles_new FROM crawl_runs") == [{"exit_code": 0, "articles_new": 3}]
    assert desk.run("status").code == 0


def test_row_26_a_server_that_does_not_answer_holds_up_no_end(
    desk: Desk, site: Site, start: Callable[..., Running]
) -> None:
    site.answers["/feed.xml"] = Answer(b"", delay=40)
    desk.configure(source(site), extra=SCHEDULE.replace("[schedule]", "[schedule]\n"), hour=6)
    desk.env["NEWSDESK_HTTP__TIMEOUT"] = "60"
    run = start()
    assert until(lambda: "/feed.xml" in site.paths())
    assert run.stop() == 0  # long before the answer
    assert run.rows("SELECT exit_code FROM crawl_runs") == [{"exit_code": 0}]


def test_row_26_a_second_signal_ends_at_once(desk: Desk, site: Site, start: Callable[..., Running]) -> None:
    site.answers["/feed.xml"] = Answer(b"", delay=40)
    desk.configure(source(site), extra=SCHEDULE, hour=6)
    desk.env["NEWSDESK_HTTP__TIMEOUT"] = "60"
    run = start()
    assert until(lambda: "/feed.xml" in site.paths())
    run.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(15) == 143


def test_edits_of_the_configuration_are_picked_up_and_a_broken_file_is_told(
    desk: Desk, site: Site, start: Callable[..., Running]
) -> None:
    site.news(1)
    site.rss("/other.xml", [{"title": "Other", "link": "/2026/11/20/story-number-0"}])
    desk.configure(source(site), extra=SCHEDULE, hour=6)
    run = start()
    assert until(lambda: "/feed.xml" in site.paths())
    config = desk.folder / "newsdesk.toml"
    good = config.read_text()
    config.write_text(good + "\n[nonsense")
    run.process.send_signal(signal.SIGHUP)
    assert until(lambda: "the old one stays in force" in run.text(), 3)
    asked = len(site.paths())
    assert until(lambda: len(site.paths()) > asked), "the old configuration is not in force"
    config.write_text(good + source(site, feeds=("/other.xml",), id="other"))
    assert until(lambda: "/other.xml" in site.paths(), 10)
    config.write_text(good)
    run.process.send_signal(signal.SIGHUP)
    assert until(lambda: run.text().count("configuration reloaded") == 2, 3)
    asked = site.paths().count("/other.xml")
    time.sleep(3)
    assert site.paths().count("/other.xml") <= asked + 1
    assert run.stop() == 0


def test_a_fetch_beside_it_is_taken_within_two_seconds(desk: Desk, site: Site, start: Callable[..., Running]) -> None:
    site.news(1)
    address = site.page("/2026/11/21/asked-for-now", "Asked for now", story(5))
    desk.configure(source(site), extra=SCHEDULE, hour=6)
    run = start()
    assert until(lambda: run.rows("SELECT id FROM articles"))
    done = desk.run("fetch", address)
    assert done.code == 0, done.err
    taken = next(r.at for r in site.requests if r.path == "/2026/11/21/asked-for-now")
    [asked] = run.rows("SELECT first_seen_at AS at FROM entries WHERE found_by = 'user'")
    assert (
        taken - parse_utc(str(asked["at"])).timestamp() < 4
    )  # two seconds, one that the time is cut by, one of a busy machine


def test_a_window_that_rolled_over_is_a_gap_that_a_sitemap_fills(
    desk: Desk, site: Site, start: Callable[..., Running]
) -> None:
    roll(site, 0, 10)
    desk.configure(source(site), extra=SCHEDULE, hour=6)
    run = start()
    assert until(lambda: len(run.rows("SELECT id FROM articles")) == 10)
    roll(site, 10, 30)
    now = time.time()
    site.rss("/feed.xml", [item(n, now) for n in range(20, 30)])
    locs = "".join(
        f"<url><loc>{site.base}/2026/11/22/story-number-{n}</loc><news:news><news:publication_date>{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(now - 60 + n))}</news:publication_date></news:news></url>"
        for n in range(30)
    )
    urlset = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:news="http://www.google.com/schemas/sitemap-news/0.9">{locs}</urlset>'
    site.answers["/news.xml"] = Answer(urlset.encode(), kind="application/xml")
    site.answers["/robots.txt"] = Answer(
        f"User-agent: *\nAllow: /\nSitemap: {site.base}/news.xml\n".encode(), kind="text/plain"
    )
    assert until(lambda: len(run.rows("SELECT id FROM articles")) == 30)
    assert run.stop() == 0
    gap = run.rows("SELECT state, entries_found, filled_by FROM gaps")
    assert gap == [{"state": "filled", "entries_found": 10, "filled_by": "a sitemap"}]
    assert run.rows("SELECT DISTINCT found_by FROM entries ORDER BY 1") == [
        {"found_by": "backfill"},
        {"found_by": "feed"},
    ]
    assert run.rows("SELECT gaps_open FROM source_days") == [{"gaps_open": 0}]
    assert "filled" in desk.run("gaps").out


def test_a_gap_is_filled_from_archive_pages_up_to_what_was_known(
    desk: Desk, site: Site, start: Callable[..., Running]
) -> None:
    roll(site, 0, 5)
    desk.configure(source(site), extra=SCHEDULE, hour=6)
    run = start()
    assert until(lambda: len(run.rows("SELECT id FROM articles")) == 5)
    roll(site, 5, 20)

    def page(start: int, stop: int, before: str) -> Answer:
        link = f'<atom:link xmlns:atom="http://www.w3.org/2005/Atom" rel="prev-archive" href="{before}"/>'
        body = rss(site.base, [item(n, time.time() - 60 + n) for n in range(start, stop)])
        return Answer(body.replace("<channel>", f"<channel>{link}").encode(), kind="application/rss+xml")

    site.answers["/archive/1.xml"] = page(0, 10, "/archive/0.xml")
    site.answers["/archive/2.xml"] = page(10, 15, "/archive/1.xml")
    site.answers["/feed.xml"] = page(15, 20, "/archive/2.xml")
    assert until(lambda: len(run.rows("SELECT id FROM articles")) == 20)
    assert run.stop() == 0
    assert run.rows("SELECT state, filled_by FROM gaps") == [{"state": "filled", "filled_by": "archive pages"}]
    assert "/archive/0.xml" not in site.paths()


def test_a_gap_that_nothing_fills_is_lost_and_stays_told(desk: Desk, site: Site, start: Callable[..., Running]) -> None:
    roll(site, 0, 5)
    desk.configure(source(site), extra=SCHEDULE, hour=6)
    run = start()
    assert until(lambda: len(run.rows("SELECT id FROM articles")) == 5)
    roll(site, 10, 15)
    assert until(lambda: [g["state"] for g in run.rows("SELECT state FROM gaps")] == ["lost"])
    assert run.stop() == 0
    assert json.loads(desk.run("coverage", "--json").out)[0]["seen"] == "gap"


def test_a_feed_that_failed_for_a_day_gets_its_successor_told(
    desk: Desk, site: Site, start: Callable[..., Running]
) -> None:
    site.rss("/feed.xml", [{"title": "One", "link": "/1"}])
    desk.configure(
        source(site), extra='[schedule]\ndefault = "0.2s"\nmin = "0.1s"\nmax = "0.6s"\n', hour=0.6
    )  # a day is 14.4 s
    run = start()
    assert until(lambda: run.rows("SELECT last_success_at FROM feeds WHERE last_success_at IS NOT NULL"))
    del site.answers["/feed.xml"]
    site.rss("/new.xml", [{"title": "One", "link": "/1"}])
    site.answers["/"] = Answer(
        b'<html><head><link rel="alternate" type="application/rss+xml" href="/new.xml"></head><body></body></html>'
    )
    assert until(lambda: run.rows("SELECT replacement FROM feeds WHERE replacement IS NOT NULL"), 40)
    assert f'put `feeds = ["{site.base}/new.xml"]` into [[source]] id = "post"' in desk.run("status").out
    assert run.stop() == 0


def test_row_27_a_source_that_was_down_for_a_week_comes_back_with_all_of_its_window(
    desk: Desk, start: Callable[..., Running]
) -> None:
    site = Site()
    site.news(5)
    desk.configure(
        source(site), extra='[schedule]\ndefault = "0.1s"\nmin = "0.05s"\nmax = "0.3s"\n', hour=0.3
    )  # a day is 7.2 s
    run = start()
    assert until(lambda: len(run.rows("SELECT id FROM articles")) == 5)
    port = int(site.base.rsplit(":", 1)[1])
    site.close()
    time.sleep(15)
    back = Site(port=port)
    back.news(10)
    assert until(lambda: len(run.rows("SELECT id FROM articles")) == 10)
    assert run.rows("SELECT state, failures FROM feeds") == [{"state": "active", "failures": 0}]
    warnings = [line.split(" ", 1)[1] for line in run.text().splitlines() if " warning: " in line]
    assert len(warnings) == len(set(warnings)), warnings  # each thing once, not at each of some sixty polls
    assert run.stop() == 0
    back.close()


def test_backups_are_made_and_the_old_ones_taken_away(desk: Desk, site: Site, start: Callable[..., Running]) -> None:
    site.news(1)
    desk.configure(source(site), extra=f'{SCHEDULE}\n[storage]\nbackup = "2s"\nbackup_keep = 2\n', hour=6)
    run = start()
    assert until(lambda: run.text().count("backed up to") >= 3, 20)
    assert run.stop() == 0
    backups = sorted(desk.folder.glob("news.db.backup-*"))
    assert len(backups) == 2
    assert desk.run("--db", str(backups[-1]), "list").out


def test_metrics_and_systemd_are_told(desk: Desk, site: Site, start: Callable[..., Running]) -> None:
    site.news(2)
    desk.configure(source(site), extra=SCHEDULE, hour=6)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(desk.folder / "notify"))
        listener.settimeout(15)
        desk.env["NOTIFY_SOCKET"] = str(desk.folder / "notify")
        free = socket.create_server(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        run = start("--metrics", f"127.0.0.1:{port}", "--log", "json")
        assert "READY=1" in listener.recv(4096).decode()
        assert until(lambda: len(run.rows("SELECT id FROM articles")) == 2)
        metrics = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
        said = ""
        while "WATCHDOG=1" not in said:
            said += listener.recv(4096).decode()
        assert run.stop() == 0
        while "STOPPING=1" not in said:
            said += listener.recv(4096).decode()
    assert "newsdesk_articles_total 2.0" in metrics
    assert "newsdesk_poll_lag_seconds" in metrics
    assert 'newsdesk_source_entries_total{outcome="new",source="post"} 2.0' in metrics
    assert 'newsdesk_source_polls_total{outcome="succeeded",source="post"}' in metrics
    assert "newsdesk_build_info{" in metrics
    assert float(re.findall(r"^process_resident_memory_bytes (\S+)", metrics, re.MULTILINE)[0]) > 10e6
    polls = [json.loads(line) for line in run.text().splitlines() if line.startswith("{")]
    assert {"source": "post", "outcome": "changed", "new": 2}.items() <= next(
        p for p in polls if p.get("event") == "poll"
    ).items()


def test_row_21_kill_9_of_a_run_loses_nothing_and_asks_nothing_twice_or_too_early(
    desk: Desk, site: Site, start: Callable[..., Running]
) -> None:
    site.news(60)
    desk.configure(source(site, more='every = "5s"'), extra=SCHEDULE, hour=6, delay=0.02)
    rng = random.Random(7)
    for _ in range(6):
        run = start()
        time.sleep(rng.uniform(1.2, 2.4))
        run.process.kill()
        run.process.wait()
    run = start()
    assert until(lambda: len(run.rows("SELECT id FROM articles")) == 60, 40)
    assert until(lambda: f'"pid": {run.process.pid}' in (desk.folder / "news.db.lock").read_text())
    assert run.stop() == 0
    polls = [r.at for r in site.requests if r.path == "/feed.xml"]
    answered = [r["at"] for r in run.rows("SELECT at FROM fetches WHERE url LIKE '%/feed.xml' ORDER BY id")]
    assert len(polls) - len(answered) <= 6  # a poll that was killed before it was written
    stamps = [time.mktime(time.strptime(str(at), "%Y-%m-%dT%H:%M:%SZ")) for at in answered]
    assert all(b - a >= 4 for a, b in pairwise(stamps))
    assert len({r["url"] for r in run.rows("SELECT url FROM articles")}) == 60
    assert desk.run("db", "check").code == 0


def _names(lock: Path, pid: int) -> bool:
    return lock.exists() and f'"pid": {pid}' in lock.read_text()


def test_row_26_a_stop_during_the_start_is_clean(desk: Desk, site: Site, start: Callable[..., Running]) -> None:
    """What a handler raised while Twisted put its own in place was swallowed, and the run went on."""
    site.news(1)
    desk.configure(source(site), extra=SCHEDULE, hour=6)
    lock = desk.folder / "news.db.lock"
    moments = torture.times(4, 100)
    for part in range(moments):
        run = start()
        assert until(functools.partial(_names, lock, run.process.pid))
        time.sleep(0.5 * part / moments)
        assert run.stop() == 0
    assert start().process.poll() is None


def test_status_says_when_it_was_killed(desk: Desk, site: Site, start: Callable[..., Running]) -> None:
    site.news(1)
    desk.configure(source(site), extra=SCHEDULE, hour=6)
    run = start()
    assert until(lambda: run.rows("SELECT id FROM articles"))
    run.process.kill()
    run.process.wait()
    status = desk.run("status")
    assert status.code == 1
    assert "is not running, though it was not stopped" in status.err
    document = json.loads(desk.run("status", "--json").out)
    assert (document["healthy"], document["running"]) == (False, None)


def test_a_backfill_says_how_much_it_is_goes_on_and_keeps_to_itself(desk: Desk, site: Site) -> None:
    site.news(1)
    days = ["2026-10-05", "2026-10-06", "2026-10-07"]
    for d, day in enumerate(days):
        pages = [f"/{day.replace('-', '/')}/older-story-{d}{n}" for n in range(4)]
        for n, path in enumerate(pages):
            site.page(path, f"Older story {d}{n}", story(100 + 10 * d + n), published=f"{day}T10:00:00+00:00")
        locs = "".join(f"<url><loc>{site.base}{path}</loc><lastmod>{day}</lastmod></url>" for path in pages)
        site.answers[f"/sitemap-{day}.xml"] = Answer(f"<urlset>{locs}</urlset>".encode(), kind="application/xml")
    index = "".join(f"<sitemap><loc>{site.base}/sitemap-{day}.xml</loc></sitemap>" for day in days)
    site.answers["/sitemap.xml"] = Answer(f"<sitemapindex>{index}</sitemapindex>".encode(), kind="application/xml")
    site.answers["/robots.txt"] = Answer(f"Sitemap: {site.base}/sitemap.xml\n".encode(), kind="text/plain")
    desk.configure(source(site))
    assert desk.run("crawl").code == 0
    asked = ("backfill", "post", "--since", "2026-10-06", "--until", "2026-10-07")
    dry = desk.run(*asked, "--dry-run")
    assert (dry.code, "8 articles of 1 host" in dry.err) == (0, True), dry.err
    assert desk.rows("SELECT count(*) AS n FROM entries") == [{"n": 1}]
    assert "/sitemap-2026-10-05.xml" not in site.paths()
    site.requests.clear()
    cut = desk.start(*asked)
    assert until(lambda: sum("older-story" in p for p in site.paths()) >= 3)
    cut.send_signal(signal.SIGINT)
    assert cut.wait(15) == 130
    assert desk.run("crawl").code == 0
    done = desk.run(*asked)
    assert done.code == 0, done.err
    older = [p for p in site.paths() if "older-story" in p]
    assert len(set(older)) == 8
    assert len(older) <= 8 + 3  # those that were under way when it was interrupted
    assert site.paths().count("/sitemap-2026-10-06.xml") == 1
    found = desk.rows("SELECT found_by, count(*) AS n FROM entries GROUP BY 1 ORDER BY 1")
    assert found == [{"found_by": "backfill", "n": 8}, {"found_by": "feed", "n": 1}]
    assert desk.rows("SELECT count(*) AS n FROM articles WHERE recheck_at IS NOT NULL") == [{"n": 1}]
    assert "no article of that time is missing" in desk.run(*asked).err


def older(site: Site, count: int) -> None:
    """A sitemap of the year's older articles, for a backfill."""
    pages = [f"/2026/10/06/older-story-{n}" for n in range(count)]
    for n, path in enumerate(pages):
        site.page(path, f"Older story {n}", story(100 + n), published="2026-10-06T10:00:00+00:00")
    locs = "".join(f"<url><loc>{site.base}{path}</loc><lastmod>2026-10-06</lastmod></url>" for path in pages)
    site.answers["/sitemap.xml"] = Answer(f"<urlset>{locs}</urlset>".encode(), kind="application/xml")
    site.answers["/robots.txt"] = Answer(f"Sitemap: {site.base}/sitemap.xml\n".encode(), kind="text/plain")


@pytest.mark.parametrize(
    "holder",
    [("backfill", "post", "--since", "2026-10-06"), ("fetch", *(f"/2026/10/06/older-story-{n}" for n in range(6)))],
)
def test_a_fetch_beside_any_that_fetches_is_answered_by_it(desk: Desk, site: Site, holder: tuple[str, ...]) -> None:
    """A backfill leased what others asked for and forgot it; beside a fetch, another one was refused."""
    site.news(1)
    older(site, 6)
    address = site.page("/2026/11/21/asked-for-now", "Asked for now", story(5))
    desk.configure(source(site), delay=0.7)
    held = desk.start(*(site.base + a if a.startswith("/") else a for a in holder))
    try:
        assert until(lambda: any("older-story" in p for p in site.paths()))
        done = desk.run("fetch", address)
        assert done.code == 0, done.err
    finally:
        assert held.wait(60) == 0
    assert desk.rows("SELECT count(*) AS n FROM articles") == [{"n": 7}]
    assert desk.rows("SELECT id FROM entries WHERE state = 'leased'") == []


def test_a_loop_that_was_stopped_waits_for_what_is_under_way() -> None:
    """It came back at once; from Python 3.12 on that gives no other task a turn, and the run hung until it was cut off."""
    asked: list[int] = []

    async def main() -> None:
        some: Any = SimpleNamespace(waits=False)
        frontier = Frontier(Config(), some, CrawlPlan(command="crawl"), RunCounts(None), lambda: NOW, some)
        frontier._in_flight[object()] = "post"  # type: ignore[index]
        frontier.stop()
        for _ in range(3):
            assert await frontier.next_batch() == []
            await frontier.wait()
            asked.append(1)

    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(main(), 1.5))
    assert len(asked) <= 1


def test_a_signal_that_comes_in_the_middle_of_a_line_still_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """sys.stderr raises RuntimeError when a signal handler writes while the program does: the run went on for ever, once in a thousand."""
    from twisted.internet import reactor

    from crawler.engine.crawl import shutdown

    class MidLine:
        def write(self, text: str) -> int:
            raise RuntimeError("reentrant call inside <_io.BufferedWriter name='<stderr>'>")

        def fileno(self) -> int:
            return written.fileno()

    ended: list[str] = []
    process: Any = SimpleNamespace()
    live: Any = SimpleNamespace(
        frontier=SimpleNamespace(stop=lambda: ended.append("frontier")), plan=SimpleNamespace(endless=True)
    )
    monkeypatch.setattr(
        threading,
        "Timer",
        lambda *_: SimpleNamespace(start=lambda: ended.append("timer"), cancel=lambda: None),
    )
    monkeypatch.setattr(reactor, "callFromThread", lambda _: ended.append("drain"))
    with tempfile.TemporaryFile() as written:
        monkeypatch.setattr(sys, "stderr", MidLine())
        with shutdown.ShutdownSignals() as heard:
            heard.attach(live)
            signal.raise_signal(signal.SIGTERM)
            heard.on_process(process)
        written.seek(0)
        assert b"stopping" in written.read()
    assert ended == ["timer", "frontier", "drain"]
    assert heard.code == 0
