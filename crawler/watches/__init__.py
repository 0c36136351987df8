"""Saved searches with notifications: what they find (matching), what they send (messages), to whom (receivers)."""
