"""`init`: starter files."""

from __future__ import annotations

from pathlib import Path

import click

from crawler.commands.context import CliContext, pass_app


@click.command("init")
@pass_app
def init_command(app: CliContext) -> None:
    """Write starter files into this folder: newsdesk.toml with every setting, and sources.toml with the shipped
    sources.

    \b
    Example:
      newsdesk init
    """  # noqa: D301  # click reads \b as: do not wrap
    from crawler.config.loader import shipped
    from crawler.errors import UsageError

    targets = [(name, Path(name)) for name in ("newsdesk.toml", "sources.toml")]
    for _, target in targets:
        if target.exists():
            raise UsageError(f"{target} is here already; init writes only where nothing is lost")
    for name, target in targets:
        target.write_bytes(shipped(name).read_bytes())
    app.message("newsdesk.toml and sources.toml are written; edit them, then `newsdesk crawl`")
