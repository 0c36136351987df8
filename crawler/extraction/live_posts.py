"""The posts of a live page, in order of time: from JSON-LD (LiveBlogPosting), or from containers with times. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Any

from crawler.extraction.element_roles import is_elsewhere
from crawler.extraction.main_text import drop, html_text, join, paragraphs
from crawler.extraction.page import Page, text_of
from crawler.extraction.structured_data import StructuredData, text_value
from crawler.text.clean import clean_text, one_line
from crawler.text.dates import read_date
from crawler.text.tokens import words
from storage.posts import Post, in_time

MOST = 2_000  # posts of one page
_KEY = 100
_TITLE = 500  # characters
_TEXT = 50_000
_LEVELS = 8  # elements from a time up to its post's container
_SHARE = 0.3  # of a page's words that its posts have
_FEW = 2  # posts from which a container has several
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_BESIDE = ("time", "button", "svg", "form", "figcaption", "[class*=share]", "[class*=social]", "[class*=byline]")
_KEYS = ("id", "data-id", "data-post-id", "data-block-id", "data-entry-id", "data-key")
_ONLY_TIME = re.compile(r"\W{0,3}\d{1,2}[:.h]\d{2}(?::\d{2})?\s?(?:[ap]\.?m\.?|uhr|[a-z]{2,4})?\W{0,3}", re.IGNORECASE)


def posts_in_data(said: StructuredData, now: datetime) -> tuple[Post, ...]:
    """Return the posts that JSON-LD lists as updates of a live blog; empty if it has none with a text."""
    found: list[Post] = []
    for node in said.nodes:
        updates = node.get("liveBlogUpdate")
        if "liveblogposting" in str(node.get("@type")).lower() and updates:
            listed = updates if isinstance(updates, list) else [updates]
            found += [_of_update(update, now) for update in listed[:MOST] if isinstance(update, Mapping)]
    return in_order(post for post in found if post.text or post.title) if any(post.text for post in found) else ()


def take_posts(page: Page, now: datetime) -> tuple[Post, ...]:
    """Return the posts in the page's markup, and remove them from its tree.

    They are the children of one container that each have a time; the container with the most words is the live blog.
    """
    children = _children_with_times(page, now)
    found = [_of_element(child, moment) for child, moment in list(children.items())[:MOST]]
    posts = in_order(post for post in found if post.text or post.title)
    if len(posts) < _FEW:
        return ()
    for child in children:
        if child.getparent() is not None:
            child.drop_tree()
    return posts


def _children_with_times(page: Page, now: datetime) -> dict[Any, str]:
    """The posts of the live blog, each with its time; empty if no container has several that are much of the page."""
    inside: dict[Any, dict[Any, str]] = {}
    for node in page.nodes:
        if (moment := _moment(node, now)) is None:
            continue
        child = node
        for level, parent in enumerate(node.iterancestors()):
            if level == _LEVELS or parent.tag in {"html", "head"}:
                break
            inside.setdefault(parent, {}).setdefault(child, moment)
            child = parent
    best, most = {}, _SHARE * len(words(text_of(page.tree)))
    for container, children in inside.items():
        if len(children) < _FEW or any(is_elsewhere(each) for each in (container, *container.iterancestors())):
            continue
        if (size := sum(len(words(text_of(child))) for child in children)) > most:
            best, most = children, size
    return best


def in_order(posts: Iterable[Post]) -> tuple[Post, ...]:
    """Return posts without repetition, the oldest first; those of one minute in the page's order, whichever that is."""
    once = list({post.key: post for post in reversed(list(posts))}.values())[::-1]
    moments = [post.at for post in once if post.at]
    rising = sum(a <= b for a, b in pairwise(moments))
    if 2 * rising < len(moments) - 1:  # the newest first
        newest, marked = "", []
        for post in reversed(once):  # from the last one up: a post above newer ones is pinned there
            marked.append(replace(post, pinned=post.at is not None and post.at < newest))
            newest = max(newest, post.at or "")
        once = marked
    return in_time(once)


