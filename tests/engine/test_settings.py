"""The effective settings, as a crawl has them: safe without a configuration."""

from __future__ import annotations

from scrapy.settings import Settings

from crawler.engine.addon import settings_of
from crawler.settings import Config


def effective() -> Settings:
    settings = Settings()
    settings.setmodule("crawler.engine.settings", priority="project")
    settings.setdict(settings_of(Config()), priority="cmdline")
    return settings


def test_settings_are_safe() -> None:
    s = effective()
    for name in (
        "TELNETCONSOLE_ENABLED",
        "REMOTE_CONTROL_ENABLED",
        "COOKIES_ENABLED",
        "METAREFRESH_ENABLED",
        "HTTPPROXY_ENABLED",
        "RETRY_ENABLED",
        "REFERER_ENABLED",
    ):
        assert s.getbool(name) is False, name
    assert s.getbool("DOWNLOAD_VERIFY_CERTIFICATES") is True
    assert all(s.getdict("DOWNLOAD_HANDLERS")[scheme] is None for scheme in ("file", "data", "ftp", "s3"))
    assert s.getint("DOWNLOAD_MAXSIZE") <= 20 * 1024**2
    assert s.getfloat("DOWNLOAD_TIMEOUT") <= 30
    assert s.getint("CONCURRENT_REQUESTS_PER_DOMAIN") == 1
    assert s.getfloat("DOWNLOAD_DELAY") >= 1
    assert "newsdesk/" in s["USER_AGENT"]
    assert "(+http" in s["USER_AGENT"]
