"""What users met on their first day: each fault that was found, and what newsdesk says now."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from crawler.outputs.diff import changed
from storage.errors import StorageError
from storage.records import Filter
from storage.store import open_store
from storage.writer import open_writer
from tests.conftest import ROOT, Desk, source
from tests.running import SCHEDULE, Running, until
from tests.site import Answer, Site, story
from tests.watches.receiver import delivery


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Six articles, crawled."""
    desk, site = Desk(tmp_path_factory.mktemp("kept")), Site()
    site.news(6)
    desk.configure(source(site, more='tags = ["local"]'))
    assert desk.run("crawl").code == 0
    yield desk
    site.close()


@pytest.mark.parametrize("arguments", [(), ("db",), ("sources",), ("watch",), ("config",)], ids=" ".join)
def test_a_group_alone_prints_its_help(desk: Desk, arguments: tuple[str, ...]) -> None:
    done = desk.run(*arguments)
    assert done.code == 2
    assert done.out == ""
    lines = done.err.splitlines()
    assert lines[0].startswith("Usage: newsdesk")
    assert "Commands:" in lines
    assert len(lines) > 8


def test_search_takes_all_its_words_as_one_query(kept: Desk) -> None:
    one = kept.run("search", "Story number", "--json").out
    assert json.loads(one)
    assert kept.run("search", "Story", "number", "--json").out == one
    assert kept.run("search", "--json", "Story", "number").out == one


@pytest.mark.parametrize(
    ("query", "read"), [("week OR", 'week "OR"'), ("(story", "story"), ("titel:week", '"titel:week"'), ("w*k", '"w*k"')]
)
def test_what_is_no_valid_syntax_is_said(kept: Desk, query: str, read: str) -> None:
    assert f"searched for: {read}" in kept.run("search", query).err
    assert f"searched for: {read}" in kept.run("export", "-", "--format", "csv", "--query", query).err


@pytest.mark.parametrize("query", ["not a word", '"this OR that"', "ORANGE", "week NOT zebra", "stor* OR (a b)"])
def test_valid_queries_are_not_talked_about(kept: Desk, query: str) -> None:
    assert "searched for" not in kept.run("search", query).err


def test_a_word_with_a_minus_is_a_term_on_the_command_line(kept: Desk) -> None:
    found = json.loads(kept.run("search", "story", "--json").out)
    assert len(found) > 1
    assert json.loads(kept.run("search", "story", "-story", "--json").out) == []
    assert json.loads(kept.run("search", "-story", "--json", "--limit", "1").out) == []
    without = json.loads(kept.run("search", "story", "-title:zebra", "--json").out)
    assert {row["id"] for row in without} == {row["id"] for row in found}
    assert kept.run("search", "--json", "--", "story", "-story").out == "[]\n"
    unknown = kept.run("search", "story", "--sotr", "newest")
    assert unknown.code == 2
    assert "--sort" in unknown.err
    assert kept.run("search", "story", "--limit", "-1").code == 2
    newest = json.loads(kept.run("search", "story", "--sort", "newest", "--json").out)
    assert [row["published_at"] for row in newest] == sorted((row["published_at"] for row in newest), reverse=True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("list", "--tag", "nosuch"), "no source has the tag 'nosuch'"),
        (("list", "--source", "nope"), "no source is called 'nope'"),
        (("search", "x", "--tag", "nosuch"), "no source has the tag 'nosuch'"),
        (("edits", "--tag", "nosuch"), "no source has the tag 'nosuch'"),
        (("edits", "--source", "nope"), "no source is called 'nope'"),
        (("list", "--until", "2001-01-01"), "no article matches"),
        (("search", "zzzz"), "no article matches 'zzzz'"),
        (("edits",), "no edit matches"),
        (("edits", "--vanished"), "no vanished article matches"),
    ],
)
def test_an_empty_answer_says_why(kept: Desk, arguments: tuple[str, ...], said: str) -> None:
    done = kept.run(*arguments)
    assert (done.code, done.out) == (0, "")
    assert said in done.err


def test_edits_of_a_tag_that_no_source_has_are_none(desk: Desk, site: Site) -> None:
    """They were all edits: the filter was empty."""
    desk.configure(source(site))
    address = site.page("/2026/11/20/one", "One story of the week", story(1))
    desk.run("fetch", address)
    site.page("/2026/11/20/one", "One story of the week", [*story(1)[:-1], "The ferry was late by two hours."])
    desk.run("fetch", address)
    assert len(json.loads(desk.run("edits", "--json").out)) == 1
    assert json.loads(desk.run("edits", "--json", "--tag", "nosuch").out) == []


