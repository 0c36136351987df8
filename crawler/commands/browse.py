"""`browse`: what is kept, in the browser."""

from __future__ import annotations

import click

from crawler.commands.context import CliContext, pass_app
from crawler.commands.params import Number
from crawler.errors import UsageError


@click.command("browse")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", default=8001, show_default=True, type=Number(0, 65535), help="0 takes a free one.")
@click.option(
    "--allow-host",
    "allowed",
    multiple=True,
    metavar="NAME",
    help="Another host name that this server answers to (may be repeated).",
)
@pass_app
def browse_command(app: CliContext, host: str, port: int, allowed: tuple[str, ...]) -> None:
    """Serve the stored articles as web pages, with Datasette: read-only, by default on this machine only, also while
    newsdesk writes.

    \b
    Example:
      newsdesk browse --port 8080
    """  # noqa: D301  # click reads \b as: do not wrap
    from crawler.outputs.browse.server import serve

    if not host.strip():  # to a socket that is every interface
        raise UsageError("--host names nothing; 127.0.0.1 is this machine alone, 0.0.0.0 every interface")
    app.reader().close()
    serve(app.config.database, host=host, port=port, allowed=allowed, say=app.message)
