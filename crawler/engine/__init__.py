"""The only room, beside spiders/, that knows Scrapy and APScheduler."""
