"""The command as a user runs it: what it prints where, and how it ends."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from crawler.cli import COMMANDS
from tests.conftest import ROOT, Desk, source
from tests.running import browsing
from tests.site import Answer, Site, story


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A small database that the reading commands share."""
    desk = Desk(tmp_path_factory.mktemp("kept"))
    site = Site()
    for n, title in enumerate(
        ["The Kremlin said no", "=HYPERLINK(1)", "跨海大桥周五通车", "A \x1b[31mred\x1b[0m headline"]
    ):
        site.page(
            f"/2026/11/2{n}/story-number-{n}-here",
            title,
            ["历时六年建设的跨海大桥将于本周五正式通车，大桥管理局宣布。"] * (n == 2) + story(n),
            published=f"2026-11-1{n}T08:00:00+00:00",
        )
    site.rss("/feed.xml", [{"title": f"t{n}", "link": f"/2026/11/2{n}/story-number-{n}-here"} for n in range(4)])
    desk.configure(source(site))
    assert desk.run("crawl").code == 0
    site.close()
    return desk


def test_help_is_quick_and_names_every_command(desk: Desk) -> None:
    done = desk.run("--help")
    assert done.code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in done.out
    modules = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.argv = ['newsdesk', '--help']\nfrom crawler.cli import run\nrun(['--help'])\nprint([m for m in sys.modules if m in ('scrapy', 'trafilatura', 'sqlite_utils', 'rich', 'lxml')], file=sys.stderr)",
        ],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert modules.stderr.strip() == "[]"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(desk: Desk, command: str) -> None:
    assert desk.run(command, "--help").code == 0


def test_list_is_newest_first_and_for_machines(kept: Desk) -> None:
    rows = json.loads(kept.run("list", "--json").out)
    assert [r["published_at"] for r in rows] == [f"2026-11-1{n}T08:00:00Z" for n in (3, 2, 1, 0)]
    assert isinstance(rows[0]["authors"], list)
    assert [json.loads(line)["id"] for line in kept.run("list", "--jsonl", "--fields", "id").out.splitlines()] == [
        r["id"] for r in rows
    ]
    table = list(csv.DictReader(io.StringIO(kept.run("list", "--csv").out)))
    assert table[2]["title"] == "'=HYPERLINK(1)"
    cut = kept.run("list", "--limit", "2")
    assert len(cut.out.splitlines()) == 2
    assert "2 of 4" in cut.err
    assert kept.run("list", "--json", "--csv").code == 2
    assert kept.run("list", "--fields", "nope").code == 2
    assert kept.run("list", "--since", "whenever").code == 2
    assert kept.run("list", "--since", "2026-11-12", "--until", "2026-11-12", "--json").out.count('"id"') == 1


def test_search_ranks_snippets_and_never_raises(kept: Desk) -> None:
    assert "Kremlin" in kept.run("search", "kremlin").out
    assert "«minister»" in kept.run("search", "minister").out
    assert json.loads(kept.run("search", "大桥", "--json").out)[0]["title"] == "跨海大桥周五通车"
    for query in ("(", "AND", "-x", "it's", '"', '"unbalanced', "a*", "title:x"):
        done = kept.run("search", "--", query)
        assert done.code == 0, query
    nothing = kept.run("search", "zzzzzz")
    assert (nothing.code, nothing.out) == (0, "")


def test_no_control_character_reaches_the_terminal(kept: Desk) -> None:
    assert "\x1b" not in kept.run("list").out + kept.run("show", "4").out + kept.run("search", "headline").out


def test_show_by_id_uid_and_any_address(kept: Desk) -> None:
    by_id = kept.run("show", "1", "--json")
    article = json.loads(by_id.out)[0]
    assert kept.run("show", article["uid"], "--json").out == by_id.out
    assert kept.run("show", article["url"] + "?utm_source=x", "--json").out == by_id.out
    assert "json-ld" in kept.run("show", "1", "--provenance").out
    assert kept.run("show", "1", "--markdown").out.startswith("# ")
    assert kept.run("show", "999").code == 2
    assert "never edited" in kept.run("show", "1", "--revisions").out
    assert kept.run("show", "1", "--diff").code == 2


