"""Datasette on the file."""
