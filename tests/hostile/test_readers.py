"""One server must not stop the others: what it sends is read within limits of time and memory, beside a source that did nothing wrong."""

from __future__ import annotations

import asyncio
import functools
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawler.engine.workers.pool import PageFailed, WorkerPool
from crawler.engine.workers.turns import Turns
from crawler.feeds.decode import decode_feed
from crawler.feeds.discovery import discover_feeds
from crawler.feeds.parsed_feed import sanitize_html
from crawler.feeds.parser import parse_feed
from crawler.feeds.prolog import without_prolog
from crawler.feeds.robots import read_rules, read_sitemaps
from crawler.feeds.source_lists import read_opml
from crawler.text.clean import unescaped
from tests.conftest import ROOT, Desk, source
from tests.hostile import small
from tests.hostile.expressions import shapes, suspects
from tests.hostile.measure import Peak
from tests.running import Running, until
from tests.site import Answer, Site

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
GOOD = 12
# Where an expression of one of the shapes stays, and what bounds it.
BOUNDED = {
    "crawler/feeds/source_lists.py": "_TOLERANT: of one outline, 10,000 characters with 200 quotes at most",
    "crawler/extraction/attribute_xpath.py": "_STEP, _ATOM: of trafilatura's own expressions, once per process",
}


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[Desk, dict[str, Site]]]:
    """A desk, a good source and the bad ones, each on an address of its own."""
    desk, sites = Desk(tmp_path), {"good": Site("127.0.9.1")}
    sites["good"].news(GOOD)
    for number, (name, answers) in enumerate(small.answers().items(), 2):
        sites[name] = Site(f"127.0.9.{number}")
        sites[name].answers.update(answers)
    desk.configure(
        *(
            source(site, id=name, more="" if name == "good" else 'exclude = ["ferry", "harbour"]')
            for name, site in sites.items()
        )
    )
    yield desk, sites
    for site in sites.values():
        site.close()


