"""The subscriptions of feeds at their hubs, for reports."""

from __future__ import annotations

from typing import Any

from storage.sql import pushes
from storage.store import Store

_SHOWN = ("feed_url", "hub", "state", "leased_until", "pushed_at", "missed", "error")


def subscriptions(store: Store) -> list[dict[str, Any]]:
    """The subscriptions, without their secrets."""
    with store.db.translate_errors():
        return [{name: getattr(each, name) for name in _SHOWN} for each in pushes.every(store.db)]
