"""Row 13: what is made to fill memory, to take hours, or never to end, in one crawl beside three sources that did nothing wrong."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from tests import torture
from tests.conftest import Desk, source
from tests.hostile import attacks
from tests.hostile.measure import Peak
from tests.site import Answer, Site

MOST_MB = 400.0
MOST_SECONDS = 30.0
GOOD, EACH = 3, 8


@dataclass
class Field:
    """One desk and many sites, each on an address of its own."""

    desk: Desk
    sites: dict[str, Site] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)

    def site(self, name: str, address: str, more: str = "") -> Site:
        site = self.sites[name] = Site(address)
        self.sources.append(source(site, id=name, more=more))
        return site

    def crawl(self, *, timeout: float) -> tuple[subprocess.Popen[str], Peak, float]:
        self.desk.configure(*self.sources, extra=f'page_timeout = "{timeout}s"', delay=0)
        text = (self.desk.folder / "newsdesk.toml").read_text()
        (self.desk.folder / "newsdesk.toml").write_text(
            text.replace("timeout = 5\n", f"timeout = {timeout}\n", 1).replace("workers = 1", "workers = 2")
        )
        started = time.monotonic()
        process = self.desk.start("crawl")
        with Peak(process.pid) as peak:
            process.wait(300)
        print(f"{peak.megabytes:.0f} MB ({peak.worst}), {time.monotonic() - started:.1f} s")
        return process, peak, time.monotonic() - started


@pytest.fixture
def field_of(tmp_path: Path) -> Iterator[Field]:
    found = Field(Desk(tmp_path))
    for n in range(GOOD):
        found.site(f"good{n}", f"127.0.5.{n + 1}").news(EACH, start=n * EACH)
    yield found
    for site in found.sites.values():
        site.close()


def all_good_arrived(field_of: Field) -> None:
    rows = field_of.desk.rows("SELECT source, count(*) AS n FROM articles WHERE source LIKE 'good%' GROUP BY source")
    assert {row["source"]: row["n"] for row in rows} == {f"good{n}": EACH for n in range(GOOD)}


def of_pages(field_of: Field, answers: dict[str, Answer], net: int) -> None:
    """A source each, whose only article is the attack."""
    for number, (name, answer) in zip(count(1), answers.items(), strict=False):
        site = field_of.site(name, f"127.0.{net}.{number}")
        site.answers["/2026/11/20/an-attack"] = answer
        site.rss("/feed.xml", [{"title": "An attack", "link": "/2026/11/20/an-attack"}])


def of_feeds(field_of: Field, answers: dict[str, Answer], net: int) -> None:
    """A source each, whose feed is the attack; what it lists is not asked for."""
    for number, (name, answer) in zip(count(1), answers.items(), strict=False):
        field_of.site(name, f"127.0.{net}.{number}", "exclude = ['.']").answers["/feed.xml"] = answer


def transports() -> dict[str, Answer]:
    sizes = (900 * attacks.MEGA, 2 * attacks.GIGA) if torture.SECONDS else (200 * attacks.MEGA,)
    found = {
        f"{encoding}-{size // attacks.MEGA}": attacks.bomb(encoding, size)
        for encoding in ("gzip", "deflate", "br", "zstd")
        for size in sizes
    }
    return found | {
        "endless": attacks.endless(),
        "endless-chunks": attacks.endless_chunks(),
        "endless-headers": attacks.endless_headers(),
        "endless-hundreds": attacks.endless_hundreds(),
        "many-headers": attacks.many_headers(),
        "long-header": attacks.long_header(50 * attacks.MEGA),
        "drip": attacks.drip(),
        "drip-headers": attacks.drip(head=True),
        "hang": attacks.hang(),
    }


@pytest.mark.parametrize("as_feed", [True, False], ids=["feeds", "pages"])
def test_row_13_transports(field_of: Field, as_feed: bool) -> None:
    (of_feeds if as_feed else of_pages)(field_of, transports(), 6)
    process, peak, seconds = field_of.crawl(timeout=6)
    assert process.returncode in ({4} if as_feed else {0})
    assert peak.megabytes <= MOST_MB, peak.worst
    assert seconds <= MOST_SECONDS
    all_good_arrived(field_of)
    if not as_feed:
        attacked = "SELECT count(*) AS n FROM articles WHERE source NOT LIKE 'good%'"
        assert field_of.desk.rows(attacked)[0]["n"] == 0


def test_row_13_a_server_that_speaks_no_tls(field_of: Field) -> None:
    site = Site("127.0.6.200")
    field_of.sites["tls"] = site
    field_of.sources.append(source(site.base.replace("http:", "https:"), id="tls"))
    process, _, seconds = field_of.crawl(timeout=6)
    assert process.returncode == 4
    assert seconds <= MOST_SECONDS
    all_good_arrived(field_of)


def test_row_13_pages(field_of: Field) -> None:
    of_pages(field_of, {name: attacks.packed(body) for name, body in attacks.pages().items()}, 7)
    process, peak, _ = field_of.crawl(timeout=20)
    assert process.returncode == 0
    assert peak.megabytes <= MOST_MB, peak.worst
    all_good_arrived(field_of)
    settled = field_of.desk.rows("SELECT e.url, e.state, e.reason FROM entries e WHERE e.source NOT LIKE 'good%'")
    assert len(settled) == len(attacks.pages())
    assert all(row["state"] in {"fetched", "rejected", "retry"} for row in settled), settled
    slow = [row["url"] for row in settled if row["reason"] and "longer than" in row["reason"]]
    assert len(slow) <= 1, slow


def test_row_13_feeds(field_of: Field) -> None:
    of_feeds(field_of, {name: attacks.packed(body) for name, body in attacks.feeds().items()}, 8)
    process, peak, _ = field_of.crawl(timeout=8)
    assert process.returncode == 4
    assert peak.megabytes <= MOST_MB, peak.worst
    all_good_arrived(field_of)
