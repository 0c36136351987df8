"""`db`: the database file."""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path

import click

from crawler.commands.completion import source_option
from crawler.commands.context import CliContext, existing_file, now, pass_app
from crawler.commands.params import When


@click.group("db")
def db_command() -> None:
    """Maintain the database file."""


@db_command.command("migrate")
@pass_app
def migrate(app: CliContext) -> None:
    """Upgrade the file to this version's tables, URL keys and full-text index. Where something is rewritten, it says
    how long that takes and how much disk, and makes a backup first.

    \b
    Example:
      newsdesk db migrate
    """  # noqa: D301  # click reads \b as: do not wrap
    from crawler.articles.key_versions import KEYS
    from storage.sqlite.connection import version_of
    from storage.sqlite.lock import Lock
    from storage.sqlite.migrations import SCHEMA
    from storage.upgrade import planned, rewrite
    from storage.writer import open_writer

    path, moment = app.config.database, now()
    if not isinstance(path, Path):  # whose migrations are all additive
        with open_writer(path) as writer:
            print(f"{path}: schema {writer.meta('schema')}")
        return
    before = version_of(path)
    with Lock(path, command="db migrate", now=moment), open_writer(path) as writer:
        plan = planned(writer, moment)
        if plan is not None:
            app.message(
                f"rewriting {' and '.join(_REWRITTEN[part] for part in plan.parts)} of {plan.articles:,} articles: "
                f"about {math.ceil(plan.seconds / 60):,} min, and up to {math.ceil(plan.bytes / 1e6):,} MB of disk "
                f"with the backup {plan.backup}"
            )
            rewrite(writer, plan, KEYS, moment)
    done = f"; backup {plan.backup}" if plan else "; nothing to do" if before == SCHEMA else ""
    print(f"{path}: schema {SCHEMA}" + (f", was {before}" if before != SCHEMA else "") + done)


_REWRITTEN = {"url_keys": "the URL keys", "search_folding": "the full-text index"}


@db_command.command("check")
@click.option("--rebuild-index", is_flag=True, help="Rebuild the full-text index.")
@click.option("--raw", is_flag=True, help="Read all raw pages too, and compare them with their hashes.")
@pass_app
def check_file(app: CliContext, rebuild_index: bool, raw: bool) -> int:
    """Check the file: pages, keys, full-text index, versions; exit 1 where something is wrong.

    \b
    Examples:
      newsdesk db check
      newsdesk db check --rebuild-index
      newsdesk db check --raw
    """  # noqa: D301  # click reads \b as: do not wrap
    from storage.maintenance import check, check_index, reindex
    from storage.sqlite.lock import Lock, holder
    from storage.writer import open_writer

    path = app.file(
        "db check", "`pg_amcheck --schema newsdesk DATABASE` checks tables and indexes, and `newsdesk doctor` the rest"
    )
    problems = check(path)
    if rebuild_index or holder(path) is None:
        with Lock(path, command="db check", now=now()), open_writer(path) as writer:
            if rebuild_index:
                app.message(f"the full-text index was rebuilt from {reindex(writer):,} articles")
                problems = check(path)
            problems += [p for p in [check_index(writer)] if p]
    if raw:
        from storage.store import open_store
        from storage.warc_records import problems_of_raw_pages

        with open_store(path) as store:
            problems += problems_of_raw_pages(store)
    for problem in problems:
        print(problem)
    if not problems:
        print(f"{path}: ok")
    return 1 if problems else 0


@db_command.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@pass_app
def backup_file(app: CliContext, file: Path) -> None:
    """Copy the file, also while a crawl writes it; the copy is complete or does not appear.

    \b
    Example:
      newsdesk db backup copy.db
    """  # noqa: D301  # click reads \b as: do not wrap
    from storage.maintenance import backup

    size = backup(
        app.file(
            "db backup",
            "`pg_dump --format custom --schema newsdesk --file FILE DATABASE` makes a copy, and pgBackRest or WAL-G keep "
            "one up to the second; `newsdesk db copy` makes a SQLite file",
        ),
        file,
    )
    print(f"{file}: {size / 1e6:,.1f} MB")


