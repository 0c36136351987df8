"""Scrapy's settings: safe values in one place.

addon.py fills in what the configuration decides; nothing is read at import.
A comment gives the reason for a departure from Scrapy's default (SCRAPY.md 1, RELIABILITY 2 and 3.1: measurements of
the defaults).
"""

from __future__ import annotations

BOT_NAME = "newsdesk"
SPIDER_MODULES = ["spiders"]
COMMANDS_MODULE = "crawler.engine.scrapy_commands"
ADDONS = {"crawler.engine.addon.NewsdeskAddon": 0}

# Ways to execute code that are on by default.
TELNETCONSOLE_ENABLED = False
REMOTE_CONTROL_ENABLED = False

# Only http and https: with the defaults, a feed link `file:///etc/hostname` was fetched.
DOWNLOAD_HANDLERS = {
    "http": "crawler.engine.handlers.http.BoundedHTTPHandler",
    "https": "crawler.engine.handlers.http.BoundedHTTPHandler",
    **dict.fromkeys(("data", "file", "ftp", "s3")),
}
TWISTED_DNS_RESOLVER = "crawler.engine.middlewares.address_guard.GuardedResolver"
DOWNLOAD_VERIFY_CERTIFICATES = True
DOWNLOAD_TIMEOUT = 30
DOWNLOAD_MAXSIZE = 10 * 1024**2
DOWNLOAD_WARNSIZE = 0
DOWNLOAD_FAIL_ON_DATALOSS = True

CONCURRENT_REQUESTS = 64
CONCURRENT_REQUESTS_PER_DOMAIN = 1
DOWNLOAD_DELAY = 1.0
DOWNLOAD_DELAY_JITTER = 0.1
SCRAPER_SLOT_MAX_ACTIVE_SIZE = 20_000_000  # back-pressure: bodies waiting for extraction
CONCURRENT_ITEMS = 1  # a response gives one item at most; for 100, Scrapy makes 100 tasks a response (measured: 1.5 ms)
REACTOR_THREADPOOL_MAXSIZE = 20  # name resolution

# Replaced by RobotsMiddleware: Scrapy's never refreshes, never prunes, and takes a failed robots.txt as permission.
ROBOTSTXT_OBEY = False
RETRY_ENABLED = False  # the store retries: it knows Retry-After and survives a crash
COOKIES_ENABLED = False
METAREFRESH_ENABLED = False
REFERER_ENABLED = False
REFERRER_POLICY = "no-referrer"
HTTPPROXY_ENABLED = False  # it reads the environment; a proxy comes from the settings only
REDIRECT_MAX_TIMES = 8
AJAXCRAWL_ENABLED = False
AUTOTHROTTLE_ENABLED = False
HTTPCACHE_ENABLED = False

# Only the parts of Scrapy that are used. Scrapy's own lists import disabled parts too, aiohttp, its web server and a
# Telnet console among them (measured: 190 ms of CPU per start), and some of them process each request.
DOWNLOAD_HANDLERS_BASE: dict[str, str] = {}
DOWNLOADER_MIDDLEWARES_BASE = {
    "scrapy.downloadermiddlewares.downloadtimeout.DownloadTimeoutMiddleware": 350,
    "scrapy.downloadermiddlewares.defaultheaders.DefaultHeadersMiddleware": 400,
    "scrapy.downloadermiddlewares.useragent.UserAgentMiddleware": 500,
}
DOWNLOADER_MIDDLEWARES = {
    "crawler.engine.middlewares.address_guard.GuardMiddleware": 50,
    "crawler.engine.middlewares.robots.RobotsMiddleware": 100,
    "crawler.engine.middlewares.redirects.RedirectMiddleware": 600,
    # next to the downloader: sees the body as it was sent
    "crawler.engine.middlewares.decompression.DecompressionMiddleware": 900,
}
SPIDER_MIDDLEWARES_BASE: dict[str, int] = {}  # every status is passed to the spider
EXTENSIONS_BASE = {
    "scrapy.extensions.corestats.CoreStats": 0,
    "scrapy.extensions.feedexport.FeedExporter": 0,
}
EXTENSIONS = {"crawler.engine.daemon.extension.SchedulerExtension": 500}
DUPEFILTER_CLASS = "scrapy.dupefilters.BaseDupeFilter"  # the store knows what was requested
DEFAULT_REQUEST_HEADERS = {"Accept": "*/*", "Accept-Language": None, "Accept-Encoding": "gzip, deflate, br, zstd"}
LOG_LEVEL = "WARNING"
LOG_FORMATTER = "crawler.engine.crawl.download_errors.SilentLogFormatter"
