"""Pure: parse feeds and decide when to poll them again."""
