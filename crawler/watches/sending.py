"""One message to one receiver: a webhook, a command, or whatever Apprise knows. Blocking; each has its seconds.

A receiver is the operator's own word, as a proxy is: it may stand on this machine. Nothing of a stranger's decides where a message goes: redirects are not
followed, and no proxy is taken from the environment.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shlex
import subprocess
import urllib.error
import urllib.request
from http.client import HTTPException, InvalidURL
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from crawler.errors import CrawlerError
from crawler.values import secret

SECONDS = 10.0  # a webhook's
COMMAND_SECONDS = 30.0
EXEC = "exec:"


class NotSentError(CrawlerError):
    """A receiver did not take a message."""


def target_of(receiver: str) -> str:
    """What a receiver is known by in the database, which many may read: a hash."""
    return hashlib.sha256(receiver.encode()).hexdigest()[:16]


def shown(receiver: str) -> str:
    """A receiver without what may be secret in it."""
    if receiver.startswith(EXEC):
        return f"{EXEC}{(receiver.removeprefix(EXEC).split() or ['?'])[0]}"
    if receiver.startswith("env:"):
        return receiver
    scheme, _, rest = receiver.partition("://")
    host = rest.rsplit("@", 1)[-1].split("/", 1)[0] if scheme in {"http", "https"} else ""
    return f"{scheme}://{host}/…" if host else f"{scheme}://…"


def send(receiver: str, body: str, *, user_agent: str, uid: str) -> None:
    """Send a message; it was taken when this returns.

    Args:
        receiver: an address or a command, as the configuration says it; `env:NAME` is looked up here.
        body: the JSON document.
        user_agent: for webhooks.
        uid: the message's own, the same at every try.

    Raises:
        NotSentError: it was not taken; why.
    """
    try:
        where = secret(receiver)
    except KeyError as error:
        raise NotSentError(f"the environment variable {receiver[4:]} is not set") from error
    if where.startswith(EXEC):
        _run(where.removeprefix(EXEC), body, uid)
    elif where.startswith(("http://", "https://")):
        _post(where, body, user_agent, uid)
    else:
        _apprise(where, body)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """A redirect is an answer like any other."""


def _post(url: str, body: str, user_agent: str, uid: str) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": user_agent, "Idempotency-Key": uid}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
    try:
        parts = urlsplit(url)
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        where = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        request = urllib.request.Request(where, data=body.encode(), headers=headers, method="POST")
        with opener.open(request, timeout=SECONDS):
            return
    except urllib.error.HTTPError as error:
        with error:
            further = "; name where it leads to" if 300 <= error.code < 400 else ""
            raise NotSentError(f"{shown(url)} answered {error.code}{further}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise NotSentError(f"{shown(url)}: {_why(error)}") from error


def _why(error: Exception) -> str:
    """What went wrong, without what an exception may quote of the address."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return f"no answer within {SECONDS:.0f} s"
    if isinstance(reason, OSError):
        return str(getattr(reason, "verify_message", "") or reason.strerror or type(reason).__name__)
    if isinstance(reason, InvalidURL | ValueError):
        return "its address cannot be asked; look at its host, its port and its path"
    return f"it broke off ({type(reason).__name__})"


def _run(command: str, body: str, uid: str) -> None:
    try:
        done = subprocess.run(
            shlex.split(command), input=body.encode(), capture_output=True, timeout=COMMAND_SECONDS, check=False,
            env={**os.environ, "NEWSDESK_MESSAGE": uid, "NEWSDESK_TEXT": str(json.loads(body).get("text", ""))[:100_000]},
        )  # fmt: skip
    except (OSError, ValueError) as error:
        raise NotSentError(f"{shown(EXEC + command)}: {getattr(error, 'strerror', None) or error}") from error
    except subprocess.TimeoutExpired as error:
        raise NotSentError(f"{shown(EXEC + command)} did not end within {COMMAND_SECONDS:.0f} s") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise NotSentError(
            f"{shown(EXEC + command)} ended with {done.returncode}{f': {said[-1][:200]}' if said else ''}"
        )


def _apprise(where: str, body: str) -> None:
    try:
        import apprise
    except ImportError as error:
        raise NotSentError(
            f"{shown(where)} needs Apprise: pip install 'newsdesk[notify]'; webhooks and exec: need nothing"
        ) from error
    said = json.loads(body)
    service = apprise.Apprise()
    if not service.add(where):
        raise NotSentError(f"{shown(where)}: Apprise knows no such receiver")
    if not service.notify(title=said["title"], body=said["text"]):
        raise NotSentError(f"{shown(where)}: Apprise could not deliver it")
