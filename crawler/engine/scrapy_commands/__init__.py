"""Replacements for Scrapy's commands (COMMANDS_MODULE)."""
