"""Pages that need a browser: a Chromium that reaches the network only through a proxy with the guard."""
