"""Text: cleaning, tokens, dates. Pure."""
