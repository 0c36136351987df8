"""`watch`: saved searches, and what they would have sent."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from crawler.commands.completion import complete_watch
from crawler.commands.context import CliContext, format_options, now, pass_app, print_rows
from crawler.commands.params import When
from crawler.errors import UsageError
from storage.utc import format_utc, parse_utc

if TYPE_CHECKING:
    from crawler.config.models import Watch
    from storage.article import Article
    from storage.sql.notifications import WatchHit


@click.group("watch")
def watch_command() -> None:
    """Saved searches that notify: `[[watch]]` tables of the configuration."""


@watch_command.command("list")
@format_options(csv=False)
@pass_app
def list_watches(app: CliContext, form: str) -> None:
    """List the watches, their queries, and the state of their messages.

    \b
    Example:
      newsdesk watch list
    """  # noqa: D301  # click reads \b as: do not wrap
    from storage.errors import MissingDatabase

    try:
        with app.reader() as store:
            sent = {row["watch"]: row for row in store.outbox()}
    except MissingDatabase:
        sent = {}
    rows = [_watch_row(w, sent.get(w.name, _NOTHING_SENT), app.config.tags) for w in app.config.watches]
    if form:
        print_rows(rows, form)
        return
    if not rows:
        app.message(
            "no watches configured; a [[watch]] table with a name, a query and notify in the configuration makes "
            "one (docs/watches.md)"
        )
        return
    _print_watches(rows)


_NOTHING_SENT: Mapping[str, Any] = {"sent": 0, "waiting": 0, "given_up": 0, "sent_at": None, "error": None}


def _watch_row(watch: Watch, sent: Mapping[str, Any], tags: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    from crawler.watches.matching import misconfiguration
    from crawler.watches.receivers import redact

    return {
        "name": watch.name,
        "query": watch.query,
        "sources": list(watch.sources),
        "tags": list(watch.tags),
        "on": list(watch.on),
        "digest": watch.digest,
        "notify": [redact(r) for r in watch.notify],
        **{name: sent[name] for name in _NOTHING_SENT},
        "never": misconfiguration(watch, tags),
    }


def _print_watches(rows: Sequence[Mapping[str, Any]]) -> None:
    from crawler.outputs.terminal import local_time, table, zone_name

    columns: list[tuple[str, dict[str, Any]]] = [
        ("name", {}),
        ("query", {}),
        ("on", {}),
        ("digest", {}),
        ("to", {}),
        ("sent", {"justify": "right"}),
        ("last", {"no_wrap": True}),
        ("waiting", {"justify": "right"}),
        ("trouble", {"ratio": 1}),
    ]
    table(
        columns,
        (
            [
                r["name"],
                r["query"],
                ", ".join(r["on"]),
                r["digest"],
                ", ".join(r["notify"]) or "nobody",
                r["sent"],
                local_time(r["sent_at"]),
                r["waiting"],
                r["never"] or r["error"] or "",
            ]
            for r in rows
        ),
        caption=f"times are {zone_name()}; `newsdesk watch test NAME --since 7d` shows what would have gone out",
    )


@watch_command.command("test")
@click.argument("name", shell_complete=complete_watch)
@click.option("--since", type=When(), help="Of what happened since: 7d, today, 2020-02-11 [default: 7d].")
@click.option("--send", is_flag=True, help="Send it to the watch's receivers now, as one message: to try them.")
@format_options(csv=False)
@pass_app
def test_watch(app: CliContext, name: str, since: str | None, send: bool, form: str) -> int:
    """Show what a watch would have sent; nothing is sent without --send.

    \b
    Example:
      newsdesk watch test Idlib --since 30d
    """  # noqa: D301  # click reads \b as: do not wrap
    from datetime import timedelta

    from crawler.outputs.terminal import local_time, pluralize, table, zone_name
    from crawler.watches.matching import match_changes, misconfiguration, unique_hits
    from crawler.watches.messages import message_of

    watch = _watch(app, name)
    began = parse_utc(since) if since else now() - timedelta(days=7)
    with app.reader() as store:
        changes = store.change_events(store.seq_before(began), store.last_seq())
        judged = match_changes([watch], changes, app.config.tags)
        found = unique_hits(judged.found)
        rows = [_hit_row(hit, store.article(hit.article_id)) for hit in found]
        body = message_of(store, watch, found, now())
    if form:
        print_rows(rows, form)
    else:
        table(
            [
                ("when", {"no_wrap": True}),
                ("what", {}),
                ("id", {"justify": "right"}),
                ("source", {}),
                ("title", {"ratio": 1}),
            ],
            ([local_time(str(r["at"])), r["event"], r["id"], r["source"] or "", r["title"]] for r in rows),
            caption=f"times are {zone_name()}",
        )
    stories = f"{pluralize(len(rows), 'thing')} would have been notified since {local_time(format_utc(began))}"
    quiet = ", ".join(f"{count} {why}" for why, count in judged.quiet.items())
    app.message(f"{stories}{f'; matched but not sent: {quiet}' if quiet else ''}")
    for article, reason in judged.samples:
        app.message(f"  not sent, {reason}: {article.id} {article.source or ''} {article.title or article.url}")
    if why := misconfiguration(watch, app.config.tags):
        app.message(f"it can never match: {why}")
    return _send(app, watch, body) if send else 0


def _hit_row(hit: WatchHit, article: Article | None) -> dict[str, Any]:
    return {
        "at": hit.at,
        "event": hit.event,
        "id": hit.article_id,
        "revision": hit.revision,
        "source": article.source if article else None,
        "title": article.title if article else None,
        "url": article.url if article else None,
    }


def _send(app: CliContext, watch: Watch, body: dict[str, Any]) -> int:
    """One message to each receiver, now; 1 where one did not take it."""
    from crawler.watches.receivers import Delivery, DeliveryError, deliver, redact

    if not watch.notify:
        raise UsageError(f'watch {watch.name!r} names no receiver; add notify = ["…"] to it')
    failed = 0
    for receiver in watch.notify:
        uid = secrets.token_hex(16)
        try:
            text = json.dumps({**body, "id": uid}, ensure_ascii=False)
            agent = app.config.user_agent
            deliver(
                receiver,
                Delivery(body=text, uid=uid, at=now(), user_agent=agent, headers=watch.headers, secret=watch.secret),
            )
            app.message(f"sent to {redact(receiver)}")
        except DeliveryError as error:
            failed = 1
            app.message(f"not sent: {error}")
    return failed


def _watch(app: CliContext, name: str) -> Watch:
    for watch in app.config.watches:
        if watch.name == name:
            return watch
    known = ", ".join(w.name for w in app.config.watches)
    hint = f"known are {known}" if known else "add a [[watch]] to the configuration"
    raise UsageError(f"no watch is called {name!r}; {hint}")
