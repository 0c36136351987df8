"""A Datasette plugin with newsdesk's pages: routes, templates and their functions. The content is in pages.py."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode

from datasette import hookimpl
from datasette.database import Database, QueryInterrupted, Results
from datasette.utils.asgi import Response
from datasette.utils.sqlite import sqlite3 as sqlite

from crawler.errors import UsageError
from crawler.outputs.browse import pages
from crawler.outputs.browse.sql_workers import Answerer, Killed
from crawler.outputs.terminal import local_time, zone_name
from storage.errors import QueryTimeout, StorageError
from storage.records import parse_utc
from storage.sqlite.connection import limit_untrusted_sql
from storage.store import Store, open_store

# Time limit in seconds for all queries of one page, for a large archive that is not in the system's cache yet.
LIMIT = 10.0
# Stricter than possible for Datasette's own pages: no scripts at all.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def inode_of(path: Path) -> int | None:
    """The inode of a file, which changes when the file is replaced; None if there is no file."""
    try:
        return path.stat().st_ino
    except OSError:
        return None


class StorePool:
    """The stores of one server, one per thread; reopened when the file was replaced (a restored backup)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pool = ThreadPoolExecutor(3, thread_name_prefix="browse")
        self._local = threading.local()

    def _store(self) -> Store:
        inode = inode_of(self.path)
        if inode is None or getattr(self._local, "inode", None) != inode:
            self._local.inode = None
            if (old := getattr(self._local, "store", None)) is not None:
                old.close()
            self._local.store, self._local.inode = open_store(self.path), inode
        store: Store = self._local.store
        return store

    async def run(self, page: Callable[..., Any], *arguments: Any) -> Any:
        """Compute the content of a page in a thread, within LIMIT.

        Raises:
            StorageError: the file cannot be read, or it took too long.
        """

        def work() -> Any:
            store = self._store()
            with store.time_limit(LIMIT):
                return page(store, *arguments, datetime.now(UTC))

        return await asyncio.get_running_loop().run_in_executor(self.pool, work)


_shelves: dict[Path, StorePool] = {}


def _shelf(datasette: Any) -> tuple[str, StorePool]:
    """The name and the StorePool of a Datasette's database."""
    name, database = next((name, db) for name, db in datasette.databases.items() if db.path and name != "_internal")
    path = Path(database.path)
    return name, _shelves.setdefault(path, StorePool(path))


@hookimpl  # type: ignore[untyped-decorator]  # Datasette is not typed
def register_routes() -> list[tuple[str, Callable[..., Any]]]:
    """The routes of newsdesk's pages, before Datasette's own."""
    return [
        (r"^/$", front),
        (r"^/article/(?P<id>\d{1,18})$", article),
        (r"^/article/(?P<id>\d{1,18})/(?P<number>\d{1,9})$", difference),
        (r"^/story/(?P<id>\d{1,18})$", story),
        (r"^/edits$", edits),
        (r"^/sources$", sources),
        (r"^/source/(?P<id>.+)$", source),
    ]


@hookimpl  # type: ignore[untyped-decorator]  # Datasette is not typed
def prepare_connection(conn: Any) -> None:
    """Limit the SQL of users."""
    limit_untrusted_sql(conn)


_TOO_LARGE = "this question takes more memory than one may have here"


class LimitedDatabase(Database):  # type: ignore[misc]  # Datasette is not typed
    """A Datasette database that runs SQL in processes that can be killed.

    It reports a query that used too much memory as an SQL error, not as a server error.
    """

    def __init__(self, datasette: Any, answerer: Answerer) -> None:
        super().__init__(datasette, path=str(answerer.path), is_mutable=True)
        self.answerer = answerer

    async def execute(
        self,
        sql: str,
        params: Any = None,
        truncate: bool = False,
        custom_time_limit: float | None = None,
        page_size: int | None = None,
        log_sql_errors: bool = True,  # noqa: ARG002  # errors in a user's SQL are not logged
    ) -> Results:
        """As in Datasette."""
        most = self.ds.max_returned_rows + (self.ds.max_returned_rows == (page_size or self.ds.page_size))
        limit = min(filter(None, (self.ds.sql_time_limit_ms, custom_time_limit)))
        try:
            columns, rows, more = await self.answerer.run(
                sql, params, most=most if truncate else None, milliseconds=limit
            )
        except MemoryError as error:
            raise sqlite.OperationalError(_TOO_LARGE) from error
        except (Killed, sqlite.DatabaseError) as error:
            if error.args == ("interrupted",):
                raise QueryInterrupted(error, sql, params) from error
            raise
        return Results(rows, more, [(name, *(None,) * 6) for name in columns])

    async def execute_fn(self, question: Callable[[Any], Any]) -> Any:
        """As in Datasette."""
        try:
            return await super().execute_fn(question)
        except MemoryError as error:
            raise sqlite.OperationalError(_TOO_LARGE) from error