def intro_of(text: str, posts: Iterable[Post]) -> str:
    """Return the paragraphs of a live page's text that are in none of its posts, and are no times."""
    known = {line for post in posts for line in (*post.text.split("\n\n"), post.title or "")}
    return "\n\n".join(line for line in text.split("\n\n") if line not in known and not _ONLY_TIME.fullmatch(line))


def post_key(*parts: str | None) -> str:
    """Return the key of a post without an id: a hash of its time and headline, which an edit of its text keeps."""
    return hashlib.sha256("\n".join(part or "" for part in parts).encode("utf-8", "replace")).hexdigest()[:16]


def make_post(key: str | None, at: str | None, title: str | None, text: str) -> Post:
    """Return a post with its fields cleaned and cut; without a key of its own it gets one."""
    title = one_line(title or "", _TITLE) or None
    text = text[:_TEXT]
    key = one_line(clean_text(key or ""))
    if len(key) > _KEY:
        key = post_key(key)
    return Post(key=key or post_key(at, title or text[:80]), at=at, title=title, text=text)


def _of_update(update: Mapping[str, Any], now: datetime) -> Post:
    at = read_date(text_value(update.get("datePublished")) or text_value(update.get("dateCreated")), now=now)
    body = update.get("articleBody") or update.get("text") or update.get("description")
    address = text_value(update.get("@id")) or text_value(update.get("url")) or ""
    key = address.partition("#")[2] or (address if address.partition("://")[2].strip("/").count("/") else None)
    return make_post(
        key,
        at,
        text_value(update.get("headline")) or text_value(update.get("name")),
        html_text(text_value(body)),
    )


def _moment(node: Any, now: datetime) -> str | None:
    """The time that an element gives, with its hour; None if it gives none."""
    if node.tag == "time":
        raw = node.get("datetime")
    else:
        raw = node.get("data-timestamp") or (node.get("content") if node.get("itemprop") == "datePublished" else None)
    found = read_date(raw, now=now) if raw else None
    return found if found and len(found) > 10 else None


def _of_element(element: Any, at: str) -> Post:
    key = next((element.get(name) for name in _KEYS if element.get(name)), None)
    if key is None:
        links = (node.get("href") or "" for node in element.iter("a"))
        key = next((link.partition("#")[2] for link in links if "#" in link and link.partition("#")[2]), None)
    copy = deepcopy(element)
    copy.tail = None
    heading = next((node for node in copy.iter(*_HEADINGS)), None)
    title = text_of(heading) if heading is not None else None
    if heading is not None:
        heading.drop_tree() if heading.getparent() is not None else heading.clear()
    drop(copy, _BESIDE)
    lines = [line for line in map(one_line, paragraphs(copy)) if not _ONLY_TIME.fullmatch(line)]
    return make_post(key, at, title, join(lines))


def posts_in_json(document: Any, fields: Mapping[str, str], now: datetime) -> tuple[Post, ...]:
    """Return the posts of a JSON document.

    Args:
        document: the parsed document.
        fields: the paths ("data.posts", "meta.0.time") of the list of posts (`list`, "" for the document) and, in a
            post, of `id`, `time`, `title` and `text`; | separates several, of which the first one with a value counts.
        now: the current time.
    """
    listed = _at(document, fields.get("list", ""))
    found = []
    for each in listed[:MOST] if isinstance(listed, list) else []:
        value = {name: _first_at(each, paths) for name, paths in fields.items() if name != "list"}
        moment = value.get("time")
        at = read_date(str(moment), now=now) if isinstance(moment, str | int) else None
        text = value.get("text")
        key = value.get("id")
        title = value.get("title")
        post = make_post(
            str(key) if isinstance(key, str | int) else None,
            at,
            title if isinstance(title, str) else None,
            html_text(text) if isinstance(text, str) else "",
        )
        if post.text or post.title:
            found.append(post)
    return in_order(found)


def _first_at(value: Any, paths: str) -> Any:
    """The first value of a plain type at one of these paths."""
    found = (_at(value, path) for path in paths.split("|"))
    return next((each for each in found if isinstance(each, str | int) and each != ""), None)


def _at(value: Any, path: str) -> Any:
    for part in path.split(".") if path else ():
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value
