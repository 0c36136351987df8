"""The SQLite module of the process: the one that sqlite-utils uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
else:
    from sqlite_utils.db import sqlite3

__all__ = ["sqlite3"]
