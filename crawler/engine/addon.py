"""The configuration, as Scrapy settings: the one place where the two meet, whether `newsdesk` or `scrapy crawl` started the process."""

from __future__ import annotations

from typing import Any

from scrapy.settings import BaseSettings, Settings

from crawler.config.loader import load_config
from crawler.config.models import Config

# Seconds between two requests to a host. Where it is 0, Scrapy starts all queued requests of a host at once, since a slot counts a transfer only
# when its task runs (scrapy/core/downloader/__init__.py, _process_queue).
MIN_DELAY = 0.001
CONFIG = "NEWSDESK_CONFIG_VALUE"  # a Config that the caller has loaded already


def settings_of(config: Config) -> dict[str, Any]:
    """Scrapy's settings for a configuration."""
    return {
        CONFIG: config,
        "USER_AGENT": config.user_agent,
        "DOWNLOAD_TIMEOUT": config.http.timeout,
        "DOWNLOAD_MAXSIZE": config.http.max_bytes,
        "REDIRECT_MAX_TIMES": config.http.max_redirects,
        "CONCURRENT_REQUESTS": max(1, config.http.concurrency),
        "CONCURRENT_REQUESTS_PER_DOMAIN": max(1, config.politeness.per_host),
        "DOWNLOAD_DELAY": max(MIN_DELAY, config.politeness.delay),
        "DOWNLOAD_DELAY_JITTER": min(1.0, config.politeness.jitter),
        "DOWNLOAD_VERIFY_CERTIFICATES": config.http.verify_tls,
    }


def own_settings(config: Config) -> Settings:
    """The settings of a process that `newsdesk` started: nobody takes items there or reads Scrapy's stats, the table of fetches counts."""
    settings = Settings()
    settings.setmodule("crawler.engine.settings", priority="project")
    own = {
        "STATS_CLASS": "scrapy.statscollectors.DummyStatsCollector",
        "EXTENSIONS_BASE": {},
        "LOG_INSTALL_ROOT_HANDLER": False,
    }
    settings.setdict({**settings_of(config), **own}, priority="cmdline")
    return settings


class NewsdeskAddon:
    """Fills the configuration in; a caller that set a Config has its word, else the file in force is read."""

    def update_settings(self, settings: BaseSettings) -> None:
        """Called by Scrapy before anything else is built."""
        settings.update(settings_of(config_of(settings)), priority="addon")


def config_of(settings: BaseSettings) -> Config:
    """The configuration that a crawl goes by; kept in the settings, so that it is read once."""
    config: Config | None = settings.get(CONFIG)
    if config is None:
        config = load_config(settings.get("NEWSDESK_CONFIG"), database=settings.get("NEWSDESK_DB"))
        settings.set(CONFIG, config, priority="spider")
    return config
