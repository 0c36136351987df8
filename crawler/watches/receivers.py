"""Deliver one message to one receiver: a webhook, a command, or an Apprise address. Blocking, with time limits.

Receivers come from the operator's configuration and are trusted, like a proxy: they may be on this machine. Nothing
that a third party sends decides where a message goes: redirects are not followed, and no proxy is taken from the
environment.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPException, InvalidURL
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from crawler.config.value_types import resolve_env
from crawler.errors import CrawlerError
from crawler.text.clean import one_line

SECONDS = 10.0  # time limit of a webhook
COMMAND_SECONDS = 30.0
EXEC = "exec:"


class DeliveryError(CrawlerError):
    """A receiver did not accept a message."""


def receiver_hash(receiver: str) -> str:
    """The hash that identifies a receiver in the database, which more people may read than the configuration."""
    return hashlib.sha256(receiver.encode()).hexdigest()[:16]


def redact(receiver: str) -> str:
    """A receiver without its secrets: its kind, and the host of a webhook."""
    if receiver.startswith(EXEC):
        return f"{EXEC}{(receiver.removeprefix(EXEC).split() or ['?'])[0]}"
    if receiver.startswith("env:"):
        return receiver
    scheme, found, _ = receiver.partition("://")
    if not found or not scheme.isascii() or not scheme.isprintable():
        return "a receiver"
    host = ""
    if scheme.lower() in {"http", "https"}:
        with suppress(ValueError):
            parts = urlsplit(receiver)
            host = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
    return f"{scheme.lower()}://{host}/…" if host else f"{scheme.lower()}://…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One attempt to send a message.

    Attributes:
        body: the JSON document.
        uid: the id of the message, the same at every attempt.
        at: the time of the attempt.
        user_agent: for webhooks.
        headers: more headers for webhooks; a value may be `env:NAME`.
        secret: signs a webhook; may be `env:NAME`; "" for none.
    """

    body: str
    uid: str
    at: datetime
    user_agent: str
    headers: tuple[tuple[str, str], ...] = ()
    secret: str = ""


def deliver(receiver: str, delivery: Delivery) -> None:
    """Send a message; when this returns, the receiver has accepted it.

    Args:
        receiver: an address or a command from the configuration; `env:NAME` is resolved here.
        delivery: what is sent.

    Raises:
        DeliveryError: the receiver did not accept it; the message says why.
    """
    where = _resolved(receiver)
    named = receiver if receiver.startswith("env:") else redact(where)
    if where.startswith(EXEC):
        _run(where.removeprefix(EXEC), delivery.body, delivery.uid, named)
    elif where.lower().startswith(("http://", "https://")):
        _post(where, delivery, named)
    else:
        _apprise(where, delivery.body, named)


def cannot_deliver(receiver: str, *more: str) -> str | None:
    """Why nothing can ever be sent to a receiver, as far as can be said without sending; None where it can.

    Args:
        receiver: as in deliver.
        more: the secret and the values of headers.
    """
    try:
        where, *_ = [_resolved(text) for text in (receiver, *more)]
    except DeliveryError as error:
        return str(error)
    if where.startswith(EXEC):
        try:
            program = (shlex.split(where.removeprefix(EXEC)) or [""])[0]
        except ValueError as error:
            return f"{redact(where)}: {error}"
        return None if shutil.which(program) else f"{redact(where)}: there is no such command"
    if where.lower().startswith(("http://", "https://")):
        with suppress(ValueError):
            if urlsplit(where).hostname and (urlsplit(where).port or 1):
                return None
        return f"{redact(where)}: its URL cannot be requested; check its host, its port and its path"
    try:
        _apprise_service(where, redact(where))
    except DeliveryError as error:
        return str(error)
    return None


def _resolved(text: str) -> str:
    try:
        return resolve_env(text)
    except KeyError as error:
        raise DeliveryError(
            f"the environment variable {text[4:]} is not set; set it to the receiver's address"
        ) from error


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The header Newsdesk-Signature: HMAC-SHA256 over the time, a dot and the body, in hexadecimal."""
    return f"sha256={hmac.new(secret.encode(), timestamp.encode() + b'.' + body, hashlib.sha256).hexdigest()}"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Do not follow redirects; they are reported like any other status."""