def test_a_filter_in_python_takes_times_as_the_command_line_does(kept: Desk) -> None:
    with open_store(kept.database) as store:
        every = [hit.article.id for hit in store.articles(Filter(since="3650d"))]
        assert len(every) == 6
        assert store.count(Filter(seen_since="1h", until="today")) == 6
        assert store.count(Filter(since=datetime.fromisoformat("2026-11-20T08:30:00Z"))) == 0  # type: ignore[arg-type]
        assert store.edits(since="7d") == []
        for broken in (Filter(since="whenever"), Filter(until="7 parsecs"), Filter(seen_since="99999999w")):
            with pytest.raises(StorageError, match="this is no time; write 7d, 12h, today"):
                list(store.articles(broken))


@pytest.mark.parametrize(("name", "starts"), [("n.csv", "id,"), ("n.jsonl", "{"), ("n.atom", "<?xml")])
def test_export_goes_by_the_files_ending(kept: Desk, name: str, starts: str) -> None:
    assert kept.run("export", name).code == 0
    assert (kept.folder / name).read_text(encoding="utf-8-sig").startswith(starts)


@pytest.mark.parametrize("name", ["news", "news.txt", "-"])
def test_export_without_a_format_says_so(kept: Desk, name: str) -> None:
    done = kept.run("export", name)
    assert done.code == 2
    assert "--format jsonl|csv|parquet|markdown|atom" in done.err


@pytest.mark.parametrize("robots", [200, 500])
def test_a_backfill_that_could_not_look_says_so(desk: Desk, site: Site, robots: int) -> None:
    """A study would take "no article of that time is missing" for an answer."""
    site.news(2)
    desk.configure(source(site))
    desk.run("crawl")
    site.answers["/robots.txt"] = Answer(b"", robots, kind="text/plain")
    for arguments in (("--dry-run",), ()):
        done = desk.run("backfill", "post", "--since", "2026-10-01", *arguments)
        assert done.code == 4, done.err
        assert "post: could not be searched: " in done.err
        assert "is missing" not in done.err


def test_a_backfill_that_looked_and_found_nothing_says_that(desk: Desk, site: Site) -> None:
    site.news(2)
    site.answers["/news.xml"] = Answer(
        b'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url><loc>'
        + site.base.encode()
        + b"/2020/01/02/an-old-story</loc><lastmod>2020-01-02</lastmod></url></urlset>",
        kind="application/xml",
    )
    site.answers["/robots.txt"] = Answer(
        f"User-agent: *\nAllow: /\nSitemap: {site.base}/news.xml".encode(), kind="text/plain"
    )
    desk.configure(source(site))
    desk.run("crawl")
    done = desk.run("backfill", "post", "--since", "2026-10-01")
    assert done.code == 0
    assert "no article of that time is missing" in done.err


def test_a_backfill_that_failed_is_tried_again(desk: Desk, site: Site) -> None:
    site.news(1)
    desk.configure(source(site, more=f'sitemaps = ["{site.base}/map.xml"]'))
    assert desk.run("backfill", "post", "--since", "2026-10-01").code == 4
    site.page("/2026/11/02/an-older-story", "An older story", ["The pier was painted green in the spring."] * 4)
    listed = f"<url><loc>{site.base}/2026/11/02/an-older-story</loc><lastmod>2026-11-02</lastmod></url>"
    site.answers["/map.xml"] = Answer(
        f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{listed}</urlset>'.encode(),
        kind="application/xml",
    )
    done = desk.run("backfill", "post", "--since", "2026-10-01")
    assert done.code == 0, done.err
    assert "1 new" in done.err


