"""Saved searches that speak up: what they find (judging), when and what they say (messages), to whom (sending)."""