def test_export_writes_whole_files(kept: Desk) -> None:
    assert kept.run("export", "--format", "jsonl", "out.jsonl").code == 0
    rows = [json.loads(line) for line in (kept.folder / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 4
    assert kept.run("export", "--format", "csv", "-", "--source", "post").out.count("\n") >= 5
    failed = kept.run("export", "--format", "csv", "no/such/folder.csv")
    assert failed.code == 1
    assert "does not exist; make it" in failed.err


def test_status_doctor_config(kept: Desk) -> None:
    assert "4 articles" in kept.run("status").out
    assert json.loads(kept.run("status", "--json").out)["sources"][0]["source"] == "post"
    assert kept.run("doctor").code == 0
    assert (
        'allow_networks = ["127.0.0.0/8", "::1/128"]  # newsdesk.toml:2' in kept.run("config", "show", "--origin").out
    )
    assert kept.run("config", "check").code == 0


def test_db_check_backup_restore_migrate_prune(kept: Desk) -> None:
    assert kept.run("db", "check").out.strip() == "news.db: ok"
    assert kept.run("db", "backup", "b.db").code == 0
    assert re.search(r"generation \d{9,}", kept.run("--db", "other.db", "db", "restore", "b.db").out)
    assert "nothing to do" in kept.run("db", "migrate").out
    assert kept.run("db", "prune").code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("list",),
        ("search", "x"),
        ("show", "1"),
        ("status",),
        ("export", "--format", "csv", "-"),
        ("browse",),
        ("db", "check"),
    ],
)
def test_readers_never_create_a_database(desk: Desk, arguments: tuple[str, ...]) -> None:
    done = desk.run(*arguments)
    assert done.code == 1
    assert "news.db" in done.err
    assert "NEWSDESK_DB" in done.err
    assert not desk.database.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[http]\ntimout = 1\n", "newsdesk.toml:2: unknown key 'timout' in [http]; did you mean 'timeout'?"),
        ("[http\n", "not valid TOML"),
        ("[[source]]\nname = 'x'\n", "needs a url"),
    ],
)
def test_a_bad_configuration_is_one_line_and_exit_3(desk: Desk, text: str, said: str) -> None:
    (desk.folder / "newsdesk.toml").write_text(text, encoding="utf-8")
    done = desk.run("crawl")
    assert done.code == 3
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("crawl", "--limit", "x"), 2),
        (("nonsense",), 2),
        (("crawl", "--bogus"), 2),
        (("fetch",), 2),
        (("--config", "missing.toml", "list"), 3),
        (("crawl", "nobody"), 3),
        (("fetch", "not an address", "--no-store"), 5),
        (("sources", "add", "ftp://x.org"), 2),
        (("sources", "import", "missing.opml"), 2),
        (("sources", "enable", "nobody"), 3),
    ],
)
def test_bad_arguments_are_one_line_and_the_contracts_code(desk: Desk, arguments: tuple[str, ...], code: int) -> None:
    done = desk.run(*arguments)
    assert done.code == code, done.err
    assert done.err.startswith("newsdesk: ")
    assert len(done.err.strip().splitlines()) == 1


@pytest.mark.parametrize(("content", "said"), [(b"", "empty"), (b"words " * 100, "not a SQLite database")])
def test_a_file_that_is_not_ours_is_one_line_and_untouched(desk: Desk, content: bytes, said: str) -> None:
    desk.configure(source("http://127.0.0.1:9"))
    desk.database.write_bytes(content)
    for command in (("crawl",), ("list",)):
        done = desk.run(*command)
        assert (done.code, len(done.err.strip().splitlines())) == (1, 1)
        assert said in done.err
    assert desk.database.read_bytes() == content


def test_fetch_in_an_empty_folder_just_works(desk: Desk, site: Site) -> None:
    url = site.page("/2026/a-story-by-itself-here", "A story by itself", story(1))
    desk.env.update({"NEWSDESK_HTTP__ALLOW_NETWORKS": "127.0.0.0/8", "NEWSDESK_POLITENESS__DELAY": "0"})
    done = desk.run("fetch", url)
    assert done.code == 0
    assert done.out.startswith("A story by itself\n")
    assert "stored as 1 in news.db" in done.err
    assert "unchanged, stored as 1" in desk.run("fetch", url).err
    assert desk.run("fetch", "--text", "-", stdin=f"{url}\n").out.startswith("Report 1-0")
    assert json.loads(desk.run("fetch", "--json", url).out)[0]["source"] is None
    some = desk.run("fetch", url, f"{site.base}/missing-story-of-the-day")
    assert some.code == 4
    assert "not found (404)" in some.err


