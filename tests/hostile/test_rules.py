"""Rows 31 and 32: rules that hold for every line, and the settings in force where nothing is configured."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from scrapy.settings import Settings

from crawler.config.models import Config
from crawler.engine.addon import settings_of
from storage.writer import open_writer
from tests.conftest import ROOT

ROOMS = [
    *sorted((ROOT / "crawler").rglob("*.py")),
    *sorted((ROOT / "storage").rglob("*.py")),
    *sorted((ROOT / "spiders").rglob("*.py")),
]


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return found


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_row_31_one_way_out() -> None:
    """Nothing but the engine's downloader fetches, and nothing but one module sends messages; a socket is opened to listen, and to tell systemd."""
    clients = {
        "requests",
        "httpx",
        "aiohttp",
        "urllib3",
        "http.client",
        "ftplib",
        "smtplib",
        "urllib.request.urlopen",
        "trafilatura.fetch_url",
        "trafilatura.downloads",
        "courlan.network",
    }
    listening = {
        "crawler/demo/web.py",
        "crawler/outputs/browse/server.py",
        "crawler/engine/listening.py",
        "crawler/engine/daemon/systemd.py",
        "crawler/engine/websub/listener.py",
        "crawler/engine/browser/proxy.py",
        "storage/sqlite/lock.py",
    }
    for path in ROOMS:
        if name_of(path) == "crawler/watches/receivers.py":  # to receivers that the operator named
            continue
        assert not clients & imports(path), path
        if "socket" in imports(path):
            assert name_of(path) in listening, path
        asked = [
            name
            for name, _ in calls(path)
            if name.endswith(("download_async", ".urlopen", "fetch_url", "create_connection", "connectTCP"))
        ]
        assert not asked or name_of(path) in {
            "crawler/engine/middlewares/robots.py",
            "crawler/engine/jobs/discover.py",
            "crawler/engine/websub/subscriber.py",
        }, path


def test_row_31_sql_only_in_storage() -> None:
    for path in ROOMS:
        if name_of(path).startswith("storage/"):
            continue
        assert "sqlite3" not in imports(path), path
        assert not [name for name, _ in calls(path) if name.endswith((".execute", ".executemany", ".executescript"))], (
            path
        )


@pytest.mark.parametrize("path", ROOMS, ids=name_of)
def test_row_31_no_code_from_data_and_no_shell(path: Path) -> None:
    for name, node in calls(path):
        if name == "exec" and [ast.unparse(argument) for argument in node.args] == ["''"]:
            continue  # an empty string, not data: crawler/cli.py says what for
        assert name not in {
            "eval",
            "exec",
            "compile",
            "os.system",
            "os.popen",
            "pickle.loads",
            "pickle.load",
            "marshal.loads",
            "yaml.load",
        }, (path, name)
        if name.startswith("subprocess."):
            assert not any(keyword.arg == "shell" for keyword in node.keywords), path


def test_row_31_parsers_of_markup_say_what_they_do() -> None:
    """Every lxml parser is told to stay off the network, and one of XML to leave entities alone."""
    seen = 0
    for path in ROOMS:
        for name, node in calls(path):
            options = {keyword.arg for keyword in node.keywords}
            if name.endswith("HTMLParser"):
                assert "no_network" in options, path
                seen += 1
            if name.endswith("XMLParser"):
                assert {"no_network", "resolve_entities", "load_dtd"} <= options, path
                seen += 1
            if name.endswith(
                (
                    "etree.fromstring",
                    "etree.parse",
                    "etree.XML",
                    "document_fromstring",
                    "fragment_fromstring",
                    "html.fromstring",
                )
            ):
                assert len(node.args) > 1 or "parser" in options, (path, name)
            assert not name.endswith(("iterparse", "xmliter", "minidom.parseString", "ElementTree.parse")), path
    assert seen >= 3


def test_row_31_the_clock_is_an_argument_in_the_pure_rooms() -> None:
    for path in ROOMS:
        if name_of(path).startswith(("crawler/feeds/", "storage/records")):
            assert not [
                name
                for name, _ in calls(path)
                if name in {"datetime.now", "time.time", "datetime.utcnow", "date.today"}
            ], path


def test_row_32_the_settings_in_force_without_a_configuration() -> None:
    s = Settings()
    s.setmodule("crawler.engine.settings", priority="project")
    s.setdict(settings_of(Config()), priority="cmdline")
    for name in (
        "TELNETCONSOLE_ENABLED",
        "REMOTE_CONTROL_ENABLED",
        "COOKIES_ENABLED",
        "METAREFRESH_ENABLED",
        "HTTPPROXY_ENABLED",
        "RETRY_ENABLED",
        "REFERER_ENABLED",
    ):
        assert s.getbool(name) is False, name
    assert s.getbool("DOWNLOAD_VERIFY_CERTIFICATES") is True
    assert s.getbool("DOWNLOAD_FAIL_ON_DATALOSS") is True
    assert all(s.getdict("DOWNLOAD_HANDLERS")[scheme] is None for scheme in ("file", "data", "ftp", "s3"))
    assert 0 < s.getint("DOWNLOAD_MAXSIZE") <= 20 * 1024**2
    assert 0 < s.getfloat("DOWNLOAD_TIMEOUT") <= 30
    assert s.getint("CONCURRENT_REQUESTS_PER_DOMAIN") == 1
    assert s.getfloat("DOWNLOAD_DELAY") >= 1
    assert s.getint("REDIRECT_MAX_TIMES") <= 10
    assert s["TWISTED_DNS_RESOLVER"] == "crawler.engine.middlewares.address_guard.GuardedResolver"
    assert "newsdesk/" in s["USER_AGENT"]
    assert "(+http" in s["USER_AGENT"]
    config = Config()
    assert config.politeness.obey_robots
    assert config.http.verify_tls
    assert config.http.allow_networks == ()
    assert config.http.proxy == ""


def test_row_32_the_database_in_force_without_a_configuration(tmp_path: Path) -> None:
    with open_writer(tmp_path / "news.db") as writer:
        asked = {
            name: writer.db.conn.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert asked == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
