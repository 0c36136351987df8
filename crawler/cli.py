"""The command line: `newsdesk [--db PATH] [--config FILE] [-q|-v] COMMAND`.

The commands are in crawler/commands/ and imported when they are called.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from crawler.commands.context import CliContext
from crawler.errors import FAILED, INTERRUPTED, USAGE, CrawlerError
from crawler.startup import block_heavy_imports, collect_garbage_seldom, foreign, foreign_packages
from crawler.version import __version__

if TYPE_CHECKING:
    from crawler.config.models import Pace

# name: (module in crawler.commands, what it does). The order is the order of the day.
COMMANDS: dict[str, tuple[str, str]] = {
    "crawl": ("crawl", "One pass over the sources: new articles in, a summary per source out."),
    "run": ("run", "The background crawler: each feed at its own interval, until SIGTERM or SIGINT."),
    "fetch": ("fetch", "Fetch and extract addresses now, and print the articles."),
    "list": ("articles", "Stored articles, newest first."),
    "search": ("articles", "Full-text search, best first, with snippets."),
    "show": ("show", "One article: its text, versions, copies, and the origin of each field."),
    "edits": ("edits", "What publishers changed after publication."),
    "sources": ("sources", "The source list: list, add, test, enable, disable, rename, remove, import, export."),
    "status": ("status", "How the crawler and each source are doing."),
    "coverage": ("coverage", "What was watched and found, day by day."),
    "gaps": ("gaps", "What is known to be missing."),
    "backfill": ("backfill", "Older articles, from archive pages, sitemaps and section pages."),
    "import": ("import_archives", "Articles from WARC files, into the database or as Parquet."),
    "export": ("export", "Stored articles, to a file."),
    "reprocess": ("reprocess", "Extract again from the stored raw pages."),
    "watch": ("watch", "Saved searches, and what they would have sent."),
    "browse": ("browse", "Stored articles in the browser, read-only."),
    "config": ("config", "The settings in force and the origin of each."),
    "db": ("db", "The database file: migrate, check, backup, restore."),
    "doctor": ("doctor", "Checks of the installation: versions, limits, settings."),
    "init": ("init", "Starter files in this folder."),
    "demo": ("demo", "A bundled local news web, crawled twice in seconds, no network."),
}


class _Lazy(click.Group):
    """A group whose commands are imported when they are called: `--help` must not wait for Scrapy."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        cmd_name: str,
    ) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"crawler.commands.{COMMANDS[cmd_name][0]}")
        command = getattr(module, f"{cmd_name}_command")
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """An unknown command names the near one."""
        import difflib

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            raise click.UsageError(
                f"no command is called {args[0]!r}"
                + (f"; did you mean {near[0]!r}?" if near else "; `newsdesk --help` lists them")
            )
        return super().resolve_command(ctx, args)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--db",
    "database",
    metavar="PATH",
    help="The database: a file, or postgresql://… [default: NEWSDESK_DB, the configuration's, else ./news.db].",
)
@click.option(
    "--config",
    "config_path",
    metavar="FILE",
    help="The configuration [default: NEWSDESK_CONFIG, else ./newsdesk.toml, …].",
)
@click.option("-q", "--quiet", is_flag=True, help="Only data and errors.")
@click.option("-v", "--verbose", is_flag=True, help="What is done, step by step, on stderr.")
@click.version_option(__version__, prog_name="newsdesk")
@click.pass_context
def cli(ctx: click.Context, database: str | None, config_path: str | None, quiet: bool, verbose: bool) -> None:
    """Newsdesk watches news sources, fetches every new article once, and keeps clean, deduplicated, versioned,
    searchable records in one SQLite file.

    Start with `newsdesk demo`, or `newsdesk crawl` and `newsdesk list`.

    Exit codes: 0 done, 1 error, 2 usage, 3 configuration, 4 some sources failed, 5 all failed, 6 another newsdesk holds
    the database, 130/143 interrupted.
    """
    from crawler.commands.params import refuse_password

    refuse_password(database or "")
    ctx.obj = CliContext(config_path=config_path, database=database, quiet=quiet, verbose=verbose, pace=ctx.obj)
    _log(quiet=quiet, verbose=verbose)


def _log(*, quiet: bool, verbose: bool) -> None:
    """Newsdesk's own log on stderr, one line a message; the libraries are silent unless -v."""
    import logging
    import warnings

    from crawler.outputs.log_format import ShortLines

    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # what a library deprecates is for its developers
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(ShortLines(tracebacks=verbose))
    logging.getLogger("newsdesk").handlers = [handler]
    logging.getLogger("newsdesk").propagate = False
    logging.getLogger("newsdesk").setLevel(logging.DEBUG if verbose else logging.ERROR if quiet else logging.WARNING)
    logging.getLogger().addHandler(logging.NullHandler())


def main(arguments: Sequence[str] | None = None, *, pace: Pace | None = None) -> None:
    """Run a command.

    Every failure that a user, a feed, a page, a disk or a network caused is one line and the contract's exit code.

    Args:
        arguments: the command line; that of the process where none is given.
        pace: shorter waiting times, for tests.
    """
    collect_garbage_seldom()
    block_heavy_imports()
    if "storage" in (others := foreign_packages()):
        print(f"newsdesk: {foreign('storage', others['storage'])}", file=sys.stderr)
        sys.exit(FAILED)
    try:
        sys.exit(run(arguments, pace=pace))
    except BrokenPipeError:  # `newsdesk list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


def run(arguments: Sequence[str] | None = None, *, pace: Pace | None = None) -> int:
    """The command's exit code."""
    from storage.errors import StorageError

    try:
        code = cli.main(
            args=list(arguments) if arguments is not None else None,
            prog_name="newsdesk",
            standalone_mode=False,
            obj=pace,
        )
        sys.stdout.flush()
    except (CrawlerError, StorageError) as error:
        return _failed(str(error), error.exit_code, error.__cause__)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.UsageError as error:
        return _misused(error)
    except click.ClickException as error:
        return _failed(error.format_message(), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return _interrupted()
    except RuntimeError as error:
        if not isinstance(error.__cause__, KeyboardInterrupt):  # what comes of Ctrl-C while a class is made
            raise
        return _interrupted()
    except BrokenPipeError:
        raise
    except OSError as error:
        return _failed(f"{error.filename or 'the system'}: {error.strerror or error}", FAILED)
    return code if isinstance(code, int) else 0


def _interrupted() -> int:
    """The exit code of Ctrl-C.

    CPython remembers a KeyboardInterrupt that left an `exec` of a string, as dataclasses run one while a module is
    imported, and ends the process by SIGINT after its own exit code was decided; the next exec forgets it
    (Python/pythonrun.c, run_eval_code_obj).
    """
    exec("")  # noqa: S102
    return _failed("interrupted", INTERRUPTED)


def _misused(error: click.UsageError) -> int:
    """One line; the help, with its line breaks, where nothing was asked for."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        print(error.format_message(), file=sys.stderr)
        return USAGE
    where = error.ctx.command_path if error.ctx else "newsdesk"
    return _failed(f"{error.format_message()} (`{where} --help` says how)", USAGE)


def _failed(message: str, code: int, cause: BaseException | None = None) -> int:
    from crawler.outputs.terminal import safe

    if cause is not None:
        import logging

        logging.getLogger("newsdesk").debug("the error below was caused by this one:", exc_info=cause)

    print(f"newsdesk: {safe(' '.join(message.split()))}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