def test_fetch_no_store_keeps_nothing(desk: Desk, site: Site) -> None:
    url = site.page("/2026/a-story-by-itself-here", "A story by itself", story(1))
    desk.env.update({"NEWSDESK_HTTP__ALLOW_NETWORKS": "127.0.0.0/8"})
    assert desk.run("fetch", "--no-store", "--markdown", url).out.startswith("# A story by itself")
    assert list(desk.folder.iterdir()) == []


def test_sources_are_added_changed_and_removed_with_their_comments_kept(desk: Desk, site: Site) -> None:
    site.news(2)
    site.answers["/"] = Answer(
        b'<title>Welcome</title><meta property="og:site_name" content="The Test Post"><link rel="alternate" type="application/rss+xml" href="/feed.xml">'
    )
    desk.configure(extra="# a comment of mine\n")
    added = desk.run("sources", "add", site.base, "--id", "post", "--tag", "mine")
    assert added.code == 0, added.err
    assert "/feed.xml" in added.out
    text = (desk.folder / "newsdesk.toml").read_text(encoding="utf-8")
    assert "# a comment of mine" in text
    assert 'id = "post"\nname = "The Test Post"' in text
    assert "already" in desk.run("sources", "add", site.base).err
    assert json.loads(desk.run("sources", "list", "--json").out)[0]["tags"] == ["mine"]
    assert desk.run("crawl").code == 0
    tested = desk.run("sources", "test", f"{site.base}/feed.xml")
    assert "2 entries" in tested.out
    assert "the next poll would be" in tested.out
    assert "Story number 1" in tested.out
    assert desk.run("sources", "disable", "post").code == 0
    assert desk.run("crawl").code == 3
    desk.run("sources", "enable", "post")
    assert desk.run("sources", "rename", "post", "herald").code == 0
    assert desk.rows("SELECT DISTINCT source FROM articles") == [{"source": "herald"}]
    exported = desk.run("sources", "export").out
    assert f"{site.base}/feed.xml" in exported
    assert desk.run("sources", "remove", "herald").code == 0
    assert desk.run("list", "--json").out.count('"id"') == 2
    assert "# a comment of mine" in (desk.folder / "newsdesk.toml").read_text(encoding="utf-8")


def test_sources_add_finds_sitemaps_and_section_pages(desk: Desk, site: Site) -> None:
    site.answers["/robots.txt"] = Answer(
        f"User-agent: *\nSitemap: {site.base}/news-map.xml\n".encode(), kind="text/plain"
    )
    site.answers["/news-map.xml"] = Answer(
        f"<urlset><url><loc>{site.base}/2026/11/21/a-story-in-the-map</loc><lastmod>2026-11-21</lastmod></url></urlset>".encode(),
        kind="text/xml",
    )
    site.answers["/"] = Answer(b"<title>Post</title>")
    desk.configure()
    assert "sitemap" in desk.run("sources", "add", site.base, "--id", "mapped").out
    other = Site()
    try:
        other.answers["/"] = Answer(
            "".join(
                f'<a href="/2026/11/2{n}/a-story-on-the-front-page">A story on the front page {n}</a>' for n in range(5)
            ).encode()
        )
        assert "page" in desk.run("sources", "add", other.base, "--id", "paged").out
        nothing = Site()
        nothing.answers["/"] = Answer(b"<p>hello</p>")
        failed = desk.run("sources", "add", nothing.base)
        nothing.close()
        assert failed.code == 5
        assert "no feed" in failed.err
    finally:
        other.close()


def test_import_reads_a_wild_list_and_writes_the_failures(desk: Desk, site: Site) -> None:
    site.answers["/"] = Answer(b"<title>Post</title><p>hello</p>")
    (desk.folder / "list.opml").write_text(
        f'<opml><body><outline text="A & B"><outline text="One" xmlUrl="https://one.example/rss"/></outline><outline text="Home" htmlUrl="{site.base}/"/></body></opml>',
        encoding="utf-8",
    )
    desk.configure()
    done = desk.run("sources", "import", "list.opml")
    assert done.out.startswith("1 feeds, 0 pages, 1 nothing (see list.opml.failed.txt)")
    assert "list.opml:1: not well-formed XML" in done.err
    assert site.base in (desk.folder / "list.opml.failed.txt").read_text(encoding="utf-8")
    assert json.loads(desk.run("sources", "list", "--json").out)[0]["tags"] == ["a-&-b"]
    assert "1 were known" in desk.run("sources", "import", "list.opml").out