def test_an_interrupted_crawl_counts_what_waits(desk: Desk, site: Site) -> None:
    site.news(40)
    desk.configure(source(site), delay=0.3)
    process = subprocess.Popen(
        desk.command("crawl"),
        cwd=desk.folder,
        env=desk.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert until(lambda: len(site.paths()) > 4, 30)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    stored = desk.rows("SELECT count(*) AS n FROM articles")[0]["n"]
    assert f"interrupted: {stored} new" in err
    assert f"{40 - stored} more wait for the next" in err, (out, err)


def test_a_source_behind_a_consent_wall_is_a_warning(desk: Desk, site: Site) -> None:
    wall = b"<html><head><title>Consent</title></head><body><h1>We value your privacy</h1><p>We and our partners store cookies. Accept all cookies to continue.</p><button>Accept all</button><button>Reject all</button></body></html>"
    items = [{"title": f"Story number {n} of the week", "link": f"/2026/11/20/story-{n}"} for n in range(14)]
    for item in items:
        site.answers[item["link"]] = Answer(wall)
    site.rss("/feed.xml", items)
    desk.configure(source(site))
    desk.run("crawl")
    assert desk.rows("SELECT count(*) AS n FROM articles WHERE completeness <> 'full'")[0]["n"] == 14
    done = desk.run("status")
    assert "! post: no full text: none of its newest 14 articles" in done.out
    assert done.code == 0
    assert desk.run("status", "--strict").code == 1


def test_a_log_in_json_is_json_to_the_last_line(desk: Desk, site: Site, start: Callable[..., Running]) -> None:
    site.news(2)
    desk.configure(source(site), extra=SCHEDULE, hour=6)
    run = start("--log", "json")
    assert until(lambda: len(run.rows("SELECT 1 FROM articles")) == 2, 30)
    assert run.stop() == 0
    lines = [json.loads(line) for line in run.text().splitlines()]
    assert any("stopping" in line["message"] for line in lines)  # on a busy machine a warning of health may follow
    times = [str(value) for line in lines for name, value in line.items() if name == "at" or name.endswith("_at")]
    assert times
    assert all(len(time) == 20 and time[10] == "T" and time[19] == "Z" for time in times if time != "None"), times


def test_a_run_that_cannot_begin_says_so_in_json(desk: Desk, site: Site, start: Callable[..., Running]) -> None:
    desk.configure(source(site), extra=SCHEDULE, hour=6)
    first = start()
    assert until(lambda: desk.database.exists() and "watching" in first.text(), 30)
    second = desk.run("run", "--log", "json")
    assert second.code == 6
    assert "pid" in json.loads(second.err)["message"]


def test_a_run_says_what_it_watches_and_when_it_polls_next(
    desk: Desk, site: Site, start: Callable[..., Running]
) -> None:
    site.news(1)
    desk.configure(source(site))
    assert desk.run("crawl").code == 0
    run = start()
    assert until(lambda: "watching 1 sources, next poll at 20" in run.text(), 20), run.text()
    with (desk.folder / "newsdesk.toml").open("a", encoding="utf-8") as file:
        file.write("\n# a remark\n")
    run.process.send_signal(signal.SIGHUP)
    assert until(lambda: "configuration reloaded" in run.text(), 20), run.text()
    assert "warning" not in run.text()
    run.stop()


def test_status_tells_what_a_run_brought_so_far(desk: Desk, site: Site, start: Callable[..., Running]) -> None:
    site.news(5)
    desk.configure(source(site), hour=60)  # minutes of its own counts last a second
    start()
    assert until(lambda: "5 new" in desk.run("status").out, 30), desk.run("status").out


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_the_metrics_port_has_metrics_health_and_nothing_else(
    desk: Desk, site: Site, start: Callable[..., Running]
) -> None:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    site.news(2)
    desk.configure(source(site), extra=SCHEDULE, hour=6)
    run = start("--metrics", f"127.0.0.1:{port}")
    assert until(lambda: len(run.rows("SELECT 1 FROM articles")) == 2, 30), run.text()
    base = f"http://127.0.0.1:{port}"
    status, text = _get(f"{base}/metrics")
    assert status == 200
    assert "newsdesk_articles_total 2.0" in text
    assert _get(f"{base}/healthz") == (200, "healthy\n")
    assert [_get(f"{base}{path}")[0] for path in ("/", "/metric", "/metrics/x", "/favicon.ico")] == [404] * 4
    with open_writer(desk.database) as writer:
        writer.set_meta("damage", "page 7 is bad")
    status, text = _get(f"{base}/healthz")
    assert status == 503
    assert "page 7 is bad" in text


def test_a_proxy_of_the_environment_is_named(desk: Desk) -> None:
    desk.configure(
        '[[source]]\nid = "x"\nname = "x"\nurl = "https://no-such-name.invalid/"\nfeeds = ["https://no-such-name.invalid/f"]\n'
    )
    desk.env["HTTPS_PROXY"] = "http://127.0.0.1:3128"
    done = desk.run("crawl")
    assert done.code == 5
    assert "HTTPS_PROXY is set, but newsdesk takes a proxy from `[http] proxy` alone" in " ".join(done.out.split())


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        (
            "One here. Gone now.\n\nThree old.",
            "One here.\n\nThree new.",
            "One here. [Gone now.]\n\nThree [old.] {new.}",
        ),
        ("Intro x.\n\nGone now. Next words.", "Intro y.\n\nNext words.", "Intro [x.\n\nGone now.] {y.}\n\nNext words."),
        ("One. Gone.\n\nAlso. Four z.", "One. Four y.", "One. [Gone.\n\nAlso.] Four [z.] {y.}"),
        ("Gone now. Next words.", "Next words.", "[Gone now.] Next words."),
        ("Aa bb cc.\n\nEe ff.", "Aa bb.\n\nEe ff.", "Aa [bb cc.] {bb.}"),
        ("Same a.\n\nGone para.\n\nEnd b.", "Same c.\n\nEnd d.", "Same [a.\n\nGone para.] {c.}\n\nEnd [b.] {d.}"),
    ],
)
def test_what_was_removed_begins_no_paragraph(old: str, new: str, shown: str) -> None:
    before, after = ({"title": "t", "subtitle": "", "text": text} for text in (old, new))
    ((_, pieces),) = changed(before, after)
    said = ""
    for op, words in pieces:
        body, space = words.rstrip(), words[len(words.rstrip()) :]
        left, right = {"delete": ("[", "]"), "insert": ("{", "}")}.get(op, ("", ""))
        said += f"{left}{body}{right}{space}"
    assert said.rstrip() == shown


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("-a", "source=post"), 2, "it has no argument 'source'; it has -a sources=…, -a due=…, -a limit=…"),
        (("-a", "limit=many"), 2, "must be a whole number"),
        (("-a", "due=perhaps"), 2, "must be true or false"),
        (("-a", "sources=gone"), 5, "exit 5"),
        (("-a", "sources=post"), 0, "2 articles new"),
    ],
)
def test_scrapys_command_refuses_what_it_does_not_know_and_exits_as_it_prints(
    desk: Desk, site: Site, arguments: tuple[str, ...], code: int, said: str
) -> None:
    site.news(2)
    desk.configure(source(site), source("http://127.0.0.1:9", id="gone"))
    (desk.folder / "scrapy.cfg").write_text("[settings]\ndefault = crawler.engine.settings\n")
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", "crawl", "feed", *arguments],
        cwd=desk.folder, env=desk.environment(), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr  # no warning of a middleware


