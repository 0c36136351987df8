"""The crawl engine: with spiders/, the only code that imports Scrapy, and the only code that imports APScheduler."""
