"""Other work with the same engine: fetch, backfill, reprocess, discover."""
