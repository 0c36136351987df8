"""`browse`: what is kept, in the browser."""

from __future__ import annotations

import contextlib
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crawler.commands.context import CliContext, pass_app
from crawler.commands.params import Number, When
from crawler.errors import UsageError

if TYPE_CHECKING:
    from storage.address import DatabaseAddress


@click.command("browse")
@click.argument("database", metavar="[DATABASE]", default=".")
@click.option(
    "--since",
    type=When(),
    default="30d",
    show_default=True,
    metavar="DATE",
    help="Of a PostgreSQL database: only articles first seen since then.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", default=8001, show_default=True, type=Number(0, 65535), help="0 takes a free one.")
@click.option(
    "--allow-host",
    "allowed",
    multiple=True,
    metavar="NAME",
    help="Another host name that this server answers to (may be repeated).",
)
@click.option(
    "--base-path", "base", default="/", metavar="/PATH/", help="The path that a proxy serves it under, like /news/."
)
@click.option(
    "--token",
    envvar="NEWSDESK_TOKEN",
    default="",
    help="What a reader must have; on a shared machine, better in NEWSDESK_TOKEN, which other users cannot see.",
)
@click.option("--images", is_flag=True, help="Load lead pictures from the outlets, which then see their readers.")
@pass_app
def browse_command(
    app: CliContext,
    database: str,
    since: str,
    host: str,
    port: int,
    allowed: tuple[str, ...],
    base: str,
    token: str,
    images: bool,
) -> None:
    """Serve the stored articles as web pages, with Datasette: read-only, by default on this machine only, also while
    newsdesk writes. Datasette reads SQLite: of a PostgreSQL database, a window of days is copied into a temporary file
    first.

    \b
    Examples:
      newsdesk browse --port 8080
      newsdesk browse postgresql://reader@db.example.org/news --since 7d
    """  # noqa: D301  # click reads \b as: do not wrap
    from crawler.outputs.browse.access import Access, Site
    from crawler.outputs.browse.server import serve
    from storage import databases

    if not host.strip():  # to a socket that is every interface
        raise UsageError("--host names nothing; 127.0.0.1 is this machine alone, 0.0.0.0 every interface")
    address = app.address(database)
    with contextlib.ExitStack() as stack:
        if not isinstance(address, Path):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="newsdesk-")))
            address = _copied(app, address, folder / "news.db", since)
        databases.open_reading(address).close()
        names = {"127.0.0.1", "localhost", "::1", host.lower(), *(name.lower() for name in allowed)}
        site = Site(path=address, config=app.config, access=Access(names, _base(base), token), images=images)
        serve(site, host=host, port=port, token=token, say=app.message)


def _base(path: str) -> str:
    """A base path with a slash on both ends.

    Raises:
        UsageError: it is no path.
    """
    trimmed = path.strip("/")
    if not re.fullmatch(r"[A-Za-z0-9._~/-]*", trimmed) or "//" in trimmed or ".." in trimmed.split("/"):
        raise UsageError(f"--base-path {path!r} is no path; write it as /news/")
    return f"/{trimmed}/" if trimmed else "/"


def _copied(app: CliContext, address: DatabaseAddress, file: Path, since: str) -> Path:
    """Copy a window of a server's database into a file."""
    from storage import databases
    from storage.copying import copy

    app.message(f"copying what was first seen since {since} from {address} into the temporary file {file}")
    with databases.open_reading(address) as reader, databases.open_writing(file) as writer:
        rows = copy(reader, writer, since=since, say=lambda _: None)
    app.message(f"{rows['articles']:,} articles are copied; later ones show after a new start")
    return file
