"""`fetch`: addresses, now."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from crawler.commands.context import CliContext, now, pass_app, print_rows


@click.command("fetch")
@click.argument("urls", nargs=-1, metavar="URL…")
@click.option(
    "--from", "corpus", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Fetch the addresses of a corpus (url and content_hash, as CSV or JSON lines), and compare its hashes.",
)  # fmt: skip
@click.option("--no-store", is_flag=True, help="Store nothing.")
@click.option("--json", "form", flag_value="json", help="A JSON list of articles.")
@click.option("--markdown", "form", flag_value="markdown", help="Markdown.")
@click.option("--text", "form", flag_value="text", help="The text alone.")
@pass_app
def fetch_command(app: CliContext, urls: tuple[str, ...], corpus: Path | None, no_store: bool, form: str | None) -> int:
    """Fetch and extract URLs now; `-` reads them from stdin, one per line. Always makes a request, so it also rechecks
    a stored article.

    Prints the articles, and on stderr the id and database of each. Works in an empty folder without a configuration.
    While another newsdesk runs, the URL is handed to it.

    \b
    Examples:
      newsdesk fetch https://www.themoscowtimes.com/2020/02/11/a-story-a69238
      newsdesk fetch --no-store --markdown - < urls.txt
      newsdesk fetch --from corpus.csv
    """  # noqa: D301  # click reads \b as: do not wrap
    from crawler.engine.jobs.fetch import fetch_addresses
    from crawler.errors import ALL_FAILED, DONE, SOME_FAILED, UsageError
    from crawler.outputs.articles import print_articles
    from crawler.outputs.rows import article_row

    if corpus is not None:
        if urls or form not in {None, "json"}:
            raise UsageError("--from takes no URL, --markdown or --text; it prints what became of each article")
        return _rebuild(app, corpus, store=not no_store, form=form)
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


def _rebuild(app: CliContext, corpus: Path, *, store: bool, form: str | None) -> int:
    """Fetch the articles of a shared corpus, and print which of them are the same, changed or gone.

    Raises:
        UsageError: the file cannot be read.
    """
    from collections import Counter

    from crawler.articles.shared_corpus import compare, read_corpus
    from crawler.engine.jobs.fetch import fetch_addresses
    from crawler.errors import ALL_FAILED, DONE, SOME_FAILED, UsageError

    try:
        text = corpus.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"{corpus}: cannot be read ({reason}); name the file of the corpus") from error
    shared = read_corpus(text, str(corpus))
    if not shared:
        raise UsageError(f"{corpus}: has no article; `newsdesk export --fields url,content_hash` writes such a file")
    found = {one.url: one for one in fetch_addresses(app.config, [one.url for one in shared], store=store, now=now)}
    rows = []
    for one in shared:
        fetched = found[one.url]
        became = compare(one, fetched.article, gone=fetched.outcome == "gone")
        rows.append({"url": one.url, "status": became, "reason": fetched.reason or None})
    if form == "json":
        print_rows(rows, "json")
    else:
        for row in rows:
            print("\t".join(value for value in (row["status"], row["url"], row["reason"]) if value))
    counts = Counter(row["status"] for row in rows)
    app.message(", ".join(f"{counts[name]:,} {name}" for name in ("same", "changed", "gone", "failed") if counts[name]))
    failed = counts["failed"]
    return DONE if not failed else ALL_FAILED if failed == len(rows) else SOME_FAILED
