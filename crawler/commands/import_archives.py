"""`import`: articles from WARC files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crawler.commands.context import CliContext, now, pass_app
from crawler.commands.params import Number, When

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from crawler.archives.files import Source
    from crawler.archives.selection import Selection
    from crawler.engine.jobs.import_archives import FileReport

SHOWN = 5  # broken records of a file that are named; all of them with --jsonl and in the part's description


class Part(click.ParamType[tuple[int, int]]):
    """`I/N`: one of N parts."""

    name = "part"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Read it, or say how it is written."""
        match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", str(value))
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            self.fail(f"{value!r} is no part; write I/N, as 2/8 for the second of eight", param, ctx)
        return int(match[1]), int(match[2])


@click.command("import")
@click.argument("names", nargs=-1, required=True, metavar="FILE…")
@click.option(
    "--to", "folder", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
    help="Write Parquet, a part a file, instead of the database; parts that are there are skipped.",
)  # fmt: skip
@click.option("--part", type=Part(), metavar="I/N", help="Only every N-th file, from the I-th on.")
@click.option(
    "--dask", "scheduler", metavar="ADDRESS",
    help="Read the files on the workers of a Dask cluster, as tcp://HOST:8786; with --to, or PostgreSQL.",
)  # fmt: skip
@click.option("--since", type=When(), metavar="TIME", help="Only articles published (else captured) from then on.")
@click.option("--until", type=When(end=True), metavar="TIME", help="Only articles published (else captured) before.")
@click.option("--domain", "domains", multiple=True, metavar="DOMAIN", help="Only pages of it and of its subdomains.")
@click.option("--lang", "languages", multiple=True, metavar="LANG", help="Only articles in this language, as en.")
@click.option("--limit", type=Number(1), metavar="N", help="Stop after so many articles.")
@click.option("--keep-raw", is_flag=True, help="Copy the raw pages into the database's own folder.")
@click.option("--jsonl", is_flag=True, help="Print a JSON object for each file on stdout.")
@pass_app
def import_command(
    app: CliContext,
    names: tuple[str, ...],
    folder: Path | None,
    part: tuple[int, int] | None,
    scheduler: str | None,
    since: str | None,
    until: str | None,
    domains: tuple[str, ...],
    languages: tuple[str, ...],
    limit: int | None,
    keep_raw: bool,
    jsonl: bool,
) -> int:
    """Read articles from WARC and WACZ files: CC-NEWS, newsdesk's own raw pages, or any crawler's.

    FILE is a .warc, .warc.gz or .wacz file, the http or https address of one, a folder of such files, or @LIST, a text
    file with one of them on each line. The articles are stored like crawled ones, first seen when they were captured; no watch reports them, and
    none is fetched again. A broken record is skipped and named.

    \b
    Examples:
      newsdesk import CC-NEWS-20261120-01.warc.gz --domain bbc.co.uk
      newsdesk import @paths.txt --to parts --part 3/16 --lang en
    """  # noqa: D301  # click reads \b as: do not wrap
    from crawler.archives.files import archive_files, part_of
    from crawler.errors import ALL_FAILED, DONE, SOME_FAILED

    if keep_raw and folder is not None:
        raise click.UsageError("--keep-raw and --to exclude one another: parts have no raw pages")
    files = archive_files(names)
    if part is not None:
        files = part_of(files, part)
        if not files:
            app.message("this part has no file: there are fewer files than parts")
            return DONE
    selection = _selection(since, until, domains, languages)
    reports: list[FileReport] = []

    with _progress(app, files, reports) as each:

        def done(report: FileReport) -> None:
            reports.append(report)
            _print(app, report, jsonl)
            each(report)

        if scheduler is not None:
            from crawler.engine.jobs.cluster import import_on_cluster

            command = _command_of_a_file(app, folder, selection, limit, keep_raw=keep_raw)
            shared = [path.absolute() if isinstance(path, Path) else path for path in files]
            import_on_cluster(scheduler, shared, command, done=done)
        else:
            _run(app, files, folder, selection, each, done, limit=limit, keep_raw=keep_raw)
    _summarize(app, reports, folder)
    failed = sum(report.error is not None for report in reports)
    return (ALL_FAILED if failed == len(reports) else SOME_FAILED) if failed else DONE


