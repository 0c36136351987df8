"""The parts that depend on SQLite: files, locks, migrations, the full-text index."""
