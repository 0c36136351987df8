"""The subscription of a feed at its hub (WebSub), as it is stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.utc import parse_utc


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A row of the pushes table."""

    feed_url: str
    hub: str
    topic: str  # the feed's address as the hub knows it
    token: str  # the last part of the callback's address, which nobody can guess
    secret: str  # that signs the pushes of a hub with TLS
    state: str = "new"  # new, requested, active, denied, leaving
    attempts: int = 0
    retry_at: str | None = None
    leased_until: str | None = None
    verified_at: str | None = None
    pushed_at: str | None = None
    missed: bool = False  # a poll found what should have been pushed, and no push came since
    error: str | None = None

    @property
    def is_signed(self) -> bool:
        """Whether its pushes are signed: a secret is given to hubs with TLS only."""
        return self.hub.startswith("https:")

    def replaces_polls(self, now: datetime) -> bool:
        """Whether its feed is polled rarely: it is subscribed, and pushes come."""
        if self.state != "active" or self.missed or self.leased_until is None:
            return False
        return parse_utc(self.leased_until) > now
