"""`fetch`: addresses, now."""

from __future__ import annotations

import sys

import click

from crawler.commands.context import CliContext, now, pass_app, print_rows


@click.command("fetch")
@click.argument("urls", nargs=-1, required=True, metavar="URL…")
@click.option("--no-store", is_flag=True, help="Store nothing.")
@click.option("--json", "form", flag_value="json", help="A JSON list of articles.")
@click.option("--markdown", "form", flag_value="markdown", help="Markdown.")
@click.option("--text", "form", flag_value="text", help="The text alone.")
@pass_app
def fetch_command(app: CliContext, urls: tuple[str, ...], no_store: bool, form: str | None) -> int:
    """Fetch and extract URLs now; `-` reads them from stdin, one per line. Always makes a request, so it also rechecks
    a stored article.

    Prints the articles, and on stderr the id and database of each. Works in an empty folder without a configuration.
    While another newsdesk runs, the URL is handed to it.

    \b
    Examples:
      newsdesk fetch https://www.themoscowtimes.com/2020/02/11/a-story-a69238
      newsdesk fetch --no-store --markdown - < urls.txt
    """  # noqa: D301  # click reads \b as: do not wrap
    from crawler.engine.jobs.fetch import fetch_addresses
    from crawler.errors import ALL_FAILED, DONE, SOME_FAILED, UsageError
    from crawler.outputs.articles import print_articles
    from crawler.outputs.rows import article_row

    wanted = tuple(
        line.strip()
        for url in urls
        for line in (sys.stdin if url == "-" else [url])
        if line.strip() and not line.startswith("#")
    )
    if not wanted:
        raise UsageError("no address to fetch; name one, or pipe them in with `-`")
    found = fetch_addresses(app.config, wanted, store=not no_store, now=now)
    articles = [f.article for f in found if f.article is not None]
    if form == "json":
        print_rows([article_row(a) for a in articles], "json")
    else:
        print_articles(articles, form or "read")
    for f in found:
        if f.article is None:
            print(f"newsdesk: {f.url}: {f.reason}", file=sys.stderr)
        elif not no_store:
            app.message(f"{f.url}: {f.outcome}, stored as {f.article.id} in {app.config.database}")
    if all(f.article for f in found):
        return DONE
    return SOME_FAILED if articles else ALL_FAILED
