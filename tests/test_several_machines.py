"""The statements and files of docs/how-to/several-machines.md do what it says."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from storage.records import FetchLogEntry
from storage.writer import open_writer
from tests.conftest import NOW, ROOT
from tests.postgres import cluster

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