def test_init_writes_starter_files_once(desk: Desk) -> None:
    assert desk.run("init").code == 0
    assert (desk.folder / "sources.toml").exists()
    assert desk.run("config", "check").code == 0
    assert desk.run("init").code == 2


def test_the_demo_shows_it_all(desk: Desk) -> None:
    started = time.monotonic()
    done = desk.run("demo")
    assert done.code == 0, done.out
    assert time.monotonic() - started < 60
    for said in (
        "consent wall",
        "a web page, not a feed",
        "+2 copies",
        "[edited 1×]",
        "silent",
        "{+six of nine keepers+}",
        "跨海大桥",
        "Bergbahn",
    ):
        assert said in done.out, said


def test_row_23_a_full_disk_is_one_line_and_loses_nothing(desk: Desk, site: Site) -> None:
    if os.geteuid() != 0 or subprocess.run(["mount", "--version"], capture_output=True, check=False).returncode:
        pytest.skip("needs root, to mount a small file system")
    small = desk.folder / "small"
    small.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)], check=False, capture_output=True
    ).returncode:
        pytest.skip("this machine does not let a test mount a small file system")
    try:
        site.news(60)
        desk.configure(source(site))
        done = desk.run("--db", str(small / "news.db"), "crawl")
        assert done.code == 1
        assert "the disk is full" in done.err
        assert len(done.err.strip().splitlines()) <= 2
        subprocess.run(["mount", "-o", "remount,size=40m", str(small)], check=True)
        assert desk.run("--db", str(small / "news.db"), "crawl").code == 0
        with sqlite3.connect(small / "news.db") as db:
            assert db.execute("SELECT count(*) FROM articles").fetchone()[0] == 60
        db.close()
    finally:
        subprocess.run(["umount", str(small)], check=False)


def test_row_23_a_read_only_folder_is_one_line(desk: Desk, site: Site, kept: Desk) -> None:
    if os.geteuid() == 0:
        pytest.skip("root writes anywhere")
    desk.configure(source(site))
    desk.folder.chmod(0o555)
    done = desk.run("crawl")
    desk.folder.chmod(0o755)
    assert done.code == 1
    assert len(done.err.strip().splitlines()) == 1


def test_row_34_browse_answers_to_its_own_names_only_and_is_read_only(kept: Desk) -> None:
    with browsing(kept) as base:
        answer = urllib.request.urlopen(f"{base}/news/articles?_search=Kremlin")
        assert "Kremlin" in answer.read().decode()
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        for request, status in (
            (urllib.request.Request(base, headers={"Host": "evil.example"}), 403),
            (urllib.request.Request(base, method="POST", data=b""), 405),
            (urllib.request.Request(f"{base}/news?sql=delete+from+articles"), 400),
        ):
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(request)
            assert caught.value.code == status
            caught.value.close()
        answer.close()


def test_scrapys_own_way_in(desk: Desk, site: Site) -> None:
    site.news(2)
    desk.configure(source(site))
    env = {
        **desk.environment(),
        "NEWSDESK_CONFIG": str(desk.folder / "newsdesk.toml"),
        "NEWSDESK_DB": str(desk.database),
    }

    def scrapy(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "scrapy", *arguments],
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert scrapy("list").stdout.split() == ["feed", "url"]
    crawled = scrapy("crawl", "feed")
    assert crawled.returncode == 0, crawled.stderr
    assert "2 articles new" in crawled.stderr
    url = site.page("/2026/one-more-story-by-hand", "One more", story(5))
    assert scrapy("crawl", "url", "-a", f"url={url}").returncode == 0
    assert len(desk.rows("SELECT 1 FROM articles")) == 3


