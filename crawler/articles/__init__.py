"""Pure: turns a page into an article, and decides whether it is new."""
