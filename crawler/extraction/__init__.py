"""Turn a page's bytes into an Extraction: text and metadata with their provenance. Pure."""
