"""Which pages of an archive are imported. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from crawler.archives.records import RecordHead
from crawler.urls import host_of
from storage.article import Article


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The filters of an import; an article is in a time by its publication, else by its capture."""

    since: datetime | None = None
    until: datetime | None = None  # not included
    domains: tuple[str, ...] = ()  # in lower case; a domain includes its subdomains
    languages: tuple[str, ...] = ()  # "en" includes "en-GB"

    def unwanted(self, head: RecordHead) -> str | None:
        """Why a page is left out by its address or its time of capture, before it is read."""
        if not head.url.lower().startswith(("http://", "https://")):
            return "response of another scheme"
        if self.domains and not self._in_domains(head.url):
            return "other domain"
        if self.since is not None and head.at < self.since:  # nothing was published after it was captured
            return "other time"
        return None

    def leaves_out(self, article: Article, at: datetime) -> str | None:
        """Why an article is left out that was captured at that time."""
        published = article.published or at
        if (self.since is not None and published < self.since) or (self.until is not None and published >= self.until):
            return "other time"
        language = (article.language or "").lower()
        if self.languages and not any(language == one or language.startswith(f"{one}-") for one in self.languages):
            return "other language"
        return None

    def _in_domains(self, url: str) -> bool:
        host = host_of(url).partition(":")[0]
        return any(host == domain or host.endswith(f".{domain}") for domain in self.domains)

    def to_dict(self) -> dict[str, object]:
        """The filters as JSON values, to compare two imports."""
        times = {"since": self.since and self.since.isoformat(), "until": self.until and self.until.isoformat()}
        return {**times, "domains": list(self.domains), "languages": list(self.languages)}
