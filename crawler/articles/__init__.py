"""PURE: what a page says and whether it is news to us."""
