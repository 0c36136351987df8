"""`export`: what is kept, into a file."""

from __future__ import annotations

from pathlib import Path

import click

from crawler.commands.app import App, pass_app
from crawler.commands.query import filter_options
from storage.records import Filter


@click.command("export")
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv"]),
    required=True,
    help="jsonl: an object a line; csv: a header first.",
)
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@filter_options
@pass_app
def export_command(app: App, form: str, file: Path, which: Filter, fold: bool | None, fields: tuple[str, ...]) -> None:  # noqa: ARG001 - folding is off for machines unless said
    """What is kept, into a file (`-` is stdout), with the filters of `list`; the file appears when all of it is written."""
    from crawler.outputs.exports import export
    from crawler.outputs.terminal import counted

    with app.reader() as store:
        count = export(store.articles(which), file, form, fields)
        every = store.count(which) if which.limit is not None else count
    cut = f" of {every:,}; --limit shows more" if every > count else ""
    where = "" if str(file) == "-" else f" in {file}"
    app.say(f"{counted(count, 'article')}{where}{cut}")