def test_small_attacks_stop_nobody(web: tuple[Desk, dict[str, Site]]) -> None:
    desk, _ = web
    process = subprocess.Popen(
        desk.command("crawl"),
        cwd=desk.folder,
        env=desk.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    began = time.monotonic()
    with Peak(process.pid) as peak:
        assert until(
            lambda: desk.database.exists() and len(desk.rows("SELECT 1 FROM articles WHERE source = 'good'")) == GOOD,
            60,
        )
        done = time.monotonic() - began
        out, _ = process.communicate(timeout=120)
    print(
        f"good after {done:.1f} s, all after {time.monotonic() - began:.1f} s, {peak.megabytes:.0f} MB ({peak.worst})"
    )
    assert process.returncode in {0, 4}, out
    assert "Traceback" not in out
    assert peak.megabytes <= 400, peak.worst


def test_a_run_among_small_attacks_hears_a_signal(
    web: tuple[Desk, dict[str, Site]], start: Callable[..., Running]
) -> None:
    desk, _ = web
    run = Running(desk)
    assert until(lambda: len(run.rows("SELECT 1 FROM articles WHERE source = 'good'")) > 0, 60), run.text()
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(10) == 0
    assert "Traceback" not in run.text()


def _robots(name: str) -> bytes:
    return {"breaks": b"User-agent: *\n" + b"\n" * 100_000 + b"x", "agents": small.agents_times_rules()}[name]


@pytest.mark.parametrize("name", ["breaks", "agents"])
@pytest.mark.parametrize(
    "arguments", [("sources", "test"), ("sources", "add"), ("backfill", "x", "--since", "2026-10-01")], ids=" ".join
)
def test_robots_is_read_for_its_sitemaps_by_every_command(
    desk: Desk, site: Site, name: str, arguments: tuple[str, ...]
) -> None:
    site.answers["/"] = Answer(b"<html><head><title>Nothing to find</title></head><body><p>Nothing.</p></body></html>")
    site.answers["/robots.txt"] = small.robots(_robots(name))
    desk.configure(source(site, id="x", feeds=("/feed.xml",)))
    done = desk.run(*arguments, *([] if arguments[0] == "backfill" else [f"{site.base}/"]), timeout=30)
    assert done.code in {1, 4, 5}, done.err


@pytest.mark.parametrize("one_line", [False, True])
@pytest.mark.parametrize("command", ["test", "add"])
def test_a_chain_of_entities_ends_no_process(desk: Desk, site: Site, command: str, one_line: bool) -> None:
    site.answers["/feed.xml"] = small.feed(small.deep_entities(one_line=one_line))
    desk.configure()
    done = desk.run("sources", command, f"{site.base}/feed.xml", timeout=40)
    assert done.code in {0, 1, 5}, (done.code, done.err)


def test_a_list_with_a_chain_of_entities_is_imported(desk: Desk, site: Site) -> None:
    desk.configure()
    body = (
        small.chained_entities("opml")
        + f'<opml version="2.0"><body><outline text="Harbour" xmlUrl="{site.base}/feed"/></body></opml>'
    )
    (desk.folder / "list.opml").write_text(body)
    done = desk.run("sources", "import", "list.opml", timeout=40)
    assert done.code == 0, done.err
    assert f'feeds = ["{site.base}/feed"]' in (desk.folder / "newsdesk.toml").read_text()


def test_a_list_of_open_comments_is_read_in_time(desk: Desk) -> None:
    desk.configure()
    (desk.folder / "list.opml").write_text("<opml><body>" + "<!-- " * 32_000)
    done = desk.run("sources", "import", "list.opml", timeout=40)
    assert done.code == 2
    assert "no feed and no address in it" in done.err


def test_parse_feed_in_a_callers_process_survives_entities() -> None:
    """The contract has it in the caller's own process: a document type never reaches expat."""
    code = "import sys, crawler; print(len(crawler.parse_feed(sys.stdin.buffer.read(), 'http://a.example/f').entries))"
    for body in (small.deep_entities(), small.deep_entities(one_line=True)):
        done = subprocess.run(
            [sys.executable, "-c", code], input=body, capture_output=True, check=False, cwd=ROOT, timeout=60
        )
        assert (done.returncode, done.stdout.strip()) == (0, b"1"), done.stderr[-300:]


READERS: dict[str, tuple[Callable[[], object], ...]] = {
    "line breaks before the root": (
        lambda: parse_feed(small.breaks_before_root(size=800_000), "http://a.example/", now=NOW),
        lambda: parse_feed(small.breaks_before_root("<!DOCTYPE rss>", 800_000), "http://a.example/", now=NOW),
        lambda: parse_feed(small.breaks_before_root("<?x ?>", 800_000), "http://a.example/", now=NOW),
        lambda: without_prolog("<!DOCTYPE a [" + "\n" * 800_000),
        lambda: without_prolog("<" * 800_000),
        lambda: without_prolog("<!DOCTYPE a>" * 60_000),
        lambda: without_prolog("<!DOCTYPE a [" + '"' * 800_001),
    ),
    "sitemaps": (
        lambda: parse_feed(small.nested_sitemap(240, 50_000), "http://a.example/", now=NOW),
        lambda: parse_feed(small.nested_sitemap().replace(b"url>", b"news>").replace(b"<news>", b"<url><news>", 1), "http://a.example/", now=NOW),
    ),
    "robots.txt": (
        lambda: read_rules(small.agents_times_rules(512_000), "newsdesk"),
        lambda: read_rules(b"User-agent: *\n" + b"\n" * 500_000, "newsdesk"),
        lambda: read_sitemaps(b"\n" * 500_000 + b"sitemap"),
        lambda: read_sitemaps(b"sitemap:" + b" " * 500_000),
        lambda: read_rules(b"User-agent:" + b" " * 500_000 + b"x\nDisallow: /", "newsdesk"),
    ),
    "charset": (
        lambda: decode_feed(b"<rss/>", "text/xml; charset=" + " " * 500_000),
        lambda: decode_feed(b"<rss/>", "charset " * 60_000),
        lambda: decode_feed(b"<?xml " + b"encoding" + b" " * 500_000),
    ),
    "content": (
        lambda: sanitize_html("<ul><li>" * 60_000),
        lambda: sanitize_html("<div>" * 100_000),
        lambda: sanitize_html("<b><i>" * 80_000),
        lambda: sanitize_html("<table><tr><td>" * 30_000),
        lambda: parse_feed(small.skip_hours(400_000), "http://a.example/", now=NOW),
        lambda: unescaped("&#" + "1" * 500_000 + ";"),
    ),
    "lists": (
        lambda: read_opml(b"<opml><body>" + b"<!-- " * 100_000),
        lambda: read_opml(b"<opml><body>" + b"<outline " * 60_000),
        lambda: read_opml(b"<opml><body>" + b'<outline text="' * 40_000),
        lambda: read_opml(b"<opml><body><outline " + b"a" * 500_000),
        lambda: read_opml(b"<opml><body>" + b"<" * 500_000),
        lambda: read_opml(b"<opml><body>" + b"<outline text='a' xmlUrl='http://a.example/1'/>\n" * 12_000),
    ),
    "discovery": (
        lambda: discover_feeds(b"<a href='/rss'>" * 20_000, "http://a.example/"),
        lambda: discover_feeds(b"<link rel=alternate type=application/rss+xml href='/" + b" " * 500_000 + b"'>", "http://a.example/"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", READERS)
def test_readers_take_time_in_proportion(name: str) -> None:
    """Half a megabyte each. What is quadratic takes minutes, and meets the test's own time limit; no time is asserted."""
    for read in READERS[name]:
        read()


def test_no_expression_of_ours_takes_more_than_linear_time() -> None:
    """An expression over outside text must not go back over whitespace: see expressions.py for the shapes."""
    found = [f for f in suspects(ROOT, "crawler", "storage") if f.where.split(":")[0] not in BOUNDED]
    assert found == [], "\n".join(f"{f.shape} {f.where} {f.pattern}" for f in found)


@pytest.mark.parametrize(
    ("pattern", "flags", "shape"),
    [
        (r"\s*\s*x", 0, "adjacent"), (r"a\s*(?:b)?\s*c", 0, "adjacent"), (r"charset\s*=\s*[\"']?\s*(\w+)", 0, "adjacent"), (r"\s*(?:x|\s+)", 0, "adjacent"),
        (r"(?:\s+|x)*y", 0, "nested"), (r"(?:\s*)*", 0, "nested"), (r"^\s*sitemap", re.MULTILINE, "rescan"), (r"\s+$", 0, "rescan"),
        (r"<!--.*?-->", re.DOTALL, "rescan"), (r"<[^>]*>", 0, "rescan"),
    ],
)  # fmt: skip
def test_the_scan_finds_each_shape(pattern: str, flags: int, shape: str) -> None:
    assert shape in set(shapes(pattern, flags, searched=True))


@pytest.mark.parametrize(
    "pattern", [r"\A\s*x", r"(?<!\s)\s+$", r"a\s*=\s*b", r"<[^<>]*>", r"\s+", r"\s{0,9}x", r"[a-z]+\s[a-z]+"]
)
def test_the_scan_lets_linear_ones_pass(pattern: str) -> None:
    assert set(shapes(pattern, 0, searched=True)) == set()


def test_a_comment_in_an_address_is_no_part_of_it() -> None:
    body = b"<urlset><url><loc><!-- moved -->http://a.example/1</loc></url></urlset>"
    assert [entry.url for entry in parse_feed(body, "http://a.example/", now=NOW).entries] == ["http://a.example/1"]


def test_sources_take_turns() -> None:
    """A source whose work was ended waits behind others, and never takes the last worker."""
    done: list[str] = []

    async def admitted(
        turns: Turns, source: str, gate: asyncio.Event | None = None, pool: asyncio.Semaphore | None = None
    ) -> None:
        async with turns.turn(source), pool or asyncio.Semaphore():
            if gate is not None:
                await gate.wait()
            done.append(source)

    async def run() -> None:
        turns = Turns(1)
        work = functools.partial(admitted, pool=asyncio.Semaphore(1))
        gate = asyncio.Event()
        tasks = [asyncio.ensure_future(work(turns, "a", gate))]
        await asyncio.sleep(0)
        tasks += [asyncio.ensure_future(work(turns, name)) for name in ("a", "a", "a", "b", "b", "c")]
        await asyncio.sleep(0)
        cancelled = asyncio.ensure_future(work(turns, "d"))
        await asyncio.sleep(0)
        cancelled.cancel()
        gate.set()
        await asyncio.gather(*tasks)
        assert done == ["a", "b", "a", "b", "c", "a", "a"]
        done.clear()
        turns.was_slow("a")
        gate = asyncio.Event()
        tasks = [asyncio.ensure_future(work(turns, "x", gate))]
        await asyncio.sleep(0)
        tasks += [asyncio.ensure_future(work(turns, name)) for name in ("a", "a", "b", "c")]
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(*tasks)
        assert done == ["x", "b", "c", "a", "a"]
        done.clear()
        two = Turns(2)
        work = functools.partial(admitted, pool=asyncio.Semaphore(2))
        two.was_slow("a")
        gate = asyncio.Event()
        tasks = [asyncio.ensure_future(work(two, "a", gate)) for _ in range(3)]
        await asyncio.sleep(0)
        await work(two, "good")  # finds a worker though three of a's want one
        assert done == ["good"]
        gate.set()
        await asyncio.gather(*tasks)
        done.clear()
        gates = [asyncio.Event() for _ in range(4)]
        turns, work = Turns(2), functools.partial(admitted, pool=asyncio.Semaphore(2))
        tasks = [asyncio.ensure_future(work(turns, "late", gate)) for gate in gates]
        await asyncio.sleep(0)
        turns.was_slow("late")  # which has both workers, as nothing was known of it
        gates[0].set()
        await tasks[0]
        await work(turns, "good")
        assert done == ["late", "good"]
        assert not any(task.done() for task in tasks[1:])
        for gate in gates:
            gate.set()
        await asyncio.gather(*tasks)

    asyncio.run(run())


def _spin(_: object) -> None:
    while True:
        pass


def test_a_source_whose_work_is_ended_holds_up_no_other() -> None:
    async def run() -> None:
        pool = WorkerPool(1, 20)
        try:
            bad = [asyncio.ensure_future(pool.run(_spin, n, source="bad", seconds=1)) for n in range(6)]
            await asyncio.sleep(0.2)
            assert await pool.run(len, "abc", source="good") == 3
            assert sum(task.done() for task in bad) <= 2
            for task in bad:
                task.cancel()
            await asyncio.gather(*bad, return_exceptions=True)
            with pytest.raises(PageFailed, match="longer than 0.5 s"):
                await pool.run(_spin, 0, source="late", seconds=0.5)
        finally:
            pool.close()

    asyncio.run(run())
