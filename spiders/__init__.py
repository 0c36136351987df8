"""The spiders of `scrapy crawl`: each one only defines what to crawl; the engine does the rest."""
