"""Rows 19 and 35: many hosts and feeds for many rounds; no breach of manners, and nothing that grows."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise

from tests import torture
from tests.conftest import Desk, source
from tests.hostile.measure import open_files, resident
from tests.running import Running, until
from tests.site import RSS_KIND, Answer, Site, rss, story

HOSTS, EACH, ROUNDS = torture.times(6, 50), torture.times(3, 10), torture.times(4, 10)
DELAY = 0.4


def test_row_19_no_breach_of_manners(desk: Desk) -> None:
    """One request at a time of a host, its delay between two, robots.txt first and obeyed, and from the second round on conditional requests."""
    sites = [Site(f"127.0.12.{n + 1}") for n in range(HOSTS)]
    for n, site in enumerate(sites):
        site.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /private/\n", kind="text/plain")
        for f in range(EACH):
            site.page(f"/2026/{f}", f"Story {n} {f}", story(n * EACH + f))
            site.rss(f"/feed-{f}.xml", [{"title": "s", "link": f"/2026/{f}"}, {"title": "p", "link": f"/private/{f}"}])
    desk.configure(
        *(source(s, id=f"s{n}", feeds=tuple(f"/feed-{f}.xml" for f in range(EACH))) for n, s in enumerate(sites)),
        delay=DELAY,
    )
    for _ in range(ROUNDS):
        assert desk.run("crawl", timeout=600).code == 0
    later = conditional = 0
    for site in sites:
        site.close()
        assert site.most_in_flight == 1
        assert site.requests[0].path == "/robots.txt"
        assert not [r for r in site.requests if r.path.startswith("/private/")]
        times = [r.at for r in site.requests if r.path != "/robots.txt"]
        # As the server sees it, which may be late to look at one: then the next seems early, and three together are not.
        assert min(b - a for a, b in pairwise(times)) >= DELAY / 3
        assert min(b - a for a, b in zip(times, times[3:], strict=False)) >= 3 * DELAY - 0.25
        asked = defaultdict(list)
        for request in site.requests:
            asked[request.path].append(request)
        for path, requests in asked.items():
            if path.startswith("/feed-"):
                later += len(requests) - 1
                conditional += sum("if-none-match" in r.headers for r in requests[1:])
            elif path.startswith("/2026/"):
                assert len(requests) == 1
        assert len({r.headers["user-agent"] for r in site.requests}) == 1
        assert not [r for r in site.requests if {"cookie", "referer", "authorization"} & r.headers.keys()]
    assert later == HOSTS * EACH * (ROUNDS - 1)
    assert conditional / later >= 0.99


def test_row_35_nothing_grows(desk: Desk, site: Site, start: Callable[..., Running]) -> None:
    """Rounds by the second, each with something new, something edited, something broken."""
    rounds = max(30, int(torture.SECONDS)) if torture.SECONDS else 10
    desk.configure(
        source(site, more='every = "1s"'),
        extra='[schedule]\nmin = "1s"\nmax = "1s"\ndefault = "1s"\nrecheck = []\n',
        hour=6,
    )
    listed: list[int] = []

    def publish(n: int) -> None:
        site.page(f"/2026/11/20/s{n}", f"Story {n}", story(n, 6))
        listed.append(n)
        items = [{"title": f"Story {k}", "link": f"/2026/11/20/s{k}"} for k in listed[-20:]]
        items.append({"title": "broken", "link": f"/2026/11/20/broken-{n}"})
        site.answers["/feed.xml"] = Answer(rss(site.base, items).encode(), kind=RSS_KIND)

    publish(0)
    run = start()
    assert until(lambda: run.rows("SELECT 1 FROM articles"), 20), run.text()
    warm = after = 0.0
    files = 0
    for n in range(1, rounds):
        publish(n)
        time.sleep(1)
        if n == rounds // 2:
            warm, files = resident(run.process.pid), open_files(run.process.pid)
    assert until(lambda: len(run.rows("SELECT 1 FROM articles")) >= rounds, 30), run.text()[-2000:]
    after = resident(run.process.pid)
    assert after <= warm * 1.1, (warm, after)
    assert open_files(run.process.pid) <= files + 3
    assert len(run.rows("SELECT DISTINCT url FROM articles")) == rounds
    assert run.stop() == 0
    assert "Traceback" not in run.text()
    assert desk.run("db", "check").code == 0
