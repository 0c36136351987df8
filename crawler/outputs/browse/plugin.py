"""A Datasette plugin with newsdesk's pages: their routes and answers. The content is in pages/."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from datasette import hookimpl
from datasette.database import Database, QueryInterrupted, Results
from datasette.utils.asgi import Response
from datasette.utils.sqlite import sqlite3 as sqlite

from crawler.errors import UsageError
from crawler.outputs.browse.access import Site
from crawler.outputs.browse.pages import articles as article_pages
from crawler.outputs.browse.pages import front as front_page
from crawler.outputs.browse.pages import operations
from crawler.outputs.browse.pages import sources as source_pages
from crawler.outputs.browse.pages import stories as story_pages
from crawler.outputs.browse.rendering import render
from crawler.outputs.browse.sql_workers import Answerer, Killed
from crawler.outputs.browse.tables import reading_order
from crawler.outputs.terminal import zone_name
from storage.errors import QueryTimeout, StorageError
from storage.sqlite.connection import limit_untrusted_sql
from storage.store import Store, open_store

# Time limit in seconds for all queries of one page, for a large archive that is not in the system's cache yet.
LIMIT = 10.0
# Stricter than possible for Datasette's own pages.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
_SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"


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
        """Compute the content of a page in a thread, its queries within LIMIT.

        Raises:
            StorageError: the file cannot be read, or it took too long.
        """

        def work() -> Any:
            store = self._store()
            with store.time_limit(LIMIT):
                return page(store, *arguments, datetime.now(UTC))

        return await asyncio.get_running_loop().run_in_executor(self.pool, work)


class Pages:
    """What the pages of one server are made from."""

    def __init__(self, site: Site, database: str) -> None:
        self.site = site
        self.database = database
        self.stores = StorePool(site.path)

    @property
    def policy(self) -> str:
        """The Content-Security-Policy of a page: our own script and style; pictures from outside if they are wanted."""
        return POLICY.replace("img-src 'self'", "img-src 'self' https: http:") if self.site.images else POLICY


@hookimpl  # type: ignore[untyped-decorator]  # Datasette is not typed
def register_routes() -> list[tuple[str, Callable[..., Any]]]:
    """The routes of newsdesk's pages, before Datasette's own."""
    return [
        (r"^/$", front),
        (r"^/feed\.atom$", feed_atom),
        (r"^/feed\.json$", feed_json),
        (r"^/article/(?P<id>\d{1,18})$", article),
        (r"^/article/(?P<id>\d{1,18})/version/(?P<number>\d{1,9})$", article),
        (r"^/article/(?P<id>\d{1,18})/page$", saved_page),
        (r"^/article/(?P<id>\d{1,18})/(?P<number>\d{1,9})$", difference),
        (r"^/story/(?P<id>\d{1,18})$", story),
        (r"^/edits$", edits),
        (r"^/sources$", sources),
        (r"^/source/(?P<id>.+)$", source),
        (r"^/watches$", watches),
        (r"^/status$", status),
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
    """The filter of Datasette's own tables; newsdesk's pages have an environment of their own."""
    env.filters.update(reading_order=reading_order)


@hookimpl  # type: ignore[untyped-decorator]  # Datasette is not typed
def menu_links(datasette: Any) -> list[dict[str, str]]:
    """Links back from Datasette's own pages."""
    base = datasette.newsdesk.site.access.base
    pages = (
        ("", "newsdesk"),
        ("", "Stories"),
        ("edits", "Edits"),
        ("sources", "Sources"),
        ("watches", "Watches"),
        ("status", "Status"),
    )
    return [{"href": f"{base}{path}", "label": label} for path, label in pages]


async def front(datasette: Any, request: Any) -> Any:
    """The newest stories, and the search."""
    pages = datasette.newsdesk
    saved = [watch for watch in pages.site.config.watches if watch.query]
    more = {"watches": saved, "images": pages.site.images}
    return await _answer(datasette, request, "front.html", front_page.front, _filters(request), more=more)


async def feed_atom(datasette: Any, request: Any) -> Any:
    """The list as an Atom feed."""
    return await _answer(
        datasette, request, "application/atom+xml; charset=utf-8", front_page.feed_atom, _filters(request)
    )


