"""newsdesk's own templates: their environment, filters and functions.

They render without asyncio, in the thread that computes the page: Datasette's environment awaits each value, which took
two thirds of the front page's time.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader

from crawler.outputs.terminal import ago, local_time, pluralize
from storage.utc import parse_utc

TEMPLATES = Path(__file__).parent / "templates"


def _utc(kept: str | None) -> str:
    """A stored time in the format of <time datetime>."""
    with suppress(ValueError, OverflowError):
        return "" if not kept else kept if len(kept) == 10 else parse_utc(kept).isoformat()
    return ""


def _ago(kept: str | None) -> str:
    return ago(kept, datetime.now(UTC))


def _plain(text: str | None) -> str:
    """A message of the command line without its backticks."""
    return (text or "").replace("`", "")


def _web(url: str | None) -> str:
    """An http or https URL, which may be a link; else ""."""
    return url if url and url.startswith(("https://", "http://")) else ""


def _query_string(filters: Mapping[str, str], **changes: str | None) -> str:
    """The parameters of a link, `?` included: those of the page, with changes; None removes one."""
    kept = {name: value for name, value in {**filters, **changes}.items() if value not in (None, "")}
    return f"?{urlencode(kept)}" if kept else ""


def _environment() -> Environment:
    made = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
    made.filters.update(local=local_time, utc=_utc, web=_web, plural=pluralize, ago=_ago, plain=_plain)
    made.globals.update(query_string=_query_string)
    return made


_ENVIRONMENT = _environment()


def render(template: str, content: Mapping[str, Any]) -> str:
    """Return a page as HTML.

    Args:
        template: the name of its file.
        content: the values that it shows.
    """
    return _ENVIRONMENT.get_template(template).render(content)