STRAY = "raise SystemExit('a stray file of the current folder was executed')\n"


@pytest.mark.parametrize("name", ["json.py", "selectors.py", "storage/__init__.py", "signal.py", "crawler/__init__.py"])
def test_a_stray_file_of_the_current_folder_is_not_executed(desk: Desk, site: Site, name: str) -> None:
    """The API's child and the servers of its worker processes were started with the current folder first on their path."""
    site.news(1)
    desk.configure(source(site))
    (desk.folder / name).parent.mkdir(exist_ok=True)
    (desk.folder / name).write_text(STRAY)
    code = f"import crawler; print(crawler.fetch({site.base + '/2026/11/20/story-number-0'!r}).title)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=desk.folder, env=desk.environment(), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "Story number 0 of the week\n"), done.stderr


@pytest.mark.parametrize("name", ["selectors.py", "signal.py"])
def test_a_stray_file_is_not_executed_by_what_answers_browse(desk: Desk, name: str) -> None:
    open_writer(desk.database).close()
    (desk.folder / name).write_text(STRAY)
    code = (
        "import asyncio, pathlib\nfrom crawler.outputs.browse.sql_workers import Answerer\n"
        "asked = Answerer(pathlib.Path('news.db'))\n"
        "print(asyncio.run(asked.run('SELECT 1 AS one', {}, most=None, milliseconds=5000))[1])\nasked.close()"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=desk.folder, env=desk.environment(), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "[(1,)]\n"), done.stderr


def test_a_package_of_somebody_else_is_named(desk: Desk, tmp_path: Path) -> None:
    for name, code in (("spiders", 1), ("storage", 1)):
        (tmp_path / "theirs" / name).mkdir(parents=True)
        (tmp_path / "theirs" / name / "__init__.py").touch()
        desk.env["PYTHONPATH"] = f"{tmp_path / 'theirs'}{os.pathsep}{ROOT}"
        done = desk.run("doctor")
        assert done.code == code
        assert f"the package '{name}' is imported from {tmp_path / 'theirs' / name}" in done.out + done.err


def test_the_progress_bar_knows_its_end_once_the_feeds_are_read(desk: Desk, site: Site) -> None:
    import pty
    import re

    site.news(20)
    desk.configure(source(site), delay=0.15)
    master, slave = pty.openpty()
    process = subprocess.Popen(
        desk.command("crawl"), cwd=desk.folder, env={**desk.environment(), "COLUMNS": "160", "TERM": "xterm"}, stdout=subprocess.DEVNULL, stderr=slave
    )  # fmt: skip
    os.close(slave)
    shown = b""
    try:
        while part := os.read(master, 65536):
            shown += part
    except OSError:  # the other end is closed
        pass
    os.close(master)
    assert process.wait(30) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode("utf-8", "replace"))
    totals = [int(total) for total in re.findall(r"\d+/(\d+) ", text)]
    assert totals
    assert set(totals) == {21}, totals  # a feed and its articles; it grew with each request
    assert "reading feeds" in text
    assert re.search(r"\d\.\d/s", text)


