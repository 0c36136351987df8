"""The statements and files of docs/how-to/several-machines.md do what it says."""

from __future__ import annotations

import re
import subprocess
import tomllib
import urllib.request
from pathlib import Path

import pytest

from benchmarks import archive
from storage.records import FetchLogEntry
from storage.writer import open_writer
from tests.conftest import NOW, ROOT, Desk
from tests.postgres import cluster, free_port
from tests.running import until

GUIDE = (ROOT / "docs" / "how-to" / "several-machines.md").read_text(encoding="utf-8")


def test_the_statements_run_and_requests_go_into_partitions() -> None:
    url = cluster().new_database()
    name = url.rpartition("/")[2]
    request = FetchLogEntry(
        at=NOW, url="https://a.org/", host="a.org", status=200, bytes=5, ms=7, conditional=True, outcome="new"
    )
    with open_writer(url) as writer:
        with writer.transaction():
            writer.insert_fetches([request])
        for block in re.findall(r"```sql\n(.*?)```", GUIDE, re.DOTALL):
            cluster().sql(block, name)
        with writer.transaction():
            writer.insert_fetches([request])
        rows = writer.db.conn.execute("SELECT id, at FROM fetches ORDER BY id").fetchall()
        assert len(rows) == 2
        assert rows[0][0] < rows[1][0]
        writer.db.conn.execute("UPDATE meta SET value = CAST(value AS int) + 1 WHERE key = 'generation'")
        assert writer.meta("generation") == "2"


def test_the_compose_file_and_the_unit_are_those_of_the_guide(tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    document = yaml.safe_load((ROOT / "deploy" / "compose-postgres.yaml").read_text(encoding="utf-8"))
    assert set(document["services"]) == {"db", "worker"}
    assert document["services"]["worker"]["deploy"]["replicas"] == 2
    unit = ROOT / "deploy" / "newsdesk@.service"
    assert "EnvironmentFile=/etc/newsdesk/environment" in unit.read_text(encoding="utf-8")
    assert "newsdesk@.service" in GUIDE
    assert "compose-postgres.yaml" in GUIDE
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["optional-dependencies"]["postgres"]
    try:
        done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return
    wrong = [line for line in done.stderr.splitlines() if "newsdesk@" in line and "is not executable" not in line]
    assert wrong == []


def test_the_four_commands_of_the_guide(desk: Desk) -> None:
    """From a file to a shared store and back, with the password where the guide puts it."""
    archive.build(desk.database, 60)
    with open_writer(desk.database) as writer:
        writer.db.conn.execute("DELETE FROM fetches")
        writer.db.conn.commit()
    url = cluster().new_database()
    place = url.replace(":secret", "")
    desk.configure()
    refused = desk.run("db", "copy", "news.db", url)
    assert refused.code == 2
    assert "pgpass" in refused.err
    assert "secret" not in refused.err
    desk.env |= {"NEWSDESK_DB": place, "PGPASSWORD": "secret"}
    done = desk.run("db", "copy", "news.db", place)
    assert done.code == 0, done.err
    assert "60 articles" in done.out
    assert "news.db.warc" in done.err
    again = desk.run("db", "copy", "news.db", place)
    assert again.code == 1
    assert "has records already" in again.err
    assert len(desk.run("list", "--jsonl").out.splitlines()) == 60
    worker = desk.start("run")
    try:
        assert until(lambda: "256 of 256 parts" in desk.run("status").out)
        assert f"-{worker.pid}:" in desk.run("status").out
    finally:
        worker.terminate()
        assert worker.wait(30) == 0
    done = desk.run("db", "copy", ".", "back.db")
    assert done.code == 0, done.err
    desk.env.pop("NEWSDESK_DB")
    assert len(desk.run("--db", "back.db", "list", "--jsonl").out.splitlines()) == 60
    assert desk.run("--db", "back.db", "db", "check").out.strip() == "back.db: ok"


def test_browse_of_a_server_copies_a_window(desk: Desk) -> None:
    archive.build(desk.database, 60)
    url = cluster().new_database()
    desk.configure()
    desk.env |= {"NEWSDESK_DB": url}
    with open_writer(desk.database) as writer:
        writer.db.conn.execute("DELETE FROM fetches")
        writer.db.conn.commit()
    assert desk.run("db", "copy", "news.db", ".").code == 0
    port = free_port()
    process = subprocess.Popen(
        desk.command("browse", "--since", "3650d", "--port", str(port)), cwd=desk.folder, env=desk.environment(),
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:

        def page() -> str:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as response:
                    return str(response.read(), "utf-8")
            except OSError:
                return ""

        assert until(lambda: "newsdesk" in page().lower())
    finally:
        process.terminate()
        process.wait(30)
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    assert "temporary file" in said
    assert "60 articles are copied" in said
    assert "secret" not in said
