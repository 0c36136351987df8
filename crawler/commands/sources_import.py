"""`sources import`: a list of others into ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crawler.commands.context import CliContext
from crawler.config import source_file
from crawler.errors import DONE, FAILED, SOME_FAILED, FeedError, UsageError
from crawler.feeds.discovery import looks_like_feed
from crawler.feeds.source_lists import ImportResult, ListedFeed
from crawler.urls import host_of

if TYPE_CHECKING:
    from crawler.engine.jobs.discover import Discovery


def import_file(
    app: CliContext, path: Path, tags: tuple[str, ...], discover: Callable[[list[str]], list[Discovery]]
) -> int:
    """Read the list, discover home pages, write the configuration, tell what came of it."""
    if path.suffix.lower() == ".toml":
        return _import_toml(app, path)
    found = _read(app, path)
    for line, message in found.warnings:
        app.message(f"{path}:{line}: {message}")
    known = {address for s in app.config.sources for _, address in s.feed_urls}
    taken = dict.fromkeys((s.id for s in app.config.sources), 1)
    direct = [w for w in found.wanted if w.feed or (w.home and looks_like_feed(w.home))]
    homes = [w for w in found.wanted if w not in direct]
    tables = [_table(w, [w.feed or w.home or ""], taken, tags) for w in direct if (w.feed or w.home) not in known]
    feeds, pages, failures = len(tables), 0, []
    if homes:
        app.message(f"looking for the feeds of {len(homes)} home pages …")
        for wanted, discovery in zip(homes, discover([w.home or "" for w in homes]), strict=True):
            if not discovery.found:
                failures.append((wanted, discovery.error or "nothing found"))
                continue
            addresses = [u for u, _ in (*discovery.feeds, *discovery.sitemaps, *discovery.pages)]
            if any(address in known for address in addresses):
                continue
            feeds += bool(discovery.feeds or discovery.sitemaps)
            pages += bool(discovery.pages)
            tables.append(_discovered(wanted, discovery, taken, tags))
    if tables:
        target = source_file.target_file(app.config)
        source_file.add_sources(target, tables)
        app.message(f"written to {target}")
    failed_file = _write_failures(path, failures)
    skipped = len(direct) - sum(1 for w in direct if (w.feed or w.home) not in known)
    print(
        f"{feeds} feeds, {pages} pages, {len(failures)} nothing"
        + (f" (see {failed_file})" if failed_file else "")
        + (f"; {skipped} were known" if skipped else "")
    )
    if not found.wanted:
        raise UsageError(f"{path}: no feed and no address in it; newsdesk reads OPML, TOML, CSV and plain lines")
    return DONE if not failures else SOME_FAILED if tables else FAILED


def _read(app: CliContext, path: Path) -> ImportResult:
    """The list, read in a process with limits: it may come from anybody.

    Raises:
        FeedError: it cannot be read, or not within its limits.
    """
    from crawler.engine.workers import worker
    from crawler.engine.workers.pool import PageFailed, WorkerPool

    body = path.read_bytes()

    async def read() -> ImportResult:
        pool = WorkerPool(1, app.config.extract.page_timeout)
        try:
            return await pool.run(worker.read_list, body, path.name, source=path.name)
        except PageFailed as error:
            raise FeedError(f"{path}: {error}") from error
        finally:
            pool.close()

    return asyncio.run(read())


def _table(wanted: ListedFeed, feeds: list[str], taken: dict[str, int], tags: tuple[str, ...]) -> dict[str, Any]:
    home = wanted.home if wanted.feed else None
    host = host_of(home or feeds[0]).removeprefix("www.")
    return {
        "id": source_file.unique_id(host, taken),
        "name": wanted.name or host,
        "url": home or "",
        "feeds": feeds,
        "language": (wanted.language or "").split("-")[0],
        "tags": list(dict.fromkeys((*wanted.tags, *tags))),
    }


def _discovered(wanted: ListedFeed, found: Discovery, taken: dict[str, int], tags: tuple[str, ...]) -> dict[str, Any]:
    values = _table(wanted, [u for u, _ in found.feeds] or [found.url], taken, tags)
    values.update(
        url=found.home or found.url,
        feeds=[u for u, _ in found.feeds],
        sitemaps=[u for u, _ in found.sitemaps],
        pages=[u for u, _ in found.pages],
        name=wanted.name or found.title or values["id"],
        language=values["language"] or (found.language or "").split("-")[0],
    )
    return values


def _write_failures(path: Path, failures: list[tuple[ListedFeed, str]]) -> Path | None:
    """The lines that came to nothing, in a file that can be corrected and imported again."""
    if not failures:
        return None
    target = Path(f"{path.name}.failed.txt")
    target.write_text(
        "".join(f"{wanted.home}  # line {wanted.line}: {reason}\n" for wanted, reason in failures), encoding="utf-8"
    )
    return target


def _import_toml(app: CliContext, path: Path) -> int:
    """[[source]] tables of another configuration, as they are."""
    from crawler.config.loader import load_config

    other = load_config(path)
    document = source_file.read(path)
    known = {s.id for s in app.config.sources}
    tables = [
        table
        for table, source in zip(document.get("source", []), other.sources, strict=False)
        if source.id not in known
    ]
    if tables:
        target = source_file.target_file(app.config)
        mine = source_file.read(target)
        import tomlkit

        if "source" not in mine:
            mine.append("source", tomlkit.aot())
        for table in tables:
            mine["source"].append(table)
        source_file.write(target, mine)
        app.message(f"written to {target}")
    print(
        f"{len(tables)} sources"
        + (f"; {len(other.sources) - len(tables)} were known" if len(tables) < len(other.sources) else "")
    )
    return DONE