@db_command.command("restore")
@click.argument("file")
@pass_app
def restore_file(app: CliContext, file: str) -> None:
    """Replace the database by a backup; the replaced file is left beside it.

    \b
    Example:
      newsdesk db restore copy.db
    """  # noqa: D301  # click reads \b as: do not wrap
    from storage.maintenance import restore
    from storage.sqlite.lock import Lock

    path = app.file(
        "db restore",
        "`pg_restore --clean --if-exists --dbname DATABASE FILE` while no worker runs; then "
        "`UPDATE newsdesk.meta SET value = value::int + 1 WHERE key = 'generation'`, so that older cursors are refused",
    )
    with Lock(path, command="db restore", now=now()):
        generation = restore(existing_file(file), path, now())
    print(f"{path}: restored from {file}; generation {generation}")


@db_command.command("copy")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option(
    "--since", type=When(), metavar="DATE", help="Only articles first seen since then, and what belongs to them."
)
@pass_app
def copy_records(app: CliContext, source: str, target: str, since: str | None) -> None:
    """Copy all records from one database into another, empty one: between a SQLite file and PostgreSQL either way. `.`
    is the database in force. Interrupted, the same command goes on. At the end both are counted and compared.

    \b
    Examples:
      newsdesk db copy news.db postgresql://news@db.example.org/news
      newsdesk db copy . week.db --since 7d
    """  # noqa: D301  # click reads \b as: do not wrap
    from storage import databases
    from storage.copying import copy
    from storage.warc import warc_folder

    places = [app.address(text) for text in (source, target)]
    with (
        databases.open_reading(places[0]) as reader,
        databases.exclusive(places[1], command="db copy", now=now()),
        databases.open_writing(places[1]) as writer,
    ):
        rows = copy(reader, writer, since=since, say=app.message)
    print(f"{places[1]}: {rows['articles']:,} articles, {sum(rows.values()):,} rows; the same as in {places[0]}")
    app.message(f"raw pages are files: copy those of {warc_folder(places[0])} into {warc_folder(places[1])}")


@db_command.command("prune")
@click.option(
    "--articles-before",
    type=When(),
    metavar="DATE",
    help="Take out articles first seen before this time too, for good; their URLs stay known, so that they are not "
    "fetched again.",
)
@source_option("With --articles-before: only this source's.")
@pass_app
def prune_file(app: CliContext, articles_before: str | None, sources: tuple[str, ...]) -> None:
    """Delete by age what is not the record: the log of requests, old runs, rejected entries of feeds that are gone, raw
    pages; articles only with --articles-before.

    \b
    Examples:
      newsdesk db prune
      newsdesk db prune --articles-before 2024-01-01 --source example.org
    """  # noqa: D301  # click reads \b as: do not wrap
    from storage.databases import exclusive
    from storage.maintenance import delete_raw_pages, prune
    from storage.utc import format_utc
    from storage.writer import open_writer

    if sources and articles_before is None:
        raise click.UsageError("--source says whose articles; say --articles-before DATE too")
    path, moment = app.config.database, now()
    app.reader().close()  # creates nothing
    with exclusive(path, command="db prune", now=moment), open_writer(path) as writer:
        found = {}
        if articles_before is not None:
            found["articles"] = writer.prune_articles(articles_before, sources, moment)
        ledger = format_utc(moment - timedelta(seconds=app.config.storage.fetches_retain))
        found |= prune(writer, now=moment, fetches_before=ledger)
        found["files of raw pages"] = delete_raw_pages(
            writer, moment - timedelta(seconds=app.config.extract.raw_retain)
        )
    print(", ".join(f"{count:,} {name}" for name, count in found.items()) + " taken out")
