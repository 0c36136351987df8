"""Which pages of a crawl are rendered in a browser: those of sources with `render`, or that were found to need it."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable

from crawler.articles.page_response import PageResponse
from crawler.articles.visit import PageVisit
from crawler.config.models import Config, Source
from crawler.engine.browser.renderer import Renderer, may_start
from crawler.errors import UsageError
from storage.async_writer import AsyncWriter
from storage.sql import meta

_NEEDED = "needs JavaScript"
_KEY = "rendered "  # of a source whose pages were found to have no text without scripts, in the table `meta`
log = logging.getLogger("newsdesk")


def check(config: Config) -> None:
    """Check that the pages of sources with `render` can be rendered.

    Raises:
        UsageError: Playwright is not installed, or a browser may not be started.
    """
    wanted = [source.id for source in config.sources if source.enabled and source.render]
    if not wanted:
        return
    if importlib.util.find_spec("playwright") is None:
        raise UsageError(
            f"{wanted[0]}: render needs Playwright: `pip install playwright` in newsdesk's environment (of pipx: "
            "`pipx inject newsdesk playwright`), and a Chromium; or set render = false"
        )
    if (reason := may_start(config)) is not None:
        raise UsageError(f"{wanted[0]}: {reason}")


class Rendering:
    """The browser of a crawl, and the sources that need it."""

    def __init__(self, config: Callable[[], Config], writer: AsyncWriter) -> None:
        self._renderer = Renderer(config)
        self._writer = writer
        self._needed: dict[str, bool] = {}  # by source with render = "auto"

    async def before(self, page: PageResponse, source: Source | None) -> PageResponse:
        """The response, rendered if its source's pages always are."""
        if source is None or not source.render or not _is_page(page):
            return page
        if source.render == "auto" and not await self._is_known(source):
            return page
        return await self._renderer.render(page)

    async def instead(self, page: PageResponse, source: Source | None, visit: PageVisit) -> PageResponse | None:
        """The rendered response of a page that was read and has no text without scripts; None if it is none."""
        if source is None or source.render != "auto" or page.rendered or not _is_page(page):
            return None
        if visit.extraction.problem != _NEEDED:
            return None
        rendered = await self._renderer.render(page)
        if rendered.failure is None and not self._needed.get(source.id):
            self._needed[source.id] = True
            await self._writer.submit(lambda writer: meta.set_value(writer.db, _KEY + source.id, "1"))
            log.info("%s: its pages have no text without scripts; they are rendered from now on", source.id)
        return rendered

    async def close(self) -> None:
        """End the browser."""
        await self._renderer.close()

    async def _is_known(self, source: Source) -> bool:
        if source.id not in self._needed:
            key = _KEY + source.id
            self._needed[source.id] = await self._writer.run(lambda writer: meta.value(writer.db, key)) is not None
        return self._needed[source.id]


def _is_page(page: PageResponse) -> bool:
    return page.failure is None and page.status == 200 and page.other_media_type is None and bool(page.body)
