"""`reprocess`: the kept raw pages, read again by the extractor of today."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from crawler.commands.completion import source_option
from crawler.commands.context import CliContext, format_options, now, pass_app, print_rows

if TYPE_CHECKING:
    from crawler.articles.reprocess import ReprocessResult

SHOWN = 60  # characters of a value in the table


@click.command("reprocess")
@source_option()
@click.option("--dry-run", is_flag=True, help="Show what would change; write nothing.")
@format_options(csv=False)
@pass_app
def reprocess_command(app: CliContext, sources: tuple[str, ...], dry_run: bool, form: str) -> int:
    """Extract again from the stored raw pages, and show field by field what changes.

    A changed text becomes a version of cause `reprocess`, which no list of edits shows. A page that the new extractor
    takes for no article is reported and left as it is.

    \b
    Example:
      newsdesk reprocess --source example.org --dry-run
    """  # noqa: D301  # click reads \b as: do not wrap
    from crawler.engine.jobs.reprocess import reprocess
    from crawler.errors import ALL_FAILED, DONE, SOME_FAILED
    from storage.databases import exclusive
    from storage.store import open_store
    from storage.writer import open_writer

    path = app.config.database
    _check_names(app, sources)
    found: list[ReprocessResult] = []
    count = 0

    def each(one: ReprocessResult) -> None:
        nonlocal count
        count += 1
        if one.changes or one.new is None:
            found.append(one)

    if dry_run:
        with open_store(path) as store:
            reprocess(app.config, store, sources, now=now(), each=each)
    else:
        with exclusive(path, command="reprocess", now=now()), open_writer(path) as writer:
            reprocess(app.config, writer, sources, now=now(), each=each)
    changed = [one for one in found if one.changes]
    if form:
        print_rows([_row(one) for one in found], form)
    else:
        _print(changed)
    _report_unreadable(app, found)
    would = "would change" if dry_run else "changed"
    counts = _count_fields(changed)
    app.message(
        f"{count:,} stored pages extracted again; {len(changed):,} articles {would}" + (f": {counts}" if counts else "")
    )
    if not count:
        app.message("no raw page is stored; [extract] keep_raw stores them from the next crawl on")
    broken = sum(one.error is not None for one in found)
    return (ALL_FAILED if broken == count else SOME_FAILED) if broken else DONE


def _check_names(app: CliContext, sources: tuple[str, ...]) -> None:
    """Check source ids; a source that left the list still has its pages.

    Raises:
        ConfigError: no source has one of the ids.
    """
    from crawler.errors import ConfigError
    from storage.store import open_store

    with open_store(app.config.database) as store:  # does not create a missing database
        known = {s.id for s in app.config.sources} | {row["source"] for row in store.health(now())}
    if unknown := set(sources) - known:
        raise ConfigError(f"no source is called {', '.join(sorted(unknown))}; `newsdesk sources list` names them")


def _report_unreadable(app: CliContext, found: list[ReprocessResult]) -> None:
    """Report each article whose page could not be extracted again."""
    for one in found:
        if one.new is None:
            reason = one.error or f"to this extractor the page is a {one.problem}"
            app.message(f"article {one.stored.id} ({one.stored.url}): left as it is: {reason}")


def _count_fields(changed: list[ReprocessResult]) -> str:
    """Return how many articles change in each field, the most frequent first."""
    fields = Counter(name for one in changed for name in one.changes)
    return ", ".join(f"{name} {number:,}" for name, number in fields.most_common())


def _row(one: ReprocessResult) -> dict[str, Any]:
    plain = {name: {"before": _plain(before), "after": _plain(after)} for name, (before, after) in one.changes.items()}
    return {
        "id": one.stored.id,
        "source": one.stored.source,
        "url": one.stored.url,
        "changes": plain,
        "obstacle": one.problem,
        "error": one.error,
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _print(changed: list[ReprocessResult]) -> None:
    from crawler.outputs.terminal import table

    columns: list[tuple[str, dict[str, Any]]] = [
        ("id", {"justify": "right"}),
        ("field", {}),
        ("before", {"ratio": 1}),
        ("after", {"ratio": 1}),
    ]
    rows = []
    for one in changed:
        for name, (before, after) in one.changes.items():
            shown = (_short(before), _short(after))
            if name == "text":
                added, removed = one.words
                shown = (f"{one.stored.word_count:,} words", f"+{added:,} -{removed:,} words")
            rows.append([one.stored.id, name, *shown])
    if rows:
        table(columns, rows, report=True)


def _short(value: Any) -> str:
    text = "; ".join(value) if isinstance(value, tuple) else str(value or "")
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