@hookimpl  # type: ignore[untyped-decorator]  # Datasette is not typed
def prepare_jinja2_environment(env: Any) -> None:
    """The filters and functions of newsdesk's templates."""
    env.filters.update(local=local_time, utc=_utc, web=_web, plural=_plural)
    env.globals.update(zipped=_zipped, onward=_onward)


@hookimpl  # type: ignore[untyped-decorator]  # Datasette is not typed
def menu_links() -> list[dict[str, str]]:
    """Links back from Datasette's own pages."""
    return [
        {"href": "/", "label": "newsdesk"},
        {"href": "/edits", "label": "Edits"},
        {"href": "/sources", "label": "Sources"},
    ]


def _utc(kept: str | None) -> str:
    """A stored time in the format of <time datetime>."""
    with suppress(ValueError, OverflowError):
        return "" if not kept else kept if len(kept) == 10 else parse_utc(kept).isoformat()
    return ""


def _web(url: str | None) -> str:
    """An http or https URL, which may be a link; else ""."""
    return url if url and url.startswith(("https://", "http://")) else ""


def _plural(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def _zipped(values: list[str]) -> list[tuple[str, str]]:
    """Values as (value, label) pairs for a choice."""
    return [(value, value) for value in values]


def _onward(filters: Mapping[str, str], before: str) -> str:
    """The query string of the next page of the same query."""
    return urlencode({**filters, "before": before})


async def front(datasette: Any, request: Any) -> Any:
    """The newest stories, and the search."""
    return await _answer(datasette, request, "front.html", pages.front, _filters(request))


async def edits(datasette: Any, request: Any) -> Any:
    """Edits after publication."""
    return await _answer(datasette, request, "edits.html", pages.edits, _filters(request))


async def sources(datasette: Any, request: Any) -> Any:
    """Every source."""
    return await _answer(datasette, request, "sources.html", pages.sources, _filters(request))


async def article(datasette: Any, request: Any) -> Any:
    """One article."""
    return await _answer(datasette, request, "article.html", pages.article, _id(request))


async def difference(datasette: Any, request: Any) -> Any:
    """What one version changed."""
    return await _answer(
        datasette, request, "difference.html", pages.difference, _id(request), int(request.url_vars["number"])
    )


async def story(datasette: Any, request: Any) -> Any:
    """One story."""
    return await _answer(datasette, request, "story.html", pages.story, _id(request))


async def source(datasette: Any, request: Any) -> Any:
    """One source."""
    return await _answer(datasette, request, "source.html", pages.source, unquote(request.url_vars["id"]))


def _filters(request: Any) -> dict[str, str]:
    return {name: request.args.get(name) for name in request.args}


def _id(request: Any) -> int:
    return int(request.url_vars["id"])


async def _answer(datasette: Any, request: Any, template: str, page: Callable[..., Any], *arguments: Any) -> Any:
    name, shelf = _shelf(datasette)
    status = 200
    try:
        context = await shelf.run(page, *arguments)
        if context is None:
            status, template, context = 404, "problem.html", {"problem": "Nothing is stored under this address."}
    except QueryTimeout:
        status, template = 503, "problem.html"
        context = {"problem": "This query takes too long here; narrow it: a source, a day, a rarer word."}
    except UsageError as error:
        status, template, context = 400, "problem.html", {"problem": f"{error}."}
    except (StorageError, OSError) as error:
        status, template, context = 500, "problem.html", {"problem": f"{error}."}
    shown = {**context, "database": name, "zone": zone_name(), "path": request.path}
    html = await datasette.render_template(template, shown, request=request)
    return Response.html(html, status=status, headers={"content-security-policy": POLICY})
