"""Output of stored articles: terminal, files, the browser."""
