"""Each command, option, setting and column is documented, or the suite fails."""

from __future__ import annotations

import dataclasses
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from crawler.cli import COMMANDS, cli
from crawler.config.models import SECTIONS, PublisherRules, Source, Watch
from storage.writer import open_writer
from tests.cli_reference import FILE, render
from tests.conftest import ROOT

DOCS = ROOT / "docs"


def _commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            for inner in command.list_commands(context):
                found = command.get_command(context, inner)
                assert found is not None
                yield f"{name} {inner}", found


def test_every_command_and_option_is_documented() -> None:
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    sections = {
        match[1].strip(): match[2]
        for match in re.finditer(
            r"^#+ newsdesk ([a-z ]+)[^\n]*\n(.*?)(?=^#+ newsdesk|\Z)", text, re.MULTILINE | re.DOTALL
        )
    }
    for name, command in _commands():
        assert name in sections, f"docs/cli.md has no section `newsdesk {name}`"
        for option in command.params:
            if isinstance(option, click.Option):
                assert any(o in sections[name] for o in option.opts), f"docs/cli.md: newsdesk {name}: {option.opts}"


def test_the_reference_of_the_command_line_is_the_commands_own_help() -> None:
    assert FILE.read_text(encoding="utf-8") == render(), (
        "docs/cli.md is not up to date; `python -m tests.cli_reference` writes it"
    )


def test_help_shows_an_example_and_no_range() -> None:
    for name, command in _commands():
        if not isinstance(command, click.Group):
            assert "Example" in (command.help or ""), name
            assert "<=x" not in command.get_help(click.Context(command)), name


def test_every_setting_is_documented() -> None:
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    tables = {
        "[[source]]": Source,
        "[source.article]": PublisherRules,
        "[[watch]]": Watch,
        **{f"[{name}]": cls for name, cls in SECTIONS.items()},
    }
    for title, cls in tables.items():
        section = text.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
        for field in dataclasses.fields(cls):
            assert f"| {field.name} |" in section, f"docs/configuration.md: {title} {field.name}"


def test_every_table_and_column_is_documented(tmp_path: Path) -> None:
    open_writer(tmp_path / "x.db").close()
    with sqlite3.connect(tmp_path / "x.db") as db:
        tables = [
            row[0]
            for row in db.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'articles_fts%' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '\\_%' ESCAPE '\\'"
            )
        ]
        columns = {table: [row[1] for row in db.execute(f"PRAGMA table_info({table})")] for table in tables}
    db.close()
    text = (DOCS / "data.md").read_text(encoding="utf-8")
    for table, names in columns.items():
        assert f"\n## {table}\n" in text, f"docs/data.md has no section {table}"
        section = text.split(f"\n## {table}\n", 1)[1].split("\n## ", 1)[0]
        for name in names:
            assert re.search(rf"\b{name}\b", section), f"docs/data.md: {table}.{name}"


def test_the_contracts_columns_are_there(tmp_path: Path) -> None:
    with open_writer(tmp_path / "x.db") as store:
        for table, names in {
            "articles": "id uid url source kind completeness title subtitle authors published_at published_raw modified_at section tags language summary text image_url image_caption image_credit agency word_count content_hash story_id duplicate_of revision first_seen_at fetched_at last_same_at vanished_at vanished_reason canonical_elsewhere extractor raw_sha256 warc_file warc_offset provenance",
            "article_urls": "url_key url article_id kind first_seen_at",
            "revisions": "article_id number title subtitle authors text published_at modified_at content_hash seen_at last_same_at cause silent words_added words_removed extractor warc_file warc_offset",
            "entries": "id feed_url identity guid url title authors published_at published_raw summary state reason verdict attempts retry_at leased_until found_by article_id first_seen_at",
            "feeds": "url source kind final_url etag last_modified body_hash due_at interval_seconds checked_at changed_at failures last_error state leased_until",
            "sources": "id name url language country tags enabled",
            "crawl_runs": "id command started_at finished_at exit_code feeds entries_new articles_new revised copies rejected failed",
            "gaps": "id feed_url from_at to_at found_at state entries_found",
            "source_days": "source day polls_ok polls_failed longest_blind_seconds entries_new articles headline_only rejected gaps_open",
            "fetches": "at url host status bytes ms conditional outcome",
            "changes": "seq article_id at op merged_into",
            "meta": "key value",
            "articles_fts": "title text authors",
        }.items():
            columns = store.db.conn.execute(f"SELECT * FROM {table} LIMIT 0").description
            assert set(names.split()) <= {column[0] for column in columns}, table


@pytest.mark.parametrize(
    "path", [*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda p: p.name
)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_every_document_is_in_the_index_and_on_the_site() -> None:
    index, site = (DOCS / "index.md").read_text(encoding="utf-8"), (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for path in DOCS.rglob("*.md"):
        name = path.relative_to(DOCS).as_posix()
        assert name in site, name
        assert name == "index.md" or f"({name})" in index, name


def test_links_to_files_of_the_repository_lead_somewhere() -> None:
    for path in [*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]:
        for target in re.findall(r"/newsdesk/blob/main/([^)#\s]+)", path.read_text(encoding="utf-8")):
            assert (ROOT / target).exists(), f"{path.name}: {target}"


def test_the_readme_starts_with_the_two_commands() -> None:
    head = (ROOT / "README.md").read_text(encoding="utf-8")[:700]
    assert "make crawl" in head
    assert "make test" in head


def test_every_row_of_the_bar_has_its_tests_and_its_figure() -> None:
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    tested = {int(number) for number in re.findall(r"def test_row_(\d\d)_", tests)}
    told = {
        int(number)
        for number in re.findall(r"^\| (\d+) \|", (DOCS / "security.md").read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert tested == told == set(range(1, 36))
