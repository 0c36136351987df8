"""`sources`: the source list."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from crawler.commands.completion import complete_source
from crawler.commands.context import CliContext, existing_file, format_options, now, pass_app, print_rows
from crawler.errors import unexpected

if TYPE_CHECKING:
    from crawler.config.models import Source
    from crawler.engine.jobs.discover import Discovery, Web

log = logging.getLogger("newsdesk")


@click.group("sources")
def sources_command() -> None:
    """The source list: which outlets are watched, and where each lists its news."""


@sources_command.command("list")
@format_options(csv=True)
@pass_app
def list_sources(app: CliContext, form: str) -> None:
    """List the sources in force.

    \b
    Example:
      newsdesk sources list --json
    """  # noqa: D301  # click reads \b as: do not wrap
    rows = [_source_row(s) for s in app.config.sources]
    if form:
        print_rows(rows, form, tuple(rows[0]) if rows else ())
        return
    _print_sources(rows)
    if not rows:
        app.message("no sources; `newsdesk sources add URL` adds one")


def _source_row(source: Source) -> dict[str, Any]:
    return {
        "id": source.id,
        "name": source.name,
        "url": source.url,
        "enabled": source.enabled,
        "feeds": list(source.feeds),
        "sitemaps": list(source.sitemaps),
        "pages": list(source.pages),
        "language": source.language,
        "country": source.country,
        "tags": list(source.tags),
    }


def _print_sources(rows: list[dict[str, Any]]) -> None:
    from crawler.outputs.terminal import table

    columns: list[tuple[str, dict[str, Any]]] = [
        ("id", {"no_wrap": True}),
        ("name", {}),
        ("feeds", {"justify": "right"}),
        ("language", {}),
        ("country", {}),
        ("tags", {"ratio": 1}),
        ("", {}),
    ]
    table(
        columns,
        (
            [
                r["id"],
                r["name"],
                len(r["feeds"]) + len(r["sitemaps"]) + len(r["pages"]),
                r["language"],
                r["country"],
                ", ".join(r["tags"]),
                "" if r["enabled"] else "disabled",
            ]
            for r in rows
        ),
    )


@sources_command.command("add")
@click.argument("urls", nargs=-1, required=True, metavar="URL…")
@click.option("--id", "source_id", metavar="ID", help="Its id [default: from the host].")
@click.option("--name", help="Its name [default: what the site calls itself].")
@click.option("--tag", "tags", multiple=True, help="A tag of yours (may be repeated).")
@pass_app
def add_sources(
    app: CliContext, urls: tuple[str, ...], source_id: str | None, name: str | None, tags: tuple[str, ...]
) -> int:
    """Add sites, feeds or sitemaps: discovers their feeds, shows what it found, and writes the configuration.

    \b
    Example:
      newsdesk sources add https://www.example.org/ --tag world
    """  # noqa: D301  # click reads \b as: do not wrap
    from crawler.config import source_file
    from crawler.config.loader import check_id
    from crawler.engine.jobs.discover import run_probe
    from crawler.errors import ALL_FAILED, DONE, SOME_FAILED, UsageError
    from crawler.urls import host_of

    if source_id:
        check_id(source_id)
    if source_id and len(urls) > 1:
        raise UsageError("--id names one source; add several addresses without it, or one at a time")
    addresses = [_address(url) for url in urls]
    known = {address: s.id for s in app.config.sources for _, address in s.feed_urls}
    say = app.message if len(addresses) > 1 else lambda _: None
    found = _by_site(run_probe(app.config, lambda web: _discover_all(web, addresses, say), now))
    taken = dict.fromkeys((s.id for s in app.config.sources), 1)
    tables = []
    for discovery in found:
        if not discovery.found:
            app.message(f"{discovery.url}: {discovery.error}")
            continue
        owners = [known[a] for a, _ in (*discovery.feeds, *discovery.sitemaps, *discovery.pages) if a in known]
        if owners:
            app.message(f"{discovery.url}: its feeds are those of {owners[0]!r} already; nothing is added")
            continue
        wanted = source_id or host_of(discovery.home or discovery.url).removeprefix("www.")
        if source_id and source_id in taken:
            raise UsageError(f"another source has the id {source_id!r} already; choose another --id")
        values = _values(discovery, source_file.unique_id(wanted, taken), name, tags)
        tables.append(values)
        _show_found(values, discovery)
    if tables:
        _write_sources(app, tables)
    failed = [d for d in found if not d.found]
    return DONE if not failed else ALL_FAILED if len(failed) == len(found) else SOME_FAILED


def _write_sources(app: CliContext, tables: list[dict[str, Any]]) -> None:
    """Write new sources into the configuration, and report where."""
    from crawler.config import source_file

    path = source_file.target_file(app.config)
    fresh = not path.exists()
    source_file.add_sources(path, tables)
    replaces_shipped = "; from now on this file is the configuration here, and the shipped sources are left out"
    app.message(f"written to {path}" + (replaces_shipped if fresh and app.config.path is None else ""))


def _address(url: str) -> str:
    from crawler.errors import UsageError
    from crawler.urls import canonical_url

    address = url if "://" in url else f"https://{url}"
    try:
        canonical_url(address)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return address


def _by_site(found: list[Discovery]) -> list[Discovery]:
    """One result a site: what was found at several addresses of one host is one source."""
    sites: dict[str, Discovery] = {}
    for one in found:
        key = urlsplit(one.home or one.url).netloc.lower().removeprefix("www.") if one.found else one.url
        sites[key] = sites[key].joined(one) if key in sites and sites[key].found else one
    return list(sites.values())


async def _discover_all(web: Web, urls: list[str], say: Callable[[str], None]) -> list[Discovery]:
    """Side by side, eight at a time; each host still one request at a time; says what is done."""
    from crawler.engine.jobs.discover import Discovery, discover
    from crawler.outputs.terminal import pluralize

    room, done = asyncio.Semaphore(8), 0

    async def one(url: str) -> Discovery:
        nonlocal done
        async with room:
            try:
                found = await discover(web, url, now())
            except Exception as error:  # one site's bytes must not cost the others
                log.error("%s: cannot be read: %s", url, type(error).__name__, exc_info=unexpected(error))
                found = Discovery(url=url, error=f"cannot be read: {type(error).__name__}: {error}")
        done += 1
        lists = len(found.feeds) + len(found.sitemaps) + len(found.pages)
        say(f"[{done}/{len(urls)}] {url}: {pluralize(lists, 'list') + ' of news' if lists else 'nothing found'}")
        return found

    return list(await asyncio.gather(*(one(url) for url in urls)))


def _values(found: Discovery, source_id: str, name: str | None, tags: tuple[str, ...]) -> dict[str, Any]:
    from crawler.feeds.parsed_feed import plain_text

    named = (plain_text(parsed.title) for _, parsed in found.feeds)
    return {
        "id": source_id,
        "name": name or plain_text(found.title) or next(filter(None, named), source_id),
        "url": found.home or found.url,
        "feeds": [u for u, _ in found.feeds],
        "sitemaps": [u for u, _ in found.sitemaps],
        "pages": [u for u, _ in found.pages],
        "language": (found.language or "").split("-")[0].lower(),
        "tags": list(tags),
    }


def _show_found(values: dict[str, Any], found: Discovery) -> None:
    from crawler.outputs.terminal import safe

    print(f"{safe(values['id'])}: {safe(values['name'])}")
    for kind, items in (("feed", found.feeds), ("sitemap", found.sitemaps), ("page", found.pages)):
        for address, parsed in items:
            count = f"{len(parsed.children)} maps" if parsed.children else f"{len(parsed.entries)} entries"
            newest = max((e.published_at or "" for e in parsed.entries), default="")
            print(f"  {kind:8} {safe(address)}  ({parsed.kind}, {count}{f', newest {newest}' if newest else ''})")


@sources_command.command("test")
@click.argument("url", metavar="URL|ID", shell_complete=complete_source)
@pass_app
def test_source(app: CliContext, url: str) -> int:
    """Show what a feed lists, when it would be polled next, and what its newest article extracts to. Stores nothing.

    \b
    Example:
      newsdesk sources test https://www.example.org/rss
    """  # noqa: D301  # click reads \b as: do not wrap
    from crawler.commands.sources_test import print_test, run_test
    from crawler.engine.jobs.discover import run_probe

    source = app.config.source(url)
    addresses = [address for _, address in source.feed_urls] if source else [_address(url)]
    found = run_probe(app.config, lambda web: run_test(web, app.config, addresses, now), now)
    return print_test(found)


@sources_command.command("enable")
@click.argument("source_id", metavar="ID", shell_complete=complete_source)
@pass_app
def enable_source(app: CliContext, source_id: str) -> None:
    """Crawl a source again.

    \b
    Example:
      newsdesk sources enable example.org
    """  # noqa: D301  # click reads \b as: do not wrap
    from crawler.config import source_file

    app.message(f"{source_id} is enabled in {source_file.set_enabled(app.config, source_id, enabled=True)}")


@sources_command.command("disable")
@click.argument("source_id", metavar="ID", shell_complete=complete_source)
@pass_app
def disable_source(app: CliContext, source_id: str) -> None:
    """Stop crawling a source; its stored articles stay.

    \b
    Example:
      newsdesk sources disable example.org
    """  # noqa: D301  # click reads \b as: do not wrap
    from crawler.config import source_file

    app.message(f"{source_id} is disabled in {source_file.set_enabled(app.config, source_id, enabled=False)}")


@sources_command.command("rename")
@click.argument("old", shell_complete=complete_source)
@click.argument("new")
@pass_app
def rename_source(app: CliContext, old: str, new: str) -> None:
    """Change the id of a source, in the configuration and in the database.

    \b
    Example:
      newsdesk sources rename example.org example
    """  # noqa: D301  # click reads \b as: do not wrap
    from crawler.config import source_file
    from storage.databases import exclusive, exists
    from storage.writer import open_writer

    database = app.config.database
    if not exists(database):
        app.message(f"{old} is now {new} in {source_file.rename(app.config, old, new)}")
        return
    with exclusive(database, command="sources rename", now=now()), open_writer(database) as store:
        path = source_file.rename(app.config, old, new)
        count = store.rename_source(old, new, now())
    app.message(f"{old} is now {new} in {path}, and in {database} ({count:,} articles)")


@sources_command.command("remove")
@click.argument("source_id", metavar="ID", shell_complete=complete_source)
@pass_app
def remove_source(app: CliContext, source_id: str) -> None:
    """Remove a source from the list; its stored articles stay.

    \b
    Example:
      newsdesk sources remove example.org
    """  # noqa: D301  # click reads \b as: do not wrap
    from crawler.config import source_file

    app.message(f"{source_id} is removed from {source_file.remove(app.config, source_id)}; its articles stay")


@sources_command.command("import")
@click.argument("file", metavar="FILE")
@click.option("--tag", "tags", multiple=True, help="A tag for all of them (may be repeated).")
@pass_app
def import_sources(app: CliContext, file: str, tags: tuple[str, ...]) -> int:
    """Import OPML (folders become tags), TOML, CSV, or plain lines of feeds or home pages; feeds of home pages are
    discovered.

    \b
    Example:
      newsdesk sources import subscriptions.opml --tag mine
    """  # noqa: D301  # click reads \b as: do not wrap
    from crawler.commands.sources_import import import_file
    from crawler.engine.jobs.discover import run_probe

    def discover_all(urls: list[str]) -> list[Discovery]:
        return run_probe(app.config, lambda web: _discover_all(web, urls, app.message), now)

    return import_file(app, existing_file(file), tags, discover_all)


@sources_command.command("export")
@click.option("--format", "form", type=click.Choice(["opml", "toml"]), default="opml", show_default=True)
@click.argument("file", type=click.Path(path_type=Path), required=False)
@pass_app
def export_sources(app: CliContext, file: Path | None, form: str) -> None:
    """Write the source list as OPML or TOML, to stdout or a file.

    \b
    Example:
      newsdesk sources export sources.opml
    """  # noqa: D301  # click reads \b as: do not wrap
    import tomlkit

    from crawler.config import source_file
    from crawler.feeds.source_lists import write_opml

    if form == "toml":
        document = tomlkit.document()
        tables = tomlkit.aot()
        for source in app.config.sources:
            tables.append(source_file.table_of(source_file.source_values(source)))
        document.append("source", tables)
        text = tomlkit.dumps(document)
    else:
        text = write_opml(
            [(s.name, feed, s.url, s.tags) for s in app.config.sources for feed in (*s.feeds, *s.sitemaps)]
        )
    if file:
        file.write_text(text, encoding="utf-8")
        app.message(f"written to {file}")
    else:
        print(text, end="")


@sources_command.command("learned")
@click.argument("source_id", metavar="ID", shell_complete=complete_source)
@format_options(csv=False)
@pass_app
def learned_command(app: CliContext, source_id: str, form: str) -> None:
    """Show what repeats on a source's pages and is left out of its texts, as a table for the source list.

    Paragraphs count that at least three stories and a fifth of the last thirty pages have. `keep` exempts one by its
    first words.

    \b
    Example:
      newsdesk sources learned example.org
    """  # noqa: D301  # click reads \b as: do not wrap
    from crawler.commands.sources_learned import as_toml, learned_rows
    from crawler.errors import ConfigError

    source = next((s for s in app.config.sources if s.id == source_id), None)
    if source is None:
        raise ConfigError(f"no source is called {source_id}; `newsdesk sources list` names them")
    with app.reader() as store:
        rows = learned_rows(store, source)
    if form:
        print_rows(rows, form)
    elif rows:
        print(as_toml(rows, source), end="")
    else:
        app.message(f"{source_id}: nothing repeats on its pages, or fewer than three were read")