async def feed_json(datasette: Any, request: Any) -> Any:
    """The list as a JSON feed."""
    return await _answer(
        datasette, request, "application/feed+json; charset=utf-8", front_page.feed_json, _filters(request)
    )


async def edits(datasette: Any, request: Any) -> Any:
    """Edits after publication."""
    return await _answer(datasette, request, "edits.html", article_pages.edits, _filters(request))


async def sources(datasette: Any, request: Any) -> Any:
    """Every source."""
    return await _answer(datasette, request, "sources.html", source_pages.sources, _filters(request))


async def article(datasette: Any, request: Any) -> Any:
    """One article, or a version of it."""
    number = request.url_vars.get("number")
    more = {"beside": bool(request.args.get("saved"))}
    return await _answer(
        datasette, request, "article.html", article_pages.article, _id(request), int(number) if number else None,
        more=more,
    )  # fmt: skip


async def saved_page(datasette: Any, request: Any) -> Any:
    """The saved page, for the frame beside an article: the one page that may be framed, in a sandbox without a network."""
    return await _answer(
        datasette, request, "text/html; charset=utf-8", article_pages.saved_page, _id(request), policy=_SANDBOX
    )


async def difference(datasette: Any, request: Any) -> Any:
    """What one version changed."""
    return await _answer(
        datasette, request, "difference.html", article_pages.difference, _id(request),
        int(request.url_vars["number"]), more={"split": request.args.get("view") == "split"},
    )  # fmt: skip


async def story(datasette: Any, request: Any) -> Any:
    """One story."""
    return await _answer(datasette, request, "story.html", story_pages.story, _id(request))


async def source(datasette: Any, request: Any) -> Any:
    """One source."""
    return await _answer(datasette, request, "source.html", source_pages.source, unquote(request.url_vars["id"]))


async def watches(datasette: Any, request: Any) -> Any:
    """The watches."""
    config = datasette.newsdesk.site.config
    return await _answer(datasette, request, "watches.html", operations.watches, config, _filters(request))


async def status(datasette: Any, request: Any) -> Any:
    """What `newsdesk status` says."""
    config = datasette.newsdesk.site.config
    return await _answer(datasette, request, "status.html", operations.status, config, _filters(request))


def _filters(request: Any) -> dict[str, str]:
    return {name: request.args.get(name) for name in request.args}


def _id(request: Any) -> int:
    return int(request.url_vars["id"])


async def _answer(
    datasette: Any,
    request: Any,
    shape: str,
    page: Callable[..., Any],
    *arguments: Any,
    more: Mapping[str, Any] | None = None,
    policy: str = "",
) -> Any:
    """The answer to a request.

    Args:
        datasette: the server.
        request: the request.
        shape: a template, or the content type of a page that is a text itself.
        page: a function of `pages`.
        arguments: of the function, between the store and the clock.
        more: values for the template beside those of the page.
        policy: the Content-Security-Policy; that of newsdesk's pages by default.
    """
    pages: Pages = datasette.newsdesk
    status, problem, heading = 200, None, None
    context: Any = None
    try:
        context = await pages.stores.run(page, *arguments)
        if context is None:
            status, heading = 404, "Not here"
            problem = "Nothing is stored under this address. It may have been removed by [storage] retain, or merged."
    except QueryTimeout:
        status, problem = 503, "This query takes too long here; narrow it: a source, a day, a rarer word."
    except UsageError as error:
        status, problem = 400, f"{error}."
    except (StorageError, OSError) as error:
        status, problem = 500, f"{error}."
    if problem is not None:
        shape, context = "problem.html", {"problem": problem, "heading": heading}
    headers = {"content-security-policy": policy if policy and problem is None else pages.policy}
    if not shape.endswith(".html"):
        if policy:
            headers["x-frame-options"] = "SAMEORIGIN"
        return Response(context, status=status, headers=headers, content_type=shape)
    base = pages.site.access.base
    path = request.path.removeprefix(base).lstrip("/")
    shown = {**context, **(more or {}), "database": pages.database, "zone": zone_name(), "path": path, "base": base}
    html = await asyncio.get_running_loop().run_in_executor(pages.stores.pool, render, shape, shown)
    return Response.html(html, status=status, headers=headers)
