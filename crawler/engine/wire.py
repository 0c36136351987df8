"""What stands between Scrapy and the wire: bodies are whole or they are broken transfers; failures become one line each."""

from __future__ import annotations

import os
import re
from typing import Any, Self

from scrapy import Request
from scrapy.http import Response
from scrapy.logformatter import LogFormatter

from crawler.content_encoding import BrokenBody, is_packed, undone
from crawler.engine.guard import Refused
from crawler.engine.transport import BadCertificate
from crawler.feeds.revisit import SOFT, TEMPORARY

PACKED = "packed"  # a response's flag: its body is as it came, gzip


class WireMiddleware:
    """Undoes what a body was packed with, or refuses it where its end is missing.

    An article's page that came as gzip, by far the most common packing, stays packed: the process that reads it undoes it, and what is kept of it
    is what came. Scrapy's own middleware takes half of a deflated body for the whole, and guesses the encoding of each page it unpacks, which
    nobody here asks for (measured: 1.5 ms a page).
    """

    def __init__(self, maxsize: int) -> None:
        self.maxsize = maxsize

    @classmethod
    def from_crawler(cls, crawler: Any) -> Self:
        """Scrapy's way to build it."""
        return cls(crawler.config.models.getint("DOWNLOAD_MAXSIZE"))

    def process_response(self, request: Request, response: Any) -> Any:
        """Look at the body as it was sent."""
        request.meta["wire_bytes"] = len(response.body)
        said = b",".join(response.headers.getlist("Content-Encoding")).decode("latin-1").lower().split(",")
        encodings = [name for part in said if (name := part.strip())]
        if not encodings or not response.body:
            return response
        body, flags, headers = response.body, response.flags, response.headers.copy()
        del headers["Content-Encoding"]
        asked = request.meta.get("asked")
        if asked is not None and asked.entry is not None and encodings in (["gzip"], ["x-gzip"]) and is_packed(body):
            flags = [*flags, PACKED]
        else:
            try:
                body = undone(body, encodings, request.meta.get("download_maxsize") or self.maxsize)
            except BrokenBody:
                if response.status < 300:
                    raise
                return response  # where it leads, or that nothing is there, is said by its head
        return Response(
            response.url, status=response.status, headers=headers, body=body, flags=flags, request=response.request,
            certificate=response.certificate, ip_address=response.ip_address, protocol=response.protocol,
        )  # fmt: skip


class QuietFormatter(LogFormatter):
    """Scrapy logs each failed download with a traceback; here each is counted and told in one line by whoever asked."""

    def download_error(self, failure: Any, request: Any, spider: Any, errmsg: str | None = None) -> Any:  # noqa: ARG002 - Scrapy's signature
        """Nothing: the errback tells."""
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
    "ResponseDataLossError": "the connection broke before the answer was whole",
    "DownloadCancelledError": "the answer is larger than [http] max_bytes",
    "ResponseNeverReceived": "the connection was closed without an answer",
    "ConnectionLost": "the connection was lost",
    "ConnectionDone": "the connection was closed without an answer",
    "SSLError": "its certificate does not hold",
    "ParseError": "it does not answer in HTTP",
    "HeadTooLarge": "the head of its answer is larger than any server needs",
}


def _ignored_proxy() -> str:
    """A hint for those whose way out is a proxy: names are resolved here only where `[http] proxy` names none."""
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        if os.environ.get(name):
            return f" ({name} is set, but newsdesk takes a proxy from `[http] proxy` alone)"
    return ""


def reason_of(error: BaseException, refused: dict[str, str], host: str) -> str:
    """Why a request brought nothing, as an end to "ADDRESS: "."""
    if isinstance(error, Refused | BrokenBody | BadCertificate):
        return str(error)
    name, text = type(error).__name__, str(error)
    if host in refused and name in {"CannotResolveHostError", "DNSLookupError"}:
        return refused[host]
    inner = re.search(r"twisted\.[\w.]{1,200}\.(\w{1,60}): ", text)  # Scrapy wraps what Twisted saw
    for said in (name, inner[1] if inner else ""):
        if said in _SAID:
            return _SAID[said] + (_ignored_proxy() if _SAID[said] == _UNRESOLVED else "")
    for words, said in _TELLING:
        if re.search(words, text, re.IGNORECASE):
            return said
    return f"{name}: {text[:200]}" if text else name


_TELLING = (
    ("Too many open files", "this machine has no file left for a connection (`ulimit -n`), and could not be asked"),
    ("certificate|SSL|TLS", "its certificate does not hold, or TLS failed"),
    ("max redirections", "it redirects in a circle, or more than [http] max_redirects times"),
    ("size|larger than", _SAID["DownloadCancelledError"]),
    ("refused", _SAID["ConnectionRefusedError"]),
)

_TEMPORARY = re.compile("resolved|ulimit", re.IGNORECASE)
_SOFT = re.compile("in time|refused|broke|closed|lost|5\\d\\d", re.IGNORECASE)


def weight_of(reason: str) -> float:
    """How much a failure counts: none of a name server a quarter, of a server in trouble half (PEERS F 18)."""
    return TEMPORARY if _TEMPORARY.search(reason) else SOFT if _SOFT.search(reason) else 1.0