def _selection(since: str | None, until: str | None, domains: tuple[str, ...], languages: tuple[str, ...]) -> Selection:
    from crawler.archives.selection import Selection
    from storage.article import moment

    return Selection(
        since=moment(since),
        until=moment(until),
        domains=tuple(domain.lower().strip(".") for domain in domains),
        languages=tuple(language.lower() for language in languages),
    )


def _command_of_a_file(
    app: CliContext, folder: Path | None, selection: Selection, limit: int | None, *, keep_raw: bool
) -> list[str]:
    """The command that reads one file on another machine, without the file.

    Raises:
        click.UsageError: a limit over all files, or a SQLite file, which has one writer.
    """
    from storage.utc import format_utc

    if limit is not None:
        raise click.UsageError("--limit and --dask exclude one another: the files are read at the same time")
    if folder is None and isinstance(app.config.database, Path):
        raise click.UsageError("--dask needs --to FOLDER or a PostgreSQL database: a SQLite file has one writer")
    found = ["-q"]
    if app.config.path is not None:
        found += ["--config", str(app.config.path.absolute())]
    if app.database is not None and folder is None:
        found += ["--db", app.database]
    found += [
        "import",
        "--jsonl",
        *(["--to", str(folder.absolute())] if folder else []),
        *(["--keep-raw"] if keep_raw else []),
    ]
    for name, at in (("--since", selection.since), ("--until", selection.until)):
        found += [name, format_utc(at)] if at else []
    for name, values in (("--domain", selection.domains), ("--lang", selection.languages)):
        for value in values:
            found += [name, value]
    return found


def _run(
    app: CliContext,
    files: Sequence[Source],
    folder: Path | None,
    selection: Selection,
    each: Callable[[FileReport], None],
    done: Callable[[FileReport], None],
    *,
    limit: int | None,
    keep_raw: bool,
) -> None:
    """Read the files into the database or into parts.

    Raises:
        CrawlerError: a part cannot be written.
        StorageError: the database cannot be written, or another newsdesk holds it.
    """
    import asyncio

    from crawler.engine.jobs.archive_parts import import_into_parts
    from crawler.engine.jobs.archive_store import import_into_store
    from storage.databases import exclusive, open_writing

    config = app.config
    if folder is not None:
        asyncio.run(import_into_parts(config, folder, files, selection, limit=limit, each=each, done=done))
        return
    with exclusive(config.database, command="import", now=now()), open_writing(config.database) as writer:
        asyncio.run(
            import_into_store(config, writer, files, selection, limit=limit, keep_raw=keep_raw, each=each, done=done)
        )


def _progress(app: CliContext, files: Sequence[Source], reports: Sequence[FileReport]) -> Any:
    """A bar with files, pages a second and articles, on a terminal; else nothing."""
    from crawler.outputs.import_progress import progress_bar

    sizes = [path.stat().st_size if isinstance(path, Path) else 0 for path in files]
    return progress_bar(sizes, reports, shown=not app.quiet)


def _print(app: CliContext, report: FileReport, jsonl: bool) -> None:
    from crawler.outputs.rows import as_jsonl

    if jsonl:
        click.echo(as_jsonl(report.to_dict()))
        return
    if report.error is not None:
        app.message(f"{report.path}: {report.error}")
    elif report.skipped:
        app.message(f"{report.path}: its part is there, {report.articles:,} articles")
    else:
        others = ", ".join(f"{count:,} {what}" for what, count in report.counts.most_common() if what != "new")
        rate = report.pages / report.seconds if report.seconds else 0
        app.message(
            f"{report.path}: {report.pages:,} pages, {report.articles:,} articles, {rate:,.0f} pages a second"
            + (f"; {others}" if others else "")
        )
    for name, at, why in report.broken[:SHOWN]:
        place = f"{name} " if name else ""
        app.message(f"{report.path}: skipped {place}at {at:,}: {why}")
    if (more := len(report.broken) - SHOWN) > 0:
        app.message(f"{report.path}: {more:,} more broken records; --jsonl names them")


def _summarize(app: CliContext, reports: Sequence[FileReport], folder: Path | None) -> None:
    from crawler.engine.jobs.import_archives import SEVERAL

    files = sum(str(report.path) != SEVERAL for report in reports)
    if len(reports) < 2:
        return
    pages, articles = sum(report.pages for report in reports), sum(report.articles for report in reports)
    where = f" in {folder}" if folder else ""
    app.message(f"{files:,} file{'s' if files != 1 else ''}, {pages:,} pages, {articles:,} articles{where}")
