"""Map the configuration to Scrapy settings, for processes started by `newsdesk` and by `scrapy crawl` alike."""

from __future__ import annotations

from typing import Any

from scrapy.settings import BaseSettings, Settings

from crawler.config.loader import load_config
from crawler.config.models import Config

# Seconds between two requests to a host. Where it is 0, Scrapy starts all queued requests of a host at once, since a
# slot counts a transfer only when its task runs (scrapy/core/downloader/__init__.py, _process_queue).
MIN_DELAY = 0.001
CONFIG = "NEWSDESK_CONFIG_VALUE"  # the key of a Config that the caller has already loaded


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
    """The Scrapy settings of a process that `newsdesk` started.

    Nothing consumes items or Scrapy's stats there; requests are counted in the `fetches` table.
    """
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
    """Fills in the settings from the Config that the caller set, else from the configuration file in force."""

    def update_settings(self, settings: BaseSettings) -> None:
        """Update the settings; Scrapy calls this before it builds anything else."""
        settings.update(settings_of(config_of(settings)), priority="addon")


def config_of(settings: BaseSettings) -> Config:
    """The configuration of a crawl; stored in the settings, so that it is read once."""
    config: Config | None = settings.get(CONFIG)
    if config is None:
        config = load_config(settings.get("NEWSDESK_CONFIG"), database=settings.get("NEWSDESK_DB"))
        if not settings.frozen:
            settings.set(CONFIG, config, priority="spider")
    return config
