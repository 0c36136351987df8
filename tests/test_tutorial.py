"""The journalist's first hour: every command of docs/tutorial.md, in its order, from an empty folder."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.request

import pytest

from tests.conftest import Desk
from tests.site import Answer, Site, story
from tests.test_examples import blocks

OPML = """<opml version="2.0"><body><outline text="world">
<outline type="rss" text="Second" xmlUrl="{base}/feed.xml" htmlUrl="{base}/"/></outline></body></opml>"""


def commands() -> list[str]:
    """The lines that a reader types, without comments."""
    lines = [line for _, block in blocks("tutorial.md", "console") for line in block.splitlines()]
    typed = [re.sub(r"\s+#.*", "", line[2:]) for line in lines if line.startswith("$ ")]
    assert len(typed) > 20
    return typed


def prepare(desk: Desk, first: Site, second: Site) -> None:
    """What the reader does in an editor after `init`: only sources of their own, and a watch."""
    (desk.folder / "sources.toml").write_text("", encoding="utf-8")
    settings = desk.folder / "newsdesk.toml"
    text = settings.read_text(encoding="utf-8")
    text = re.sub(r"^(# )?allow_networks = .*$", 'allow_networks = ["127.0.0.0/8"]', text, count=1, flags=re.MULTILINE)
    text = re.sub(r"^(# )?delay = .*$", "delay = 0", text, count=1, flags=re.MULTILINE)
    watch = next(block for _, block in blocks("tutorial.md", "toml") if "[[watch]]" in block)
    settings.write_text(f"{text}\n{watch.replace('/usr/local/bin/notify-me', 'true')}", encoding="utf-8")
    (desk.folder / "feeds.opml").write_text(OPML.format(base=second.base), encoding="utf-8")
    assert first.base


def test_the_first_hour(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Site("127.0.6.1"), Site("127.0.6.2")
    try:
        first.news(14)
        link = '<link rel="alternate" type="application/rss+xml" href="/feed.xml">'
        first.answers["/"] = Answer(f"<html><head><title>The First Post</title>{link}</head></html>".encode())
        second.news(3)
        walk(desk, first, second)
        pandas = pytest.importorskip("pandas")
        monkeypatch.chdir(desk.folder)
        for _, block in blocks("tutorial.md", "python"):
            exec(compile(block, "tutorial.md", "exec"), {"pandas": pandas})  # noqa: S102 - our own document
    finally:
        first.close()
        second.close()


def walk(desk: Desk, first: Site, second: Site) -> None:
    for command in commands():
        name, *arguments = shlex.split(command.replace("https://globalvoices.org", first.base))
        if name != "newsdesk" or arguments[0] == "demo":  # which has tests of its own
            continue
        arguments = [argument.replace("globalvoices.org", "127.0.6.1") for argument in arguments]
        if arguments[0] in {"run", "browse"}:
            started_and_stopped(desk, arguments)
            continue
        if arguments[:2] == ["show", "12"]:
            edited(desk, first)
        done = desk.run(*arguments)
        assert done.code == 0, (command, done.out, done.err)
        assert "Traceback" not in done.err
        assert done.out or done.err, command
        if arguments[0] == "init":
            prepare(desk, first, second)


def edited(desk: Desk, site: Site) -> None:
    """Let the publisher edit article 12, once."""
    (row,) = desk.rows("SELECT url, title, revision FROM articles WHERE id = 12")
    if row["revision"] == 1:
        base = site if site.base in row["url"] else None
        if base is None:
            desk.run("fetch", row["url"])
            return
        path = row["url"].removeprefix(site.base)
        site.page(path, row["title"], [*story(3), "The minister withdrew the statement."])
        assert desk.run("fetch", row["url"]).code == 0


def started_and_stopped(desk: Desk, arguments: list[str]) -> None:
    more = ["--port", "0"] if arguments[0] == "browse" else []
    process = subprocess.Popen(
        [sys.executable, "-m", "crawler", *arguments, *more], cwd=desk.folder, env=desk.environment(),
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    line = process.stderr.readline()
    if arguments[0] == "browse":
        with urllib.request.urlopen(line.split()[0]) as answer:
            assert b"Stories" in answer.read()
    else:
        assert "watching" in line
        time.sleep(1)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode in {0, 130}
