"""What each command prints in a terminal of 80 columns, with thirty outlets: `python -m tests.terminal_captures` writes docs/terminal.md."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.conftest import ROOT, Desk, source
from tests.site import Answer, Site, story
from tests.terminal import in_terminal

TARGET = ROOT / "docs" / "terminal.md"
NAMES = (
    "The Harbour Post", "Daily Ledger", "Riverside Times", "Valley Courier", "Alpenblick", "Faro del Sur", "Haiwan Ribao",
    "Sahil Alyawm", "Northern Echo Review", "The Kestrel Gazette", "Morgenblatt", "Le Phare de l'Ouest", "Il Faro di Levante",
    "Gazeta Nadmorska", "Port City Tribune", "Evening Lamp", "The Saltmarsh Weekly", "Tidewater Observer", "Utrikeskrönikan",
    "The Ferryman's Journal and Commercial Advertiser", "Island Standard", "Fjordavisen", "Ostseerundschau", "Bridge & Tunnel News",
    "The Beacon", "Coastal Monitor", "Cable and Wire", "Upland Mercury", "Lock Keeper", "The Long Reach Chronicle",
)  # fmt: skip
TOPICS = (
    "Harbour pilots accept the offer, strike is off", "Council delays the tram line once more",
    "Salt prices double as winter roads ice over early", "A library saves four thousand maps in one night",
    "Ferry captain retires after crossing the river 190,000 times", "Night train to the coast returns after twenty years",
)  # fmt: skip
HEAD = """# In the terminal

What the commands print at 80 columns, with thirty invented outlets: `python -m tests.terminal_captures` writes this page.
"""
COMMANDS = (
    "crawl", "crawl", "status", "list --limit 12", "search 'harbour OR tram' -salt --limit 6", "edits",
    "show 1", "show 1 --diff", "show 1 --revisions", "show 5 --copies", "show 1 --provenance", "sources list",
    "sources test evening-lamp", "coverage", "gaps", "watch list", "watch test trams", "config check", "doctor",
    "export articles.jsonl --query tram", "reprocess --dry-run", "backfill evening-lamp --since 2026-11-20 --dry-run",
    "fetch {fetched}", "db check", "db backup backup.db", "search '(harbour OR' --limit 2", "status --strict --json",
)  # fmt: skip


def main() -> None:
    """Write the document."""
    with tempfile.TemporaryDirectory() as folder:
        TARGET.write_text(document(Path(folder)), encoding="utf-8")
    print(f"{TARGET.relative_to(ROOT)} is written", file=sys.stderr)


def document(folder: Path) -> str:
    """The document, made anew."""
    desk, sites = Desk(folder), [Site(f"127.0.4.{n + 1}") for n in range(len(NAMES))]
    try:
        for n, site in enumerate(sites):
            fill(site, n)
        desk.configure(
            '[[watch]]\nname = "trams"\nquery = "tram OR harbour"\nnotify = ["exec:true"]\n',
            *(
                source(site, id=identity(n)).replace(f'name = "{identity(n)}"', f'name = "{NAMES[n]}"')
                for n, site in enumerate(sites)
            ),
        )
        parts = [HEAD]
        for count, command in enumerate(COMMANDS):
            if count == 1:
                edit(sites, desk)
            typed = command.format(fetched=f"{sites[0].base}/2026/11/story-0-0")
            parts.append(f"```console\n$ newsdesk {typed}\n{shown(desk, typed, folder)}\n```\n")
        return "\n".join(parts)
    finally:
        for site in sites:
            site.close()


def identity(n: int) -> str:
    return "".join(c for c in NAMES[n].lower().replace(" ", "-") if c.isalnum() or c == "-")[:24]


def fill(site: Site, n: int) -> None:
    items = []
    for k in range(1 + n % 4):
        title = f"{TOPICS[(n + k) % len(TOPICS)]}, {NAMES[n].split()[-1]} reports"
        path = f"/2026/11/story-{n}-{k}"
        site.page(path, title, story(100 * n + k), published=f"2026-11-26T{(n + 5 * k) % 24:02d}:10:00+00:00")
        items.append({"title": title, "link": path, "date": f"Thu, 26 Nov 2026 {(n + 5 * k) % 24:02d}:10:00 GMT"})
    site.rss("/feed.xml", items)
    if n == 3:
        site.answers["/feed.xml"] = Answer(b"<html><title>Valley Courier</title>", kind="text/html")
    if n == 27:
        site.answers["/feed.xml"] = Answer(b"", status=503)


def edit(sites: list[Site], desk: Desk) -> None:
    """Two edits, one of them of the headline, and a page that is gone."""
    for n, title in ((0, TOPICS[0]), (9, "Harbour pilots reject the offer, strike begins on Monday")):
        path, end = f"/2026/11/story-{n}-0", f", {NAMES[n].split()[-1]} reports"
        sites[n].page(
            path, title + end if n else f"{TOPICS[n]}{end}", [*story(100 * n), "The board declined to comment."]
        )
        desk.run("fetch", sites[n].base + path)
    sites[5].answers["/2026/11/story-5-0"] = Answer(b"", status=410)
    desk.run("fetch", f"{sites[5].base}/2026/11/story-5-0")


def shown(desk: Desk, command: str, folder: Path) -> str:
    words = f"{sys.executable} -m crawler {command}"
    env = {**desk.environment(), "PAGER": "cat", "TZ": "UTC", "NO_COLOR": "1"}
    _, text = in_terminal(["/bin/sh", "-c", words], folder=desk.folder, env=env)
    lines = [line.rstrip() for line in text.splitlines() if "━" not in line]  # without the bar
    return "\n".join(lines).replace(str(folder), "/home/ada/news").rstrip()


if __name__ == "__main__":
    os.environ.pop("COLUMNS", None)
    main()
