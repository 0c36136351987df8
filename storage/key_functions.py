"""How URL keys are made now, and were made for a database that `newsdesk db migrate` has not rewritten. Pure.

The functions are the crawler's; a database only says which version its keys are of (storage.sql.versions).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from storage.article import Article


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFunctions:
    """The present and the former URL keys."""

    make: Callable[[str], str]  # these two raise ValueError for what is no address
    make_former: Callable[[str], str]
    same_page: Callable[[str, str], bool]  # two addresses with one former key: may they be of one article?
    same_article: Callable[[Article, Article], bool]  # two stored articles with one present key: is it one?

    def present(self, url: str) -> str | None:
        """The key of an address; None if it has none."""
        try:
            return self.make(url)
        except ValueError:
            return None

    def changed(self, url: str) -> tuple[str, str] | None:
        """The present and the former key of an address, if they differ."""
        try:
            keys = self.make(url), self.make_former(url)
        except ValueError:  # a host that only one of the two takes for one
            return None
        return None if keys[0] == keys[1] else keys
