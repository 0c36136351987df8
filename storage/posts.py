"""The posts of a live page: values, and the text that they make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

INTRO = ""  # the key of what precedes the posts


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One post of a live page."""

    key: str  # the page's own id of it, or made of its time and headline
    at: str | None  # in UTC; None if the page gives no time
    title: str | None
    text: str  # paragraphs with an empty line between them
    pinned: bool = False  # above newer ones, on a page that shows the newest first; not stored


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPost:
    """A post as it is stored."""

    post: Post
    missing: int = 0  # how often in a row it was not shown between two posts that were


@dataclass(frozen=True, slots=True, kw_only=True)
class PostChanges:
    """What a request of a live page changes in its stored posts."""

    added: tuple[Post, ...] = ()
    changed: tuple[Post, ...] = ()  # with the keys that are stored
    removed: tuple[str, ...] = ()  # keys
    missing: Mapping[str, int] = field(default_factory=dict)  # by key, where it is another number now
    words_added: int = 0  # in the added posts

    @property
    def edits(self) -> bool:
        """Whether a post was changed or removed."""
        return bool(self.changed or self.removed)


def live_text(posts: Iterable[Post]) -> str:
    """The text of a live page: its intro, then each post under a line with its time and headline."""
    parts: list[str] = []
    for post in posts:
        when = f"{post.at[:10]} {post.at[11:16]} UTC" if post.at and len(post.at) > 10 else post.at
        parts += [" · ".join(filter(None, (when, post.title))), post.text]
    return "\n\n".join(filter(None, parts))


def in_time(posts: Iterable[Post]) -> tuple[Post, ...]:
    """Posts in order of time, the intro first; those of one minute as they come."""
    return tuple(sorted(posts, key=lambda post: post.at or ""))
