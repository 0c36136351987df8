"""Take over a configuration file that changed while the background crawler runs."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

from crawler.config.models import Config
from crawler.engine.crawl.session import CrawlSession, begin_watching
from crawler.engine.daemon.systemd import notify, reloading
from crawler.engine.middlewares import address_guard
from crawler.engine.middlewares.robots import RobotsMiddleware
from crawler.errors import CrawlerError
from crawler.urls import host_of

log = logging.getLogger("newsdesk")
RELOAD = 5.0  # seconds between two looks at the configuration's files


class ConfigReloader:
    """The configuration of one background crawler."""

    def __init__(self, crawler: Any, live: CrawlSession) -> None:
        self.crawler = crawler
        self.live = live
        self.frontier = live.frontier
        self._stamps = _stamps(self.config)

    @property
    def config(self) -> Config:
        """The settings in force."""
        return self.frontier.config

    def forget(self) -> None:
        """Read the files at the next look, changed or not (SIGHUP)."""
        self._stamps = ()

    async def reload(self) -> None:
        """Take over what was changed in the configuration's files; a broken one leaves the old one in force."""
        stamps = _stamps(self.config)
        if stamps == self._stamps:
            return
        self._stamps = stamps
        reloading()
        try:
            config: Config = self.live.reload()
        except (CrawlerError, OSError) as error:
            log.error("the configuration was changed and cannot be read; the old one stays in force: %s", error)
            notify(READY=1)
            return
        await self.apply(config)
        self._stamps = _stamps(self.config)
        notify(READY=1)

    async def apply(self, config: Config) -> None:
        """Put other settings in force, and say which of them need a restart."""
        old = self.config
        stuck = [
            name
            for name, before, after in (
                ("[storage] database", old.database, config.database),
                ("[extract]", old.extract, config.extract),
                ("[http]", _lasting(old), _lasting(config)),
                ("[politeness] per_host", old.politeness.per_host, config.politeness.per_host),
            )
            if before != after
        ]
        hosts = {url: host_of(url) for s in config.sources for _, url in s.feed_urls}
        await self.frontier.writer.run(lambda writer: writer.sync_sources(config.sources, hosts, self.live.now()))
        await self.frontier.writer.run(lambda writer: begin_watching(writer, config))
        if (
            old.database != config.database
        ):  # until the restart the old file is the one that is written, looked at and backed up
            config = dataclasses.replace(
                config, storage=dataclasses.replace(config.storage, database=str(old.database))
            )
        self.live.config = config
        self.frontier.apply(config)
        from twisted.internet import reactor

        self.crawler.spider.resolver = address_guard.install_resolver(reactor, config)
        for kind in (RobotsMiddleware, address_guard.GuardMiddleware):
            middleware = self.crawler.get_downloader_middleware(kind)
            if middleware is not None:
                middleware.apply(config)
        log.log(
            logging.WARNING if stuck else logging.INFO,
            "configuration reloaded: %d sources%s",
            len(self.frontier.sources),
            f"; a restart is needed for {', '.join(stuck)}" if stuck else "",
            extra={"event": "configuration"},
        )


def _lasting(config: Config) -> tuple[Any, ...]:
    http = config.http
    return (
        http.user_agent,
        http.contact,
        http.timeout,
        http.max_bytes,
        http.max_redirects,
        http.concurrency,
        http.proxy,
        http.verify_tls,
    )


def _stamps(config: Config) -> tuple[Any, ...]:
    """What tells that a file of the configuration was written anew, or that one came to be."""
    from crawler.config.loader import find_config

    found: list[Any] = [str(find_config() or "")]
    for file in config.files:
        try:
            stat = file.stat()
            found.append((str(file), stat.st_mtime_ns, stat.st_size, stat.st_ino))
        except OSError:
            found.append((str(file), None))
    return tuple(found)
