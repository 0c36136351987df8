"""The storage contract runs once for each engine: tests that take `new_store` know nothing of which it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from storage.article import Article
from storage.snippets import Snippets
from storage.writer import Writer, open_writer
from tests.postgres import cluster, pooler

ENGINES = ("sqlite", "postgres", "pgbouncer")
ONLY_SQLITE = pytest.mark.parametrize("new_store", ["sqlite"], indirect=True)  # of what only a file has


@pytest.fixture(params=ENGINES)
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Writer]]:
    """A function that opens an empty store of that engine, closed when the test ends."""
    with ExitStack() as stack:
        count = 0

        def make() -> Writer:
            nonlocal count
            count += 1
            name = "news.db" if count == 1 else f"news-{count}.db"
            place: str | Path = tmp_path / name
            if request.param != "sqlite":
                place = cluster().new_database()
            if request.param == "pgbouncer":
                place = str(place).replace(f":{cluster().port}/", f":{pooler().port}/")
            return stack.enter_context(open_writer(place))

        yield make


def snippet(query: str, text: str) -> str:
    """The snippet of an article with that text."""
    return Snippets(query).of_article(Article(url="https://a.example/1", text=text))
