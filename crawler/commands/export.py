"""`export`: what is kept, into a file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crawler.commands.articles import filter_options, say_understood, unknown_names
from crawler.commands.context import CliContext, now, pass_app
from crawler.commands.params import Number
from storage.records import Filter

if TYPE_CHECKING:
    from crawler.outputs.cursors import Cursor
    from crawler.outputs.exports import ExportResult


_FORMS = ("jsonl", "csv", "parquet", "markdown", "atom", "wacz")
_ENDINGS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".atom": "atom",
    ".xml": "atom",
    ".wacz": "wacz",
}


def _form_of(file: Path) -> str:
    """The format that a file's name asks for.

    Raises:
        click.UsageError: its ending is that of none.
    """
    if (form := _ENDINGS.get(file.suffix.lower())) is None:
        raise click.UsageError(
            f"{str(file)!r} has no known file ending; name the format with --format {'|'.join(_FORMS)}"
        )
    return form


@click.command("export")
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMS),
    help="[default: by the file's ending: .jsonl .ndjson .csv .parquet .atom .xml .wacz] jsonl: an object a line; "
    "csv: a header first; parquet: for pandas and DuckDB (needs pyarrow); markdown: a folder, a file an article; "
    "atom: a feed; wacz: the raw pages, for ReplayWeb.page.",
)
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--query", metavar="TEXT", help="Only articles that `newsdesk search TEXT` finds.")
@click.option(
    "--since-cursor",
    "cursor_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Only what changed since this file was written (everything the first time); then update the file.",
)
@click.option(
    "--since-seq",
    type=Number(0),
    metavar="N",
    help="Only what changed after this seq of the changes table.",
)
@click.option(
    "--manifest",
    "manifest_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write what went out, from which database, with its hash: to cite a corpus by.",
)
@filter_options
@pass_app
def export_command(
    app: CliContext,
    form: str | None,
    file: Path,
    query: str | None,
    cursor_file: Path | None,
    since_seq: int | None,
    manifest_file: Path | None,
    which: Filter,
    fold: bool | None,  # noqa: ARG001 - folding is off for machines unless said
    fields: tuple[str, ...],
) -> None:
    """Write stored articles to a file (`-` is stdout), with the filters of `list`; the file appears when it is
    complete.

    \b
    Examples:
      newsdesk export articles.jsonl --since 30d
      newsdesk export new.csv --since-cursor cursor.json
    """  # noqa: D301  # click reads \b as: do not wrap
    from crawler.outputs.atomic_files import atomic_write, check_targets
    from crawler.outputs.cursors import write_cursor
    from crawler.outputs.exports import export
    from crawler.outputs.manifest import lines, manifest, warc_records

    form = form or _form_of(file)
    if cursor_file and since_seq is not None:
        raise click.UsageError("--since-cursor and --since-seq exclude one another")
    which = dataclasses.replace(which, query=query)
    check_targets([path for path in (file, cursor_file, manifest_file) if path], app.config.protected_files)
    since = _start_after(cursor_file, since_seq)
    if query is not None:
        say_understood(app, query)
    with app.reader() as store:
        unknown_names(app, store, sources=which.sources, tags=which.tags)

        def also(done: ExportResult) -> None:
            if manifest_file:
                with atomic_write(manifest_file, advice="the export is complete, the manifest is not") as out:
                    for line in lines(manifest(done, store, app.config), warc_records(done, store, which)):
                        out.write(line)

        done = export(store, which, file, form, fields=fields, since=since, now=now(), also=also)
        every = store.count(which) if which.limit is not None else done.articles + done.left_out
    if cursor_file:
        write_cursor(cursor_file, done.cursor)
    app.message(_summarize(done, every))


def _start_after(cursor_file: Path | None, since_seq: int | None) -> Callable[[Cursor], int] | None:
    """Return the function that gives the seq an export starts after; None for a full export."""
    from crawler.outputs.cursors import read_cursor

    if cursor_file:
        return lambda here: read_cursor(cursor_file, here)
    if since_seq is not None:
        return lambda here: min(since_seq, here.seq)
    return None


def _summarize(done: ExportResult, every: int) -> str:
    """Return the message about an export; `every` is the number of articles that match without --limit."""
    from crawler.outputs.terminal import pluralize

    cut = f" of {every:,}; --limit shows more" if every > done.articles + done.left_out else ""
    gone = f" and {pluralize(done.tombstones, 'tombstone')}" if done.tombstones else ""
    where = "" if str(done.path) == "-" else f" in {done.path}"
    place = f"; seq {done.cursor.seq} is the newest" if done.since is not None else ""
    left_out = f"; {done.left_out:,} without a raw page are left out" if done.left_out else ""
    return f"{pluralize(done.articles, 'article')}{gone}{where}{cut}{left_out}{place}"
