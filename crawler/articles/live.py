"""A live page compared with its stored posts: what was added, changed and removed. Pure.

Live pages show their last posts only, and often an older one above them. A post that is missing at or beyond the oldest
one of these last posts is kept; one that is missing between two that are shown, twice in a row, was removed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from crawler.articles.near_duplicates import content_hash, shingles
from crawler.articles.visit import PageVisit
from crawler.text.tokens import words
from storage.posts import INTRO, Post, PostChanges, StoredPost, in_time, live_text

MOST = 5_000  # posts of one article, and
MOST_TEXT = 5_000_000  # characters of them: what is beyond is no news page, and is left out
_APART = 3  # stored posts in a row that are not shown, beyond which the older shown ones are not of the last posts
_FEW = 2
GONE = 2  # requests in a row that do not show a post after which it was removed


def compare_posts(stored: Sequence[StoredPost], shown: Sequence[Post]) -> tuple[PostChanges, tuple[Post, ...]]:
    """Compare the stored posts with those that the page shows.

    Args:
        stored: in order of time.
        shown: in order of time.

    Returns:
        The changes, and all posts that the article has now, in order of time.
    """
    known = {each.post.key: each for each in stored}
    seen = _under_stored_keys(known, shown)
    added = _fitting(known, [post for key, post in seen.items() if key not in known])
    changed = tuple(post for key, post in seen.items() if key in known and _differs(known[key].post, post))
    missing = {key: 0 for key in seen if key in known and known[key].missing}
    removed: list[str] = []
    times = _times_of_last(known, seen)
    for key, each in known.items():
        at = each.post.at
        if key in seen or key == INTRO or not times or at is None or not min(times) < at < max(times):
            continue
        if each.missing + 1 >= GONE:
            removed.append(key)
        else:
            missing[key] = each.missing + 1
    kept = {key: each.post for key, each in known.items() if key not in removed}
    kept |= {post.key: post for post in (*added, *changed)}
    counted = sum(len(words(post.title or "")) + len(words(post.text)) for post in added)
    changes = PostChanges(added=added, changed=changed, removed=tuple(removed), missing=missing, words_added=counted)
    return changes, in_time(kept.values())


def with_posts(visit: PageVisit, posts: Sequence[Post]) -> PageVisit:
    """Return the visit with the text of these posts, which may be more than the page shows."""
    assert visit.article is not None
    text = live_text(posts)
    article = dataclasses.replace(
        visit.article,
        text=text,
        word_count=len(words(text)),
        content_hash=content_hash(visit.article.title, visit.article.subtitle, text),
    )
    return dataclasses.replace(visit, article=article, grams=shingles(text))


def _fitting(known: dict[str, StoredPost], added: Sequence[Post]) -> tuple[Post, ...]:
    """The posts for which there is room in an article."""
    count, size, found = len(known), sum(len(each.post.text) for each in known.values()), []
    for post in added:
        count, size = count + 1, size + len(post.text)
        if count <= MOST and size <= MOST_TEXT:
            found.append(post)
    return tuple(found)


def _times_of_last(known: dict[str, StoredPost], seen: dict[str, Post]) -> list[str]:
    """The times of the last posts that are shown.

    Without those that are pinned above newer ones, nor one or two old ones beyond a run of stored posts that are not
    shown.
    """
    every = {key: each.post.at for key, each in known.items()} | {key: post.at for key, post in seen.items()}
    found: list[str] = []
    apart = 0
    for key, at in sorted(every.items(), key=lambda item: item[1] or "", reverse=True):
        if at is None:
            continue
        if key not in seen:
            apart += 1
        elif not seen[key].pinned:
            older = sum((post.at or "") <= at and not post.pinned for post in seen.values())
            if found and apart > _APART and older <= _FEW:
                break
            found.append(at)
            apart = 0
    return found


def _differs(old: Post, new: Post) -> bool:
    return (old.title, "".join(old.text.split())) != (new.title, "".join(new.text.split()))


def _under_stored_keys(known: dict[str, StoredPost], shown: Sequence[Post]) -> dict[str, Post]:
    """The shown posts by key; one whose key was made of its headline keeps it after the headline was changed."""
    keys = {post.key for post in shown}
    alone: dict[str, list[str]] = {}
    for key, each in known.items():
        if key not in keys and each.post.at:
            alone.setdefault(each.post.at, []).append(key)
    found: dict[str, Post] = {}
    for post in shown:
        former = alone.get(post.at or "", [])
        if post.key not in known and len(former) == 1:
            post = dataclasses.replace(post, key=former.pop())  # noqa: PLW2901 - the same post
        found[post.key] = post
    return found
