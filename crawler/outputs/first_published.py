"""Which outlet published a story first: by the outlets' times, and by first sight."""

from __future__ import annotations

from collections.abc import Sequence

from crawler.outputs.terminal import local_time
from storage.article import Article


def first_by_publisher_time(story: Sequence[Article]) -> Article | None:
    """The article with the earliest time of publication; None if no outlet gives a time."""
    timed = [a for a in story if a.published_at and len(a.published_at) > 10]
    return min(timed, key=lambda a: a.published_at or "", default=None)


def first_seen(story: Sequence[Article]) -> Article:
    """The article that was seen first."""
    return min(story, key=lambda a: (a.first_seen_at or "", a.id))


def describe_first(story: Sequence[Article]) -> str:
    """Both in one line."""
    earliest, seen = first_by_publisher_time(story), first_seen(story)
    by_outlet = (
        f"first by the outlets' clocks: {earliest.source or earliest.url} at {local_time(earliest.published_at)}"
        if earliest
        else "no outlet says a time"
    )
    return f"{by_outlet}; first seen here: {seen.source or seen.url} at {local_time(seen.first_seen_at)}"
