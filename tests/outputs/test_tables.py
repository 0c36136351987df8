"""What Datasette shows of the tables under `newsdesk browse`."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator

import pytest

from crawler.outputs.browse.tables import COLUMNS_FIRST
from storage.writer import open_writer
from tests.conftest import Desk
from tests.outputs.test_exports import article, put, verdict
from tests.running import browsing


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    desk = Desk(tmp_path_factory.mktemp("tables"))
    with open_writer(desk.database) as store:
        number = put(store, verdict(1, article(1, "Ferry cancelled", "The ferry does not sail.")))
        edited = article(1, "Ferry sails", "The ferry sails again.")
        put(store, verdict(2, edited, outcome="revised", article_id=number, addresses=()))
    with browsing(desk) as address:
        yield address


def read(address: str) -> str:
    with urllib.request.urlopen(address, timeout=60) as answer:
        return str(answer.read().decode())


def headings(page: str) -> list[str]:
    return re.findall(r'<th[^>]* data-column="([^"]+)"', page)


@pytest.mark.parametrize("table", ["articles", "revisions"])
def test_the_columns_that_people_read_come_first(base: str, table: str) -> None:
    page = read(f"{base}/news/{table}")
    assert headings(page)[: len(COLUMNS_FIRST[table])] == list(COLUMNS_FIRST[table])


def test_none_is_lost_and_the_cells_follow_their_headings(base: str) -> None:
    page = read(f"{base}/news/articles")
    columns = json.loads(read(f"{base}/news/articles.json?_size=1"))["columns"]
    assert sorted(headings(page)) == sorted(columns)
    cells = re.findall(r'<td class="col-([a-z_0-9]+) ', page)
    assert cells[: len(columns)] == headings(page)


def test_chosen_columns_stay_the_only_ones(base: str) -> None:
    assert headings(read(f"{base}/news/articles?_col=url&_col=title")) == ["id", "title", "url"]


def test_the_tables_of_bookkeeping_are_hidden(base: str) -> None:
    found = json.loads(read(f"{base}/news.json"))["tables"]
    assert {table["name"] for table in found if not table["hidden"]} == {"articles", "revisions", "sources"}
