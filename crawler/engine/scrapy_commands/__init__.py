"""Scrapy's own commands where newsdesk's differ (COMMANDS_MODULE)."""
