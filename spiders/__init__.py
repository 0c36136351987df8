"""Thin entries to one engine: what to crawl, and nothing else."""
