"""Fetch addresses now: in this process, through the process that locks the database, or storing nothing."""

from __future__ import annotations

import dataclasses
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from crawler.config.models import Config, SourceIndex
from crawler.engine.crawl.plan import plan_fetch, urgent_entry
from crawler.engine.workers.pool import prepare_early
from crawler.errors import INTERRUPTED, Interrupted
from crawler.urls import canonical_url, host_of
from storage import databases
from storage.article import Article
from storage.errors import DatabaseLocked, StorageError
from storage.store import Store

PATIENCE = 120.0  # seconds to wait for the process that locks the database to fetch an address
_OUTCOMES = {
    "new": "new",
    "revised": "edited since it was stored",
    "same": "unchanged",
    "address": "another URL of a stored article",
    "headline": "headline only",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """One address: its article, or why there is none."""

    url: str
    article: Article | None = None
    outcome: str = ""
    reason: str = ""


def fetch_addresses(config: Config, urls: Sequence[str], *, store: bool, now: Callable[[], datetime]) -> list[Fetched]:
    """Fetch addresses, each once, in the order given.

    Raises:
        StorageError: the database cannot be opened or written.
    """
    valid: list[str] = []
    bad: dict[str, str] = {}
    for url in dict.fromkeys(urls):
        address = f"https://{url}" if re.match(r"[\w-]+(?:\.[\w-]+)+(?:[:/?#]|$)", url) else url
        try:
            canonical_url(address)
            valid.append(address)
        except ValueError as error:
            bad[url] = str(error)
    found = {f.url: f for f in (_fetch(config, valid, store=store, now=now) if valid else [])}
    return [
        Fetched(url=u, reason=bad[u]) if u in bad else found.get(u) or found[f"https://{u}"]
        for u in dict.fromkeys(urls)
    ]


def _fetch(config: Config, urls: list[str], *, store: bool, now: Callable[[], datetime]) -> list[Fetched]:
    if not store:
        with tempfile.TemporaryDirectory(prefix="newsdesk-") as folder:
            return _fetch_standalone(
                dataclasses.replace(
                    config,
                    storage=dataclasses.replace(config.storage, database=str(Path(folder) / "fetch.db")),
                    extract=dataclasses.replace(config.extract, keep_raw=False),
                    health=dataclasses.replace(config.health, notify=()),
                    watches=(),  # nothing is stored, so nothing is reported
                ),
                urls,
                now,
            )
    served = _served(config, urls)
    return [*_fetch_served(config, served, now), *_fetch_served(config, [u for u in urls if u not in served], now)]


def _fetch_served(config: Config, urls: list[str], now: Callable[[], datetime]) -> list[Fetched]:
    """Fetch addresses whose hosts all belong to running processes, or none of them."""
    while urls:
        if _served(config, urls) and (found := _fetch_via_running(config, urls, now)) is not None:
            return found
        try:
            return _fetch_standalone(config, urls, now)
        except DatabaseLocked:  # another process took the lock meanwhile
            if not _served(config, urls):
                raise
    return []


def _served(config: Config, urls: list[str]) -> list[str]:
    """The addresses that a running process fetches when they are urgent; a restore or a rename does not."""
    hosts = databases.served(config.database, {host_of(url) for url in urls})
    return [url for url in urls if host_of(url) in hosts]


def _fetch_standalone(config: Config, urls: list[str], now: Callable[[], datetime]) -> list[Fetched]:
    prepare_early(config.database, now())

    from crawler.engine.crawl.runner import run

    result = run(config, plan_fetch(tuple(urls)), command="fetch", spider="url")
    if result.run.exit_code in {INTERRUPTED, 143}:
        raise Interrupted(result.run.exit_code)
    with databases.open_reading(config.database) as reader:
        return [_fetched(reader, url, entry) for url, entry in zip(urls, result.entries, strict=True)]


def _fetched(reader: Store, url: str, entry_id: int) -> Fetched:
    entry = reader.entry(entry_id)
    if entry is None:
        return Fetched(url=url, reason="it was not requested")
    article = reader.article(entry["article_id"]) if entry["article_id"] and entry["verdict"] in _OUTCOMES else None
    if article is None:
        outcome = "gone" if entry["verdict"] == "gone" else ""
        return Fetched(url=url, outcome=outcome, reason=entry["reason"] or "it was not answered")
    return Fetched(url=url, article=article, outcome=_OUTCOMES[entry["verdict"]])


def _fetch_via_running(config: Config, urls: list[str], now: Callable[[], datetime]) -> list[Fetched] | None:
    """Queue urgent entries; the running process takes them within two seconds. None where it ended meanwhile."""
    index = SourceIndex(config.sources)
    while not databases.exists(config.database):  # the running process creates it
        if not _served(config, urls):
            return None
        time.sleep(0.05)
    writer = databases.open_writing(config.database)
    try:
        entries = {url: urgent_entry(writer, url, index.for_url(url), now()) for url in urls}
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            states = [writer.entry(entry_id) for entry_id in entries.values()]
            if all(state and state["state"] not in {"pending", "leased"} for state in states):
                return [_fetched(writer, url, entry_id) for url, entry_id in entries.items()]
            if not _served(config, urls):
                return None
            time.sleep(0.1)
    finally:
        writer.close()
    lock = next(iter(databases.holders(config.database)), None)
    raise StorageError(
        f"`newsdesk {lock.command if lock else '?'}` holds {config.database} and did not answer within "
        f"{PATIENCE:.0f} s; the addresses are kept as urgent and will be fetched"
    )
