"""Decide which changes match a watch, and when its message is due. No input or output."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from crawler.config.models import Watch
from storage.article import Article
from storage.query_language import parse
from storage.sql.changes import ChangeEvent
from storage.sql.notifications import WatchHit
from storage.sqlite.percolate import Text, matching
from storage.utc import parse_utc

_SAMPLES = 3  # matches of each reason not to report them that are shown
_BATCH = 200  # changes whose texts are indexed at once


@dataclass(slots=True)
class MatchResult:
    """The hits of the watches, and the counts of matches that are not reported, by reason, with some of them."""

    found: list[WatchHit] = field(default_factory=list)
    quiet: Counter[str] = field(default_factory=Counter)
    samples: list[tuple[Article, str]] = field(default_factory=list)

    def leave_out(self, article: Article, reason: str) -> None:
        """Count a match that is not reported."""
        self.quiet[reason] += 1
        if self.quiet[reason] <= _SAMPLES:
            self.samples.append((article, reason))


def match_changes(
    watches: Sequence[Watch], changes: Iterable[ChangeEvent], tags: Mapping[str, Sequence[str]]
) -> MatchResult:
    """Match changes against every watch.

    Args:
        watches: the saved searches.
        changes: the changes, in order.
        tags: the tags of each source.
    """
    judged = MatchResult()
    batch: list[ChangeEvent] = []
    for change in changes:
        batch.append(change)
        if len(batch) == _BATCH:
            _judge(watches, batch, tags, judged)
            batch.clear()
    _judge(watches, batch, tags, judged)
    return judged


def _judge(
    watches: Sequence[Watch], batch: Sequence[ChangeEvent], tags: Mapping[str, Sequence[str]], judged: MatchResult
) -> None:
    queries = [
        (watch, n)
        for watch in watches
        for n, change in enumerate(batch)
        if _wants(watch, change) and _of_sources(watch, change.article.source, tags)
    ]
    if not queries:
        return
    wanted = sorted({n for _, n in queries})
    texts: list[Text] = []
    owner: list[int] = []  # the change that each text belongs to: an edit has two texts
    for n in wanted:
        for text in _texts(batch[n]):
            texts.append(text)
            owner.append(n)
    hits = [{owner[i] for i in found} for found in matching([watch.query for watch in watches], texts)]
    position = {watch.name: i for i, watch in enumerate(watches)}
    for watch, n in queries:
        if n in hits[position[watch.name]]:
            _hit(watch, batch[n], judged)


def _wants(watch: Watch, change: ChangeEvent) -> bool:
    if change.event != "edited":
        return change.event in watch.on
    assert change.edit is not None
    if not ("edited" in watch.on or ("silent" in watch.on and change.edit["silent"])):
        return False
    return bool(change.edit["words_added"] + change.edit["words_removed"] >= watch.min_words)


def _of_sources(watch: Watch, source: str | None, tags: Mapping[str, Sequence[str]]) -> bool:
    if not watch.sources and not watch.tags:
        return True
    return source in watch.sources or bool(set(watch.tags) & set(tags.get(source or "", ())))


def _texts(change: ChangeEvent) -> list[Text]:
    """The texts that a query is matched against: the article; for an edit both versions, to find removed names."""
    article = change.article
    authors = "; ".join(article.authors)
    at = (authors, article.source, article.language)
    now = Text(f"{article.title or ''} {article.subtitle or ''}", article.text or article.summary or "", *at)
    versions: list[Mapping[str, Any]] = [v for v in (change.before, change.edit) if v is not None]
    return [Text(f"{v['title'] or ''} {v['subtitle'] or ''}", v["text"] or "", *at) for v in versions] or [now]


def _hit(watch: Watch, change: ChangeEvent, judged: MatchResult) -> None:
    article = change.article
    if change.suppressed_reason:
        judged.leave_out(article, change.suppressed_reason)
        return
    if change.event == "new" and _age(change) > watch.max_age:
        judged.leave_out(article, "older than max_age")
        return
    once = {
        "new": f"new {article.story_id}",
        "edited": f"edited {article.id} {change.edit['number'] if change.edit else 0}",
        "vanished": f"vanished {article.id} {change.at}",
    }[change.event]
    event = "silent" if change.edit and change.edit["silent"] else change.event
    revision = int(change.edit["number"]) if change.edit else article.revision
    judged.found.append(
        WatchHit(
            watch=watch.name,
            dedup_key=once,
            event=event,
            article_id=article.id,
            revision=revision,
            seq=change.seq,
            at=change.at,
        )
    )


def _age(change: ChangeEvent) -> float:
    """Seconds from an article's publication until it was stored; a date alone counts from the end of that day."""
    said = change.article.published_at or change.article.first_seen_at or change.at
    try:
        since = parse_utc(said) + (timedelta(days=1) if len(said) == 10 else timedelta())
    except (ValueError, OverflowError):  # another program wrote the value
        return 0.0
    return (parse_utc(change.at) - since).total_seconds()


def unique_hits(found: Iterable[WatchHit]) -> list[WatchHit]:
    """The first hit of each key, as reported: hits with the same watch and dedup_key are reported once."""
    kept: dict[tuple[str, str], WatchHit] = {}
    for hit in found:
        kept.setdefault((hit.watch, hit.dedup_key), hit)
    return list(kept.values())


def send_at(watch: Watch, found: Sequence[WatchHit], last: str | None, hour: float) -> datetime:
    """When the queued hits of a watch are reported.

    instant: ten seconds after the newest hit, but a minute after the first at the latest, so that a storm is one
    message; and at least five minutes after the message before.
    hourly: at the next full hour. daily: at seven in the morning, local time.

    Args:
        watch: the watch.
        found: the queued hits; not empty.
        last: when the watch last sent a message.
        hour: seconds that an hour of the waiting times lasts (crawler.config.models.Pace).
    """
    first, newest = parse_utc(found[0].at), parse_utc(max(hit.at for hit in found))
    if watch.digest == "instant":
        ready = min(newest + timedelta(seconds=hour / 360), first + timedelta(seconds=hour / 60))
        return max(ready, parse_utc(last) + timedelta(seconds=hour / 12)) if last else ready
    # local time without an offset: the zone's offset may change before the message is due
    local = first.astimezone().replace(tzinfo=None)
    if watch.digest == "hourly":
        if hour < 3600:
            return first + timedelta(seconds=hour - first.timestamp() % hour)
        return (local.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)).astimezone()
    morning = local.replace(hour=7, minute=0, second=0, microsecond=0)
    return (morning if morning > local else morning + timedelta(days=1)).astimezone()


def misconfiguration(watch: Watch, sources: Mapping[str, Sequence[str]]) -> str | None:
    """Why a watch can never match: an unknown source or tag, a query without a word. None where it can.

    Args:
        watch: the watch.
        sources: the tags of each source.
    """
    for kind, named, known in (
        ("source is called", watch.sources, set(sources)),
        ("source has the tag", watch.tags, {tag for tags in sources.values() for tag in tags}),
    ):
        for name in named:
            if name not in known:
                near = get_close_matches(name, known, n=1)
                return f"no {kind} {name!r}{f'; did you mean {near[0]!r}?' if near else ''}"
    if watch.query.strip() and parse(watch.query).node is None:
        return f"its query {watch.query!r} holds no word; leave it out to find all"
    return None
