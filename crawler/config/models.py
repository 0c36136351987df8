"""The settings as one frozen Config, one field per setting with its type and help text. See loader.py for files."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crawler.config import value_types
from crawler.errors import ConfigError
from crawler.urls import netloc_of, site
from crawler.version import __version__
from storage.address import DatabaseAddress, parse_address

CONTACT = "https://github.com/newsdesk/newsdesk"


def _setting(default: Any, kind: Callable[[Any], Any], doc: str) -> Any:
    return field(default=default, metadata={"kind": kind, "doc": doc})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The length of waiting times without a setting: missing Retry-After, cached robots.txt, retries, maintenance.

    It is an argument of a run, neither a setting nor an environment variable: an hour is 3600 seconds in every
    installation. Tests pass a shorter one through their own entry module.
    """

    hour: float = 3600.0  # seconds

    @property
    def scale(self) -> float:
        """The factor by which waiting times are shorter."""
        return self.hour / 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    """HTTP requests."""

    user_agent: str = _setting("", value_types.header_line, "The User-Agent; empty means newsdesk/VERSION (+contact).")
    contact: str = _setting(CONTACT, value_types.header_line, "A contact for publishers, part of the User-Agent.")
    timeout: float = _setting(30.0, value_types.seconds, "Seconds one request may take in total.")
    max_bytes: int = _setting(
        10 * 1024**2, value_types.size, "The largest page, decompressed; feeds may be twice that."
    )
    max_redirects: int = _setting(8, value_types.count, "Redirects followed for one request.")
    concurrency: int = _setting(64, value_types.positive_int, "Requests in flight over all hosts.")
    proxy: str = _setting("", value_types.proxy, "A proxy's address; never taken from the environment.")
    allow_networks: tuple[str, ...] = _setting(
        (), value_types.networks, "Networks that are not public and may be requested all the same, on any port."
    )
    allow_ports: tuple[str, ...] = _setting(
        ("80", "443", "8000-8999"), value_types.ports, "Ports that may be requested."
    )
    verify_tls: bool = _setting(True, value_types.boolean, "Refuse certificates that do not hold.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Politeness:
    """Limits of the requests to one host."""

    obey_robots: bool = _setting(True, value_types.boolean, "Obey robots.txt (RFC 9309).")
    delay: float = _setting(
        1.0, value_types.seconds, "Seconds between two requests to one host; a longer Crawl-delay wins."
    )
    per_host: int = _setting(1, value_types.positive_int, "Requests in flight to one host.")
    jitter: float = _setting(
        0.1, value_types.fraction, "Share by which the delay varies, so that nothing beats in step."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When feeds are polled."""

    default: float = _setting(
        3600.0,
        value_types.seconds,
        "Seconds between two polls of a feed with one entry an hour, or of a new feed; "
        "busier feeds are polled sooner, slower ones later.",
    )
    min: float = _setting(600.0, value_types.seconds, "Never more often than this.")
    max: float = _setting(21600.0, value_types.seconds, "Never less often than this, unless the server says so.")
    adaptive: bool = _setting(True, value_types.boolean, "Adapt the interval to each feed's publication rate.")
    max_age: float = _setting(
        7 * 86400.0, value_types.seconds, "Sitemap entries and maps older than this are left to backfill."
    )
    recheck: tuple[float, ...] = _setting(
        (900.0, 3600.0, 21600.0, 86400.0, 604800.0, 2592000.0),
        value_types.durations,
        "Ages at which a stored article is requested again.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """How pages become articles."""

    workers: int = _setting(0, value_types.workers, "Extraction processes; 0 is one a core.")
    page_timeout: float = _setting(10.0, value_types.seconds, "Seconds after which a page's extraction is killed.")
    keep_raw: bool = _setting(
        True, value_types.boolean, "Store the raw pages, as WARC files in the folder NAME.warc beside the database."
    )
    learn: bool = _setting(
        True,
        value_types.boolean,
        "Leave out of texts the paragraphs that repeat on pages of their source, outside of the article's own text.",
    )
    raw_retain: float = _setting(
        365 * 86400.0, value_types.seconds, "How long raw pages are stored; files are deleted by day."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """The database file."""

    database: str = _setting(
        "",
        value_types.text,
        "The database: a file, relative to this one, or postgresql://USER@HOST/NAME; empty means ./news.db.",
    )
    backup: str = _setting(
        "daily", value_types.interval_or_off, 'How often `run` backs up: "daily", "weekly", "off" or a duration.'
    )
    backup_keep: int = _setting(2, value_types.count, "Backups kept.")
    fetches_retain: float = _setting(
        14 * 86400.0, value_types.seconds, "How long the log of requests (the table fetches) is stored."
    )

    def backup_every(self, pace: Pace) -> float | None:
        """Return the seconds between two backups, or None. "daily" is scaled by the pace, "10s" is not."""
        if self.backup == "off":
            return None
        return value_types.seconds(self.backup) * (pace.scale if self.backup.isalpha() else 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """When the crawler is unhealthy."""

    max_lag: float = _setting(
        3 * 3600.0, value_types.seconds, "`status --strict` fails when a feed is overdue by more."
    )
    failing_share: float = _setting(
        0.25, value_types.fraction, "`status --strict` fails when more than this share of the sources fails."
    )
    notify: tuple[str, ...] = _setting(
        (),
        value_types.notify_targets,
        "Receivers of new health problems: gaps, silent sources, broken templates; as in [[watch]].",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherRules:
    """Rules for one publisher's pages: CSS selectors, parts to remove, a pattern of the article id. Data, not code."""

    id: str = _setting(
        "", lambda v: value_types.patterns([v])[0], "Pattern over the address; its first group is the publisher's id."
    )
    title: tuple[str, ...] = _setting((), value_types.texts, "Selectors of the headline.")
    subtitle: tuple[str, ...] = _setting((), value_types.texts, "Selectors of the line under the headline.")
    summary: tuple[str, ...] = _setting((), value_types.texts, "Selectors of the intro.")
    authors: tuple[str, ...] = _setting((), value_types.texts, "Selectors of each author's name.")
    published: tuple[str, ...] = _setting(
        (), value_types.texts, "Selectors of elements whose datetime, content or text is the date."
    )
    section: tuple[str, ...] = _setting((), value_types.texts, "Selectors of the section.")
    tags: tuple[str, ...] = _setting((), value_types.texts, "Selectors of each tag.")
    image: tuple[str, ...] = _setting((), value_types.texts, "Selectors of the lead image.")
    caption: tuple[str, ...] = _setting((), value_types.texts, "Selectors of its caption.")
    credit: tuple[str, ...] = _setting((), value_types.texts, "Selectors of its credit.")
    body: tuple[str, ...] = _setting((), value_types.texts, "Selectors of the blocks that hold the text.")
    kind: tuple[str, ...] = _setting(
        (), value_types.texts, 'The kind of all its articles ("podcast"), or selectors of the label that names it.'
    )
    remove: tuple[str, ...] = _setting((), value_types.texts, "Selectors of parts that are not the article's.")
    keep: tuple[str, ...] = _setting(
        (), value_types.texts, "Paragraphs that stay in the text although they repeat, by their first words."
    )
    posts: str = _setting("", value_types.text, "The JSON address of a live page's posts; {id} is the publisher's id.")
    post_list: str = _setting(
        "", value_types.text, 'The path of the list of posts in it ("data.posts"); empty: itself.'
    )
    post_id: str = _setting("id|post_id|uid|slug", value_types.text, "The path of a post's id; | separates several.")
    post_time: str = _setting(
        "time|published_at|published|date|datetime|timestamp|created_at|created", value_types.text, "Of its time."
    )
    post_title: str = _setting("title|headline|header|heading", value_types.text, "Of its headline.")
    post_text: str = _setting("html|text|body|content", value_types.text, "Of its text or HTML.")

    def publisher_id(self, url: str | None) -> str | None:
        """The publisher's own article id in an address; None if no rule defines one or it does not match."""
        match = re.search(self.id, url) if url and self.id else None
        return (match[1] if match.groups() else match[0]) if match else None

    @property
    def post_fields(self) -> dict[str, str]:
        """The paths of posts' fields in the JSON document."""
        return {name: getattr(self, f"post_{name}") for name in ("list", "id", "time", "title", "text")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One outlet and where its news is listed."""

    id: str = _setting("", value_types.text, "The source's id; from the host where it is not said.")
    name: str = _setting("", value_types.text, "The outlet's name.")
    url: str = _setting("", value_types.text, "The home page.")
    feeds: tuple[str, ...] = _setting((), value_types.texts, "RSS, Atom or JSON feeds.")
    sitemaps: tuple[str, ...] = _setting((), value_types.texts, "News sitemaps, or indexes of them.")
    pages: tuple[str, ...] = _setting(
        (), value_types.texts, "Section pages to take links from, where there is no feed."
    )
    language: str = _setting("", value_types.text, "The language of the outlet (BCP 47).")
    country: str = _setting("", value_types.text, "The country of the outlet (ISO 3166).")
    tags: tuple[str, ...] = _setting((), value_types.texts, "Your own tags.")
    every: float | None = _setting(
        None, value_types.seconds, "Seconds between two polls; overrides the adaptive interval."
    )
    enabled: bool = _setting(True, value_types.boolean, "Whether it is crawled.")
    include: tuple[str, ...] = _setting((), value_types.patterns, "Only addresses that one of these patterns finds.")
    exclude: tuple[str, ...] = _setting((), value_types.patterns, "No addresses that one of these patterns finds.")
    delay: float | None = _setting(None, value_types.seconds, "Seconds between two requests to this source's hosts.")
    recheck: tuple[float, ...] | None = _setting(
        None, value_types.durations, "Ages at which its articles are requested again."
    )
    obey_robots: bool = _setting(True, value_types.boolean, "Obey this outlet's robots.txt.")
    render: bool | str = _setting(
        False, value_types.rendering, 'Run the scripts of its pages in a browser; "auto": if they have no text without.'
    )
    cookies: str = _setting("", value_types.text, "A cookies.txt, sent to the source's own hosts only.")
    headers: tuple[tuple[str, str], ...] = _setting(
        (), value_types.headers, "Headers, sent to the source's own hosts only."
    )
    article: PublisherRules = field(default_factory=PublisherRules)

    @property
    def feed_urls(self) -> tuple[tuple[str, str], ...]:
        """(kind, address) of everything that is polled; the kind of a feed is detected by its first response."""
        kinds = (("feed", self.feeds), ("sitemap", self.sitemaps), ("page", self.pages))
        return tuple((kind, url) for kind, urls in kinds for url in urls)

    def exclusion_reason(self, url: str) -> str | None:
        """Return why the source's include and exclude patterns exclude an address; None if they do not."""
        if self.include and not any(re.search(pattern, url) for pattern in self.include):
            return "left out by the source's include patterns"
        if any(re.search(pattern, url) for pattern in self.exclude):
            return "left out by the source's exclude patterns"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A saved search with notifications."""

    name: str = _setting("", value_types.text, "The watch's name.")
    query: str = _setting("", value_types.text, "As in `newsdesk search`; empty finds all.")
    sources: tuple[str, ...] = _setting((), value_types.texts, "Only these sources.")
    tags: tuple[str, ...] = _setting((), value_types.texts, "Only sources with one of these tags.")
    on: tuple[str, ...] = _setting(
        ("new",), value_types.watch_events, "Events that notify: new, edited, silent, vanished."
    )
    min_words: int = _setting(5, value_types.count, "Edits of fewer words do not notify.")
    max_age: float = _setting(48 * 3600.0, value_types.seconds, "New articles older than this do not notify.")
    digest: str = _setting("instant", value_types.digest_interval, "instant, hourly or daily.")
    notify: tuple[str, ...] = _setting(
        (),
        value_types.notify_targets,
        "Receivers: `https://…` (a webhook), `exec:COMMAND`, or an address of Apprise's.",
    )
    secret: str = _setting("", value_types.text, "Signs what is sent to its webhooks (docs/watches.md).")
    headers: tuple[tuple[str, str], ...] = _setting((), value_types.headers, "Headers of what is sent to its webhooks.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Render:
    """The browser of sources with `render`."""

    browser: str = _setting("", value_types.text, "The path of a Chromium; empty: the one that is found.")
    sandbox: bool = _setting(True, value_types.boolean, "Run it with its sandbox, which does not work as root.")
    timeout: float = _setting(10.0, value_types.seconds, "Seconds in which a page's scripts have made its text.")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSub:
    """Feeds that are pushed: where hubs reach this crawler."""

    callback: str = _setting(
        "", value_types.web_address, "The public address of the listener; empty: no feed is pushed."
    )
    listen: str = _setting("127.0.0.1:8030", value_types.text, "HOST:PORT of the listener, for a proxy before it.")


SECTIONS: dict[str, type] = {
    "http": Http,
    "politeness": Politeness,
    "schedule": Schedule,
    "extract": Extract,
    "storage": Storage,
    "health": Health,
    "websub": WebSub,
    "render": Render,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings in force, the sources, and the origin of each value."""

    http: Http = field(default_factory=Http)
    politeness: Politeness = field(default_factory=Politeness)
    schedule: Schedule = field(default_factory=Schedule)
    extract: Extract = field(default_factory=Extract)
    storage: Storage = field(default_factory=Storage)
    health: Health = field(default_factory=Health)
    websub: WebSub = field(default_factory=WebSub)
    render: Render = field(default_factory=Render)
    sources: tuple[Source, ...] = ()
    watches: tuple[Watch, ...] = ()
    path: Path | None = None
    files: tuple[Path, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)
    folder: Path = Path()  # where the raw pages of a server's database are stored
    pace: Pace = field(default_factory=Pace)

    @property
    def user_agent(self) -> str:
        """The User-Agent that is sent."""
        return self.http.user_agent or f"newsdesk/{__version__} (+{self.http.contact})"

    @property
    def database(self) -> DatabaseAddress:
        """The database in force."""
        return parse_address(self.storage.database or "news.db", self.folder)

    @property
    def protected_files(self) -> tuple[Path, ...]:
        """Files that no output may replace: the database with its companion files, and the configuration."""
        database = self.database
        files = [*self.files, *([self.path] if self.path else [])]
        if isinstance(database, Path):
            files += [database.with_name(database.name + end) for end in ("", "-wal", "-shm", ".lock")]
        return tuple(files)

    @property
    def tags(self) -> dict[str, tuple[str, ...]]:
        """The tags of each source, by its id."""
        return {source.id: source.tags for source in self.sources}

    @property
    def sources_hash(self) -> str:
        """A hash of the source list, by which workers of one store compare theirs."""
        return hashlib.sha256(repr(self.sources).encode()).hexdigest()[:12]

    def source(self, source_id: str) -> Source | None:
        """Return the source with that id."""
        return next((s for s in self.sources if s.id == source_id), None)

    def select_sources(self, names: tuple[str, ...]) -> tuple[Source, ...]:
        """Return the enabled sources, or those selected by id or by `tag:TAG`.

        Raises:
            ConfigError: no source has that id or tag.
        """
        if not names:
            return tuple(s for s in self.sources if s.enabled)
        chosen: dict[str, Source] = {}
        for name in names:
            found = [s for s in self.sources if s.id == name or (name.startswith("tag:") and name[4:] in s.tags)]
            if not found:
                ids = [s.id for s in self.sources] + [f"tag:{t}" for s in self.sources for t in s.tags]
                near = difflib.get_close_matches(name, ids, n=1)
                hint = f"did you mean {near[0]!r}?" if near else "`newsdesk sources list` shows them"
                raise ConfigError(f"no source is called {name!r}; {hint}")
            chosen.update((s.id, s) for s in found)
        return tuple(chosen.values())


class SourceIndex:
    """Maps addresses to sources: by host and port, else by site; the first source wins."""

    def __init__(self, sources: tuple[Source, ...]) -> None:
        self._by_id = {source.id: source for source in sources}
        self._by_netloc: dict[str, Source] = {}
        self._by_site: dict[str, Source] = {}
        for source in sources:
            for url in filter(None, (source.url, *(address for _, address in source.feed_urls))):
                self._by_netloc.setdefault(netloc_of(url), source)
                self._by_site.setdefault(site(url), source)

    def source(self, source_id: str) -> Source | None:
        """Return the source with that id."""
        return self._by_id.get(source_id)

    def for_url(self, url: str) -> Source | None:
        """Return the source of an address, if any."""
        return self._by_netloc.get(netloc_of(url)) or self._by_site.get(site(url))
