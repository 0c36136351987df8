"""Text: cleaned, split into tokens, dates read from it. Pure."""