def test_a_closed_pipe_is_no_error(kept: Desk) -> None:
    done = subprocess.run(
        f"{sys.executable} -m crawler list --json | head -1",
        shell=True,
        cwd=kept.folder,
        env=kept.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""


def test_paths_of_this_machine_are_not_in_the_repository() -> None:
    for name in ("pyproject.toml", "Makefile", "README.md", "constraints/run.txt"):
        assert str(Path.home()) not in (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "arguments",
    [
        ("list", "--limit", "9" * 25),
        ("list", "--story", "9" * 25),
        ("show", "9" * 25),
        ("show", "²"),
        ("edits", "--min-words", "9" * 25),
        ("fetch", ""),
    ],
)
def test_odd_numbers_are_one_line(kept: Desk, arguments: tuple[str, ...]) -> None:
    done = kept.run(*arguments)
    assert done.code == 2
    assert len(done.err.strip().splitlines()) == 1


def test_an_id_that_could_not_be_read_back_is_never_written(desk: Desk, site: Site) -> None:
    site.news(1)
    desk.configure(source(site))
    desk.run("crawl")
    before = (desk.folder / "newsdesk.toml").read_text()
    assert desk.run("sources", "rename", "post", "a b").code == 2
    assert desk.run("sources", "add", site.base + "/feed.xml", "--id", "x y").code == 2
    assert (desk.folder / "newsdesk.toml").read_text() == before
    assert desk.rows("SELECT DISTINCT source FROM articles") == [{"source": "post"}]


def test_a_database_is_not_backed_up_onto_itself(kept: Desk) -> None:
    assert kept.run("db", "backup", "news.db").code == 1
    assert kept.run("db", "restore", "news.db").code == 1


@pytest.mark.parametrize(
    "setting",
    [
        "[http]\nconcurrency = 0",
        '[http]\nallow_ports = ["99999"]',
        '[http]\nuser_agent = "a\\r\\nX: c"',
        "[politeness]\njitter = 5",
        "[extract]\nworkers = 100000",
        '[http]\nproxy = "foo"',
        '[[source]]\nurl = "https://a.org/"\ncookies = "/nosuch"',
    ],
)
def test_values_that_cannot_work_are_refused(desk: Desk, setting: str) -> None:
    (desk.folder / "newsdesk.toml").write_text(setting + "\n", encoding="utf-8")
    done = desk.run("config", "check")
    assert done.code == 3, done.out


def test_fetch_of_one_article_at_two_addresses_ends(desk: Desk, site: Site) -> None:
    url = site.page("/2026/a-story-by-itself-here", "A story by itself", story(1))
    desk.env.update({"NEWSDESK_HTTP__ALLOW_NETWORKS": "127.0.0.0/8"})
    site.answers["/2026/a-story-by-itself-here/"] = site.answers["/2026/a-story-by-itself-here"]
    done = desk.run("fetch", "--json", url, url + "?utm_source=x", url + "/", timeout=30)
    assert done.code == 0, done.err
    assert {a["id"] for a in json.loads(done.out)} == {1}


def test_an_analysts_pandas_is_not_loaded_by_commands(desk: Desk) -> None:
    pytest.importorskip("pandas")
    told = "import sys; sys.argv = ['newsdesk', 'list']\nimport crawler.cli\ntry:\n crawler.cli.main()\nexcept SystemExit:\n pass\nprint('pandas' in sys.modules and sys.modules['pandas'] is not None, 'sqlite_utils' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", told],
        cwd=desk.folder,
        env=desk.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["False", "True"]


def test_a_stop_in_the_middle_of_an_import_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python makes another error of a KeyboardInterrupt that comes while a class is made: it was a traceback, once in a few hundred."""
    import crawler.cli

    class Interrupting:
        def __set_name__(self, owner: type, name: str) -> None:
            raise KeyboardInterrupt

    def importing(**_: object) -> None:
        type("Settings", (), {"field": Interrupting()})

    monkeypatch.setattr(crawler.cli.cli, "main", importing)
    assert crawler.cli.run(["crawl"]) == 130
    assert capsys.readouterr().err == "newsdesk: interrupted\n"


def test_a_process_ends_without_a_last_collection(desk: Desk) -> None:
    """Which walks through everything that was imported: a quarter of a second after a crawl."""
    code = (
        "import atexit, gc\n"
        "atexit.register(lambda: print(gc.get_freeze_count() > 0))\n"  # called after what is registered later
        "from crawler.cli import main\n"
        "main(['--version'])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=desk.folder, env=desk.environment(), capture_output=True, check=True)
    assert done.stdout.split()[-1] == b"True"
