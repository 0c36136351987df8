"""What only SQLite does: files, locks, migrations, the full-text index."""
