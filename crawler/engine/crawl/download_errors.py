"""Describe why a request failed, as the end of a line for the user, and how much it counts against its feed."""

from __future__ import annotations

import os
import re
from typing import Any

from scrapy.logformatter import LogFormatter

from crawler.content_encoding import DecodeError
from crawler.engine.handlers.http import BadCertificate
from crawler.engine.middlewares.address_guard import RequestRefused
from crawler.feeds.revisit import SOFT, TEMPORARY


class SilentLogFormatter(LogFormatter):
    """Suppress Scrapy's traceback for each failed download; the errback counts the failure and logs it in one line."""

    # Scrapy's signature.
    def download_error(self, failure: Any, request: Any, spider: Any, errmsg: str | None = None) -> Any:  # noqa: ARG002
        """Log nothing; the errback does."""
        return None


_UNRESOLVED = "its host name cannot be resolved"


_SAID = {
    "CannotResolveHostError": _UNRESOLVED,
    "UnknownHostError": _UNRESOLVED,
    "DNSLookupError": _UNRESOLVED,
    "DownloadTimeoutError": "it did not answer in time",
    "TimeoutError": "it did not answer in time",
    "TCPTimedOutError": "it did not answer in time",
    "DownloadConnectionRefusedError": "the connection was refused",
    "ConnectionRefusedError": "the connection was refused",
    "ResponseDataLossError": "the connection broke before the response was complete",
    "DownloadCancelledError": "the answer is larger than [http] max_bytes",
    "ResponseNeverReceived": "the connection was closed without an answer",
    "ConnectionLost": "the connection was lost",
    "ConnectionDone": "the connection was closed without an answer",
    "SSLError": "its certificate does not hold",
    "ParseError": "it does not answer in HTTP",
    "HeadTooLarge": "the head of its answer is larger than any server needs",
}


def _ignored_proxy() -> str:
    """A hint for users behind a proxy: without `[http] proxy`, newsdesk resolves host names itself."""
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        if os.environ.get(name):
            return f" ({name} is set, but newsdesk takes a proxy from `[http] proxy` alone)"
    return ""


def describe_failure(error: BaseException, refused: dict[str, str], host: str) -> str:
    """Describe why a request failed, as text to follow "ADDRESS: "."""
    if isinstance(error, RequestRefused | DecodeError | BadCertificate):
        return str(error)
    name, text = type(error).__name__, str(error)
    if host in refused and name in {"CannotResolveHostError", "DNSLookupError"}:
        return refused[host]
    inner = re.search(r"twisted\.[\w.]{1,200}\.(\w{1,60}): ", text)  # Scrapy wraps Twisted's errors
    for said in (name, inner[1] if inner else ""):
        if said in _SAID:
            return _SAID[said] + (_ignored_proxy() if _SAID[said] == _UNRESOLVED else "")
    for words, said in _BY_MESSAGE:
        if re.search(words, text, re.IGNORECASE):
            return said
    return f"{name}: {text[:200]}" if text else name


_BY_MESSAGE = (
    ("Too many open files", "this machine has no file left for a connection (`ulimit -n`), and could not be requested"),
    ("certificate|SSL|TLS", "its certificate does not hold, or TLS failed"),
    ("max redirections", "it redirects in a circle, or more than [http] max_redirects times"),
    ("size|larger than", _SAID["DownloadCancelledError"]),
    ("refused", _SAID["ConnectionRefusedError"]),
)


_TEMPORARY = re.compile("resolved|ulimit", re.IGNORECASE)


_SOFT = re.compile("in time|refused|broke|closed|lost|5\\d\\d", re.IGNORECASE)


def failure_weight(reason: str) -> float:
    """How much a failure counts: a quarter for a name-resolution failure, half for a server in trouble (PEERS F 18)."""
    return TEMPORARY if _TEMPORARY.search(reason) else SOFT if _SOFT.search(reason) else 1.0
