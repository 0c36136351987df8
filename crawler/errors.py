"""What can go wrong on the way from a source to a record, as one tree. Not for what the store says: see storage.errors.

CrawlerError
 ├─ UsageError         a command or argument that cannot be carried out (exit 2)
 ├─ ConfigError        a setting that cannot be read or is not known (exit 3)
 ├─ Interrupted        a signal ended it (exit 130 or 143)
 ├─ FeedError          bytes that are not a feed, or a feed that cannot be read
 ├─ BlockedAddress     an address that the guard refuses
 └─ FetchError         an address that could not be fetched or gave no article
"""

from __future__ import annotations

# Exit codes of the command line; fixed by the contract.
DONE, FAILED, USAGE, CONFIGURATION, SOME_FAILED, ALL_FAILED, HELD, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 130


class CrawlerError(Exception):
    """The root: one line that says what, which, why and what to do."""

    exit_code = FAILED


class UsageError(CrawlerError):
    """An argument that makes no sense."""

    exit_code = USAGE


class ConfigError(CrawlerError):
    """A setting that cannot be read, is not known, or has a value that does not fit."""

    exit_code = CONFIGURATION


class Interrupted(CrawlerError):  # noqa: N818 - named for what was met
    """A signal ended it."""

    def __init__(self, code: int) -> None:
        super().__init__("interrupted")
        self.exit_code = code


class FeedError(CrawlerError):
    """Bytes that are no feed of any kind we read."""


class BlockedAddress(CrawlerError):  # noqa: N818 - the name says what was met, not that something broke
    """An address outside of what the guard lets through."""


class FetchError(CrawlerError):
    """An address that could not be fetched, or that held no article."""


def unexpected(error: Exception) -> Exception | None:
    """The error where it is a fault of newsdesk's own, to be logged with its traceback; None where a user, a disk or a network did it."""
    from storage.errors import StorageError

    return None if isinstance(error, CrawlerError | StorageError | OSError) else error
