"""Reload the configuration while the background crawler runs."""

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
RELOAD = 5.0  # seconds between two checks of the configuration's files


class ConfigReloader:
    """Watches the configuration files of one background crawler."""

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
        """Reload the files at the next check, changed or not (SIGHUP)."""
        self._stamps = ()

    async def reload(self) -> None:
        """Reload the configuration if its files have changed; if they are broken, the old settings stay in force."""
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
        """Apply a new configuration, and log which settings need a restart."""
        old = self.config
        stuck = [
            name
            for name, before, after in (
                ("[storage] database", old.database, config.database),
                ("[extract]", old.extract, config.extract),
                ("[http]", _lasting(old), _lasting(config)),
                ("[websub]", old.websub, config.websub),
                ("[politeness] per_host", old.politeness.per_host, config.politeness.per_host),
            )
            if before != after
        ]
        hosts = {url: host_of(url) for s in config.sources for _, url in s.feed_urls}
        await self.frontier.writer.run(lambda writer: writer.sync_sources(config.sources, hosts, self.live.now()))
        await self.frontier.writer.run(lambda writer: begin_watching(writer, config))
        self.live.claim.set_configuration(config.sources_hash)
        # until the restart the old file is written, checked and backed up
        if old.database != config.database:
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
    """A value that changes when a configuration file is rewritten, created or removed."""
    from crawler.config.loader import find_config

    found: list[Any] = [str(find_config() or "")]
    for file in config.files:
        try:
            stat = file.stat()
            found.append((str(file), stat.st_mtime_ns, stat.st_size, stat.st_ino))
        except OSError:
            found.append((str(file), None))
    return tuple(found)
