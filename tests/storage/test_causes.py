"""What SQLite says is told apart by its result codes, never by its words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storage.errors import DamagedDatabase, DatabaseBusy, DiskError, QueryTimeout, StorageError
from storage.sqlite.driver import sqlite3
from storage.sqlite.errors import storage_error


def full(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("PRAGMA max_page_count=2")
    db.execute("CREATE TABLE t (x)")
    db.execute("INSERT INTO t VALUES (zeroblob(1000000))")


def read_only(path: Path) -> None:
    sqlite3.connect(path).execute("CREATE TABLE t (x)")
    sqlite3.connect(f"file:{path}?mode=ro", uri=True).execute("INSERT INTO t VALUES (1)")


def locked(path: Path) -> None:
    first = sqlite3.connect(path, isolation_level=None)
    first.execute("BEGIN EXCLUSIVE")
    sqlite3.connect(path, timeout=0.05, isolation_level=None).execute("BEGIN IMMEDIATE")


def table_locked(path: Path) -> None:
    db = sqlite3.connect(path)
    db.executescript("CREATE TABLE t (x); INSERT INTO t VALUES (1), (2)")
    cursor = db.execute("SELECT x FROM t")
    cursor.fetchone()
    db.execute("DROP TABLE t")


def no_folder(path: Path) -> None:
    sqlite3.connect(path / "no" / "folder.db").execute("SELECT 1")


def interrupted(path: Path) -> None:
    db = sqlite3.connect(path)
    db.set_progress_handler(lambda: 1, 1)
    db.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")


def no_database(path: Path) -> None:
    path.write_bytes(b"nothing of the kind " * 1000)
    sqlite3.connect(path).execute("SELECT * FROM sqlite_master")


def damaged(path: Path) -> None:
    db = sqlite3.connect(path)
    db.executescript("CREATE TABLE t (x); CREATE INDEX i ON t (x)")
    db.executemany("INSERT INTO t VALUES (?)", [("y" * 500,)] * 200)
    db.commit()
    db.close()
    body = bytearray(path.read_bytes())
    body[4096 * 2 :] = b"\xff" * (len(body) - 4096 * 2)
    path.write_bytes(body)
    sqlite3.connect(path).execute("SELECT x FROM t ORDER BY x").fetchall()


def sql(text: str) -> Callable[[Path], Any]:
    def run(path: Path) -> None:
        sqlite3.connect(path).execute(text)

    return run


CASES: list[tuple[Callable[[Path], Any], type[StorageError]]] = [
    (full, DiskError),
    (read_only, DiskError),
    (locked, DatabaseBusy),
    (table_locked, DatabaseBusy),
    (no_folder, DiskError),
    (interrupted, QueryTimeout),
    (no_database, DamagedDatabase),
    (damaged, DamagedDatabase),
    # Faults of ours, in words that were taken for those of a disk, a lock or damage.
    (sql("SELECT * FROM fulltext"), StorageError),
    (sql("SELECT readonly FROM sqlite_master"), StorageError),
    (sql("SELECT locked, busy"), StorageError),
    (sql("SELECT * FROM malformed"), StorageError),
    (sql("SELECT interrupted"), StorageError),
    (sql("SELECT corrupt()"), StorageError),
    (sql('SELECT * FROM "I/O"'), StorageError),
]


@pytest.mark.parametrize(("cause", "kind"), CASES)
def test_the_cause_is_told_by_its_code(tmp_path: Path, cause: Callable[[Path], Any], kind: type[StorageError]) -> None:
    with pytest.raises(sqlite3.DatabaseError) as caught:
        cause(tmp_path / "x.db")
    assert type(storage_error(tmp_path / "x.db", caught.value)) is kind, caught.value


def test_an_error_of_the_python_module_itself_is_none_of_the_disks(tmp_path: Path) -> None:
    error = sqlite3.ProgrammingError("Cannot operate on a closed database: the disk is full.")
    assert type(storage_error(tmp_path / "x.db", error)) is StorageError


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("database or disk is full", DiskError), ("disk I/O error", DiskError), ("database disk image is malformed", DamagedDatabase),
        ("database is locked", DatabaseBusy), ("attempt to write a readonly database", DiskError), ("no such table: disk I/O error", StorageError),
    ],
)  # fmt: skip
def test_an_error_without_a_code_is_told_by_sqlites_own_words(
    tmp_path: Path, said: str, kind: type[StorageError]
) -> None:
    assert type(storage_error(tmp_path / "x.db", sqlite3.OperationalError(said))) is kind


def test_a_backup_of_a_damaged_database_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    db = sqlite3.connect(path)
    db.executescript("CREATE TABLE t (x)")
    db.executemany("INSERT INTO t VALUES (?)", [("y" * 500,)] * 2000)
    db.commit()
    with path.open("r+b") as file:
        file.truncate(20 * 4096 + 100)
    source = sqlite3.connect(path)
    with pytest.raises(sqlite3.DatabaseError) as caught:
        source.backup(sqlite3.connect(tmp_path / "copy.db"))
    assert type(storage_error(path, caught.value)) in {DamagedDatabase, DiskError}, caught.value
