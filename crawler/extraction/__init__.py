"""A page's bytes to an Extraction: text and metadata with their evidence. Pure."""
