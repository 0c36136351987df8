"""PURE: what a feed says and when to ask again."""
