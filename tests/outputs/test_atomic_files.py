"""What an output may be written into, and what it says where it cannot."""

from __future__ import annotations

import os
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from storage.writer import open_writer
from tests.conftest import Desk
from tests.outputs.test_exports import article, put, verdict


def test_nothing_of_newsdesks_own_is_written_over(desk: Desk) -> None:
    desk.configure()
    with open_writer(desk.database) as writer:
        put(writer, verdict(1, article(1, "Kept", "The harbour.")))
    link = desk.folder / "link.db"
    link.symlink_to(desk.database)
    for arguments in (
        ["news.db"],
        ["news.db-wal"],
        ["newsdesk.toml"],
        [str(link)],
        ["out", "--manifest", "news.db"],
        ["out", "--since-cursor", "newsdesk.toml"],
        ["out", "--manifest", "./out"],
        ["out", "--manifest", "m", "--since-cursor", "m"],
    ):
        done = desk.run("export", "--format", "jsonl", *arguments)
        assert done.code == 2, arguments
        assert "newsdesk's own file" in done.err or "named twice" in done.err
    assert desk.rows("SELECT title FROM articles") == [{"title": "Kept"}]


def test_devices_pipes_and_links_are_written_into(desk: Desk) -> None:
    desk.configure()
    with open_writer(desk.database) as writer:
        put(writer, verdict(1, article(1, "Kept", "The harbour.")))
    pipe, target, link = desk.folder / "pipe", desk.folder / "target", desk.folder / "link"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reading = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reading.start()
    assert desk.run("export", "--format", "jsonl", str(pipe)).code == 0
    reading.join(10)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    link.symlink_to(target)
    assert desk.run("export", "--format", "jsonl", str(link)).code == 0
    assert link.is_symlink()
    assert target.read_bytes() == got[0]


@pytest.mark.parametrize(
    "text",
    [
        '{"database_id": "x", "generation": "1", "seq": 1e400, "query": {}}',
        "[" * 100_000,
        '{"database_id": "x", "generation": "1", "seq": true, "query": {}}',
        '{"database_id": "x", "generation": "1", "seq": "3", "query": {}}',
        '{"database_id": "x", "generation": "1", "seq": -5, "query": {}}',
        '{"newsdesk": "manifest", "database_id": "x", "generation": 1, "seq": 5, "query": {}}',
        "[]",
        "",
    ],
    ids=["endless", "deep", "true", "text", "negative", "manifest", "list", "empty"],
)
def test_a_damaged_cursor_is_told(desk: Desk, text: str) -> None:
    desk.configure()
    open_writer(desk.database).close()
    (desk.folder / "c").write_text(text)
    done = desk.run("export", "--format", "jsonl", "out", "--since-cursor", "c")
    assert (done.code, "not a cursor that newsdesk wrote" in done.err) == (1, True)
    assert (desk.folder / "c").read_text() == text


def test_where_nothing_can_be_written_one_line_says_what_to_do(desk: Desk) -> None:
    desk.configure()
    open_writer(desk.database).close()
    done = desk.run("export", "--format", "csv", "none/out.csv")
    assert (done.code, "does not exist; make it" in done.err) == (1, True)
    done = desk.run("export", "--format", "csv", "out.csv", "--manifest", "none/m.json")
    assert (done.code, "does not exist; make it" in done.err) == (1, True)
    closed = subprocess.run(
        f"{' '.join(desk.command('export', '--format', 'csv', '-'))} >&-",
        shell=True,
        cwd=desk.folder,
        env=desk.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (closed.returncode, "stdout is closed; name a file" in closed.stderr) == (1, True)
    if Path("/dev/full").exists():
        done = desk.run("export", "--format", "csv", "/dev/full")
        assert (done.code, "No space left" in done.err) == (1, True)
