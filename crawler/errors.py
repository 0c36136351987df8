"""The errors of newsdesk, except those of the store, which are in storage.errors.

CrawlerError
 ├─ UsageError         a command or argument that cannot be carried out (exit 2)
 ├─ ConfigError        a setting that cannot be read or is not known (exit 3)
 ├─ Interrupted        a signal ended the process (exit 130 or 143)
 ├─ FeedError          bytes that are not a feed, or a feed that cannot be read
 └─ FetchError         an address that could not be fetched or gave no article
"""

from __future__ import annotations

# Exit codes of the command line; they are part of the contract and do not change.
DONE, FAILED, USAGE, CONFIGURATION, SOME_FAILED, ALL_FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130


class CrawlerError(Exception):
    """The root of newsdesk's errors; the message is one line: what failed, on which input, why, and what to do."""

    exit_code = FAILED


class UsageError(CrawlerError):
    """A command or argument that cannot be carried out."""

    exit_code = USAGE


class ConfigError(CrawlerError):
    """A setting that cannot be read, is not known, or has a value that does not fit."""

    exit_code = CONFIGURATION


class Interrupted(CrawlerError):  # noqa: N818 - named for what was met
    """A signal ended the process."""

    def __init__(self, code: int) -> None:
        super().__init__("interrupted")
        self.exit_code = code


class FeedError(CrawlerError):
    """Bytes that are not a feed of any supported kind, or a feed that cannot be read."""


class FetchError(CrawlerError):
    """An address that could not be fetched, or gave no article."""


def unexpected(error: Exception) -> Exception | None:
    """The error if it is a bug, to be logged with its traceback; None if a user, a disk or a network caused it."""
    from storage.errors import StorageError

    return None if isinstance(error, CrawlerError | StorageError | OSError) else error
