"""Shared fixtures: the given data, a local site, a folder with a configuration, the command as a user runs it."""

from __future__ import annotations

import atexit
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests import known_faults
from tests.forked import Forkserver
from tests.running import Running
from tests.site import Site

settings.register_profile("newsdesk", deadline=None)  # a busy machine is no bug
settings.load_profile("newsdesk")

ROOT = Path(__file__).resolve().parent.parent
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two a core, as tests wait for servers, timers and processes; one for unit tests, which only compute."""
    return (1 if config.option.markexpr == "unit" else 2) * (os.cpu_count() or 1)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Names a case of bytes by its argument: what compresses, stamps the second of its making into what it makes,
    and two workers that name one test differently are refused as a whole."""
    return argname if isinstance(val, bytes) else None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="write the golden files anew from what the code gives now")


@pytest.hookimpl(tryfirst=True)  # before -k and -m take tests away
def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Mark each test: `unit` where its module starts no process and no server, else `integration`; and known faults."""
    known_faults.mark(session, items)
    for item in items:
        names = vars(getattr(item, "module", None) or sys)
        if item.get_closest_marker("integration"):  # marked in its file: it takes long
            continue
        starts = {"subprocess", "Desk", "Site", "socket", "ThreadingHTTPServer"} & names.keys()
        folder = item.path.relative_to(ROOT / "tests").parts[0]
        heavy = starts or folder in {"engine", "faults", "hostile"} or "corpus" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.integration if heavy else pytest.mark.unit)


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The given data, which is its publishers' and not in the repository."""
    folder = Path(os.environ.get("NEWSDESK_CORPUS") or ROOT.parent / "shared")
    if not (folder / "corpus").is_dir():
        pytest.skip(f"the corpus is not at {folder}; NEWSDESK_CORPUS names its folder")
    return folder.resolve()


@pytest.fixture
def site() -> Iterator[Site]:
    served = Site()
    yield served
    served.close()


@dataclass
class Done:
    code: int
    out: str
    err: str


@cache
def _forkserver() -> Forkserver:
    server = Forkserver()
    atexit.register(server.close)
    return server


@dataclass
class Desk:
    """A folder with a configuration, and the command run in it."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    hour: float | None = None  # seconds that an hour of the waiting times lasts, where they are shortened

    @property
    def database(self) -> Path:
        return self.folder / "news.db"

    def environment(self) -> dict[str, str]:
        # Compiled modules are kept, as in an installation: without them every process compiles newsdesk anew.
        kept = {k: v for k, v in os.environ.items() if not k.startswith("NEWSDESK_") and k != "PYTHONDONTWRITEBYTECODE"}
        return {
            **kept,
            "PYTHONPATH": str(ROOT),
            "TZ": "UTC",
            "HOME": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder / "xdg"),
            **self.env,
        }

    def command(self, *arguments: str) -> list[str]:
        start = ["crawler"] if self.hour is None else ["tests.quick", str(self.hour)]
        return [sys.executable, "-m", *start, *arguments]

    def run(self, *arguments: str, stdin: str = "", timeout: float = 100) -> Done:
        own = type(self).command is not Desk.command or "PYTHONPATH" in self.env  # what only a Python of its own has
        if own:
            done = subprocess.run(
                self.command(*arguments), cwd=self.folder, env=self.environment(), input=stdin,
                capture_output=True, text=True, timeout=timeout, check=False,
            )  # fmt: skip
        else:
            done = _forkserver().run(
                list(arguments), cwd=self.folder, env=self.environment(), hour=self.hour, stdin=stdin, timeout=timeout
            )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def printed(self, *arguments: str) -> list[dict[str, Any]]:
        """What a command prints with --json; one object is a list of one."""
        found = json.loads(self.run(*arguments, "--json").out)
        return found if isinstance(found, list) else [found]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def configure(self, *sources: str, extra: str = "", delay: float = 0, hour: float | None = None) -> None:
        self.hour = hour
        text = (
            f'[http]\nallow_networks = ["127.0.0.0/8", "::1/128"]\ntimeout = 5\n[politeness]\ndelay = {delay}\njitter = 0\n[extract]\nworkers = 1\n{extra}\n'
            + "\n".join(sources)
        )
        (self.folder / "newsdesk.toml").write_text(text, encoding="utf-8")

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as connection:
            connection.row_factory = sqlite3.Row
            found = [dict(row) for row in connection.execute(sql, values)]
        connection.close()
        return found


def source(site: Site | str, *, feeds: tuple[str, ...] = ("/feed.xml",), id: str = "post", more: str = "") -> str:  # noqa: A002 - the field's name
    base = site if isinstance(site, str) else site.base
    listed = ", ".join(f'"{base}{f}"' for f in feeds)
    return f'[[source]]\nid = "{id}"\nname = "{id}"\nurl = "{base}/"\nfeeds = [{listed}]\n{more}\n'


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def start(desk: Desk) -> Iterator[Callable[..., Running]]:
    began: list[Running] = []

    def start(*arguments: str) -> Running:
        began.append(Running(desk, *arguments))
        return began[-1]

    yield start
    for running in began:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()
        assert "Traceback" not in running.text(), running.text()
