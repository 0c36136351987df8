"""`demo`: newsdesk at work, in seconds, without a network."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from crawler.commands.context import CliContext, now, pass_app
from crawler.startup import own_command


@click.command("demo")
@click.option("--browse", is_flag=True, help="Serve the result with `newsdesk browse` at the end.")
@pass_app
def demo_command(app: CliContext, browse: bool) -> int:
    """Serve a bundled web of invented news outlets on this machine, crawl it twice, and show what was stored. Needs no
    network.

    The outlets publish wire stories, edit articles between the crawls, remove a page, break a feed, show a consent
    wall, and write Chinese, Arabic and Spanish.

    \b
    Examples:
      newsdesk demo
      newsdesk demo --browse
    """  # noqa: D301  # click reads \b as: do not wrap
    from crawler.config.loader import shipped
    from crawler.demo.web import HOUR, configuration, demo_sites

    folder = Path(tempfile.mkdtemp(prefix="newsdesk-demo-"))
    with demo_sites(shipped("demo.toml"), now()) as outlets:
        (folder / "newsdesk.toml").write_text(configuration(outlets), encoding="utf-8")
        say = _Narrator(folder)
        say.heading(
            f"{len(outlets)} invented outlets are served on 127.0.0.1, one of them with a broken feed. "
            f"Everything is stored in {folder}."
        )
        say.run("crawl", expected=4)
        say.heading("Articles are edited silently and one page is removed. An hour later:")
        for outlet in outlets:
            outlet.edited = True
        time.sleep(HOUR)
        say.run("crawl", expected=4)
        say.heading("The stored articles, one line per story:")
        say.run("list", "--fold-copies")
        say.heading("Who published the wire story first?")
        say.run("show", str(_article_of(folder, "tunnel-in-brief")), "--copies")
        say.heading("Which words of the minister were changed?")
        say.run("edits")
        say.run("show", str(_article_of(folder, "lighthouse-lens-to-be-replaced")), "--diff")
        say.heading("Chinese is found by its words, and a page behind a login by what its feed says:")
        say.run("search", "大桥")
        say.run("search", "Bergbahn")
    database = folder / "news.db"
    app.message(f"Explore: newsdesk --db {database} list    (or: newsdesk --db {database} browse)")
    if browse:
        from crawler.outputs.browse.access import Access, Site
        from crawler.outputs.browse.server import serve

        access = Access({"127.0.0.1", "localhost", "::1"}, "/")
        serve(
            Site(path=database, config=app.load(folder / "newsdesk.toml"), access=access),
            host="127.0.0.1",
            port=8001,
            token="",
            say=app.message,
        )
    return 1 if say.failed else 0


class _Narrator:
    """Says what comes, and runs it as the user would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.failed = False

    def heading(self, text: str) -> None:
        print(f"\n{text}", flush=True)

    def run(self, *arguments: str, expected: int = 0) -> None:
        """Run a command of ours on the demo's folder, its output straight to the user."""
        print(f"\n$ newsdesk {' '.join(arguments)}", flush=True)
        command = [*own_command("crawler.cli"), "--config", str(self.folder / "newsdesk.toml"), *arguments]
        done = subprocess.run(command, check=False, stderr=subprocess.STDOUT if not sys.stderr.isatty() else None)
        self.failed |= done.returncode != expected


def _article_of(folder: Path, slug: str) -> int:
    from storage.store import open_store

    with open_store(folder / "news.db") as store:
        return next((hit.article.id for hit in store.articles() if hit.article.url.endswith(slug)), 0)