def test_a_failure_of_apprise_says_why_and_tells_no_secret(desk: Desk) -> None:
    from crawler.watches.receivers import DeliveryError, deliver

    body = json.dumps({"title": "t", "text": "x"})
    with pytest.raises(DeliveryError) as failed:
        deliver("json://127.0.0.1:9/s3cretpath", delivery(body))
    assert "Apprise could not deliver it: " in str(failed.value)
    assert "onnection" in str(failed.value)
    assert "s3cret" not in str(failed.value)
    with pytest.raises(DeliveryError) as unknown:
        deliver("mailto://user:passw0rd@127.0.0.1:9?to=a@example.org", delivery(body))
    assert "Apprise knows no such receiver: " in str(unknown.value)
    assert "passw0rd" not in str(unknown.value)


def test_the_documents_say_what_the_program_says() -> None:
    service = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")
    assert "--config /etc/newsdesk/newsdesk.toml --db /var/lib/newsdesk/news.db status" in service
    for name in ("README.md", "docs/tutorial.md", "CHANGELOG.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "UTC (UTC" not in text
        for number in ("six", "seven", "eight", "forty-five"):
            assert f"{number} invented" not in text
            assert f"{number} outlets" not in text


def test_what_a_feed_said_stays_where_a_person_fetches_the_page_anew(desk: Desk, site: Site) -> None:
    site.news(1)
    desk.configure(source(site))
    assert desk.run("crawl").code == 0
    with open_writer(desk.database) as writer:
        writer.db.conn.execute("UPDATE articles SET summary = 'What the feed says of it', section = 'Harbour'")
        writer.db.conn.commit()
    page = next(path for path in site.answers if "story-number-0" in path)
    site.answers[page] = Answer(
        site.answers[page].body.replace(
            b"</article>", b"<p>One more paragraph was added to it, and it says what came of the vote.</p></article>"
        )
    )
    assert desk.run("fetch", site.base + page).code == 0
    (row,) = desk.rows("SELECT summary, section, (SELECT count(*) FROM revisions) AS version FROM articles")
    assert (row["summary"], row["version"]) == ("What the feed says of it", 2), dict(row)


def test_export_and_gaps_tell_of_a_source_that_nobody_knows(desk: Desk, site: Site) -> None:
    site.news(1)
    desk.configure(source(site))
    desk.run("crawl")
    for arguments in (("export", "-", "--format", "csv", "--source", "nobody"), ("gaps", "--source", "nobody")):
        assert "no source is called 'nobody'" in desk.run(*arguments).err
    assert "is a folder" in desk.run("--db", ".", "list").err
    assert "no article matches" not in desk.run("list", "--limit", "0").err


def test_many_addresses_are_added_with_progress_and_one_source_a_site(desk: Desk) -> None:
    """Two feeds of one site are one source; a page without a name takes its feed's."""
    sites = [Site(f"127.0.5.{n}") for n in range(1, 6)]
    try:
        for n, site in enumerate(sites):
            site.news(2)
            site.answers["/world.xml"] = site.answers["/feed.xml"]
            link = '<link rel="alternate" type="application/rss+xml" href="/feed.xml">'
            title = "" if n == 4 else f"<title>Outlet {n}</title>"
            site.answers["/"] = Answer(f"<html><head>{title}{link}</head><body><p>x</p></body></html>".encode())
        desk.configure()
        urls = [f"{sites[0].base}/feed.xml", f"{sites[0].base}/world.xml", *(site.base for site in sites[1:])]
        done = desk.run("sources", "add", *urls, "http://127.0.5.9:1/")
        assert done.code == 4
        for number in range(1, 8):
            assert f"[{number}/7] " in done.err
        listed = json.loads(desk.run("sources", "list", "--json").out)
        assert len(listed) == 5
        first = next(row for row in listed if sites[0].base in row["url"] or sites[0].base in row["feeds"][0])
        assert first["feeds"] == urls[:2]
        names = {row["name"] for row in listed}
        assert {"Outlet 1", "Outlet 2", "Outlet 3"} <= names
        assert not any(row["name"].startswith("127.0.5.5") for row in listed)  # it has its feed's name
    finally:
        for site in sites:
            site.close()