def _post(url: str, delivery: Delivery, named: str) -> None:
    body, timestamp = delivery.body.encode(), str(int(delivery.at.timestamp()))
    headers = {
        **{name: _resolved(value) for name, value in delivery.headers},
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": delivery.user_agent,
        "Idempotency-Key": delivery.uid,
    }
    if delivery.secret:
        headers["Newsdesk-Timestamp"] = timestamp
        headers["Newsdesk-Signature"] = signature(_resolved(delivery.secret), timestamp, body)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
    try:
        parts = urlsplit(url)
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        where = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        request = urllib.request.Request(where, data=body, headers=headers, method="POST")
        with opener.open(request, timeout=SECONDS):
            return
    except urllib.error.HTTPError as error:
        with error:
            further = "; name where it leads to" if 300 <= error.code < 400 else ""
            raise DeliveryError(f"{named} answered {error.code}{further}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise DeliveryError(f"{named}: {_why(error)}") from error


def _why(error: Exception) -> str:
    """Describe an error without quoting the address, as the exception's own text may."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return f"no answer within {SECONDS:.0f} s"
    if isinstance(reason, OSError):
        return str(getattr(reason, "verify_message", "") or reason.strerror or type(reason).__name__)
    if isinstance(reason, InvalidURL | ValueError):
        return "its URL cannot be requested; check its host, its port and its path"
    return f"it broke off ({type(reason).__name__})"


def _run(command: str, body: str, uid: str, named: str) -> None:
    # Linux limits a variable to 128 KiB
    text = str(json.loads(body).get("text", "")).encode("utf-8", "replace")[:100_000].decode("utf-8", "ignore")
    with tempfile.TemporaryFile() as said:  # not a pipe: a child process that is left behind would keep it open
        try:
            process = subprocess.Popen(
                shlex.split(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
                env={**os.environ, "NEWSDESK_MESSAGE": uid, "NEWSDESK_TEXT": text.replace("\0", "")},
            )
        except (OSError, ValueError) as error:
            raise DeliveryError(f"{named}: {getattr(error, 'strerror', None) or error}") from error
        try:
            process.communicate(body.encode(), timeout=COMMAND_SECONDS)
        except subprocess.TimeoutExpired as error:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise DeliveryError(f"{named} did not end within {COMMAND_SECONDS:.0f} s") from error
        if process.returncode:
            said.seek(max(0, said.seek(0, os.SEEK_END) - 2_000))
            lines = said.read().decode("utf-8", "replace").strip().splitlines()
            raise DeliveryError(f"{named} ended with {process.returncode}{f': {lines[-1][:200]}' if lines else ''}")


def _apprise(where: str, body: str, named: str) -> None:
    said = json.loads(body)
    result = _apprise_service(where, named).notify(title=said["title"], body=said["text"])
    if not result:
        reasons = [one_line(entry.message) for entry in result.logs() if entry.level != "INFO"]
        raise DeliveryError(f"{named}: Apprise could not deliver it{_reason(reasons, where)}")


def _apprise_service(where: str, named: str) -> Any:
    try:
        import apprise
    except ImportError as error:
        raise DeliveryError(
            f"{named} needs Apprise: `pip install apprise` in newsdesk's environment (of pipx: "
            "`pipx inject newsdesk apprise`); webhooks and exec: need nothing"
        ) from error
    service = apprise.Apprise()
    with _overheard("apprise") as heard:
        if not service.add(where):
            raise DeliveryError(f"{named}: Apprise knows no such receiver{_reason(heard, where)}")
    return service


@contextmanager
def _overheard(name: str) -> Iterator[list[str]]:
    """Collect what a library logs in this thread as a warning or worse.

    Apprise reports nowhere else what is wrong with an address.
    """
    heard: list[str] = []
    thread = threading.get_ident()

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == thread:
                heard.append(one_line(record.getMessage()))

    ear, log = Ear(logging.WARNING), logging.getLogger(name)
    log.addHandler(ear)
    try:
        yield heard
    finally:
        log.removeHandler(ear)


def _reason(heard: list[str], where: str) -> str:
    """The first collected message, as the end of an error text.

    Every part of the receiver's address that may be secret is removed.
    """
    text = next(iter(heard), "")
    parts = set(re.split(r"[/:@?&=#,]", where))
    for part in sorted(parts | set(map(unquote, parts)), key=len, reverse=True):
        if len(part) > 3:
            text = text.replace(part, "…")
    return f": {text[:200].rstrip('.')}" if text else ""
