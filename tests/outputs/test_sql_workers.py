"""The processes that answer strangers' SQL."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
from multiprocessing import forkserver
from pathlib import Path

from crawler.outputs.browse.sql_workers import Answerer
from storage.sqlite.canned_queries import CANNED_QUERIES
from storage.verdicts import NewArticle
from storage.writer import open_writer
from tests.conftest import NOW
from tests.storage.test_former_index import article, former
from tests.storage.test_store import apply


def test_it_answers_again_after_its_processes_were_ended(tmp_path: Path) -> None:
    path = tmp_path / "news.db"
    open_writer(path).close()

    async def run() -> None:
        answerer = Answerer(path)
        try:
            sql = "SELECT count(*) AS n FROM articles"
            _, rows, _ = await answerer.run(sql, {}, most=None, milliseconds=5000)
            assert rows[0]["n"] == 0
            server = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
            assert isinstance(server, int)
            os.kill(server, signal.SIGKILL)
            assert answerer._pool is not None
            for process in list(answerer._pool._pool_manager.worker_manager.workers.values()):
                assert process.pid is not None
                os.kill(process.pid, signal.SIGKILL)
            for _ in range(20):
                try:
                    await answerer.run(sql, {}, most=None, milliseconds=1000)
                    break
                except Exception:  # a query of the moment in which they ended may fail
                    await asyncio.sleep(0.2)
            _, rows, _ = await answerer.run(sql, {}, most=None, milliseconds=5000)
            assert rows[0]["n"] == 0
        finally:
            answerer.close()

    asyncio.run(run())


def test_words_are_found_as_the_index_has_them(tmp_path: Path) -> None:
    form = "SELECT rowid FROM articles_fts WHERE articles_fts MATCH escape_fts(:search)"
    canned = next(query.sql for query in CANNED_QUERIES if query.name == "search_with_dates")

    async def run(path: Path) -> list[int]:
        answerer = Answerer(path)
        found = []
        try:
            for sql, name in ((form, "search"), (canned, "word")):
                for word in ("ещё", "еще", "маяк"):
                    _, rows, _ = await answerer.run(sql, {name: word}, most=None, milliseconds=5000)
                    found.append(len(rows))
        finally:
            answerer.close()
        return found

    with open_writer(tmp_path / "new.db") as store:
        apply(store, NewArticle(article=article(1, "Ещё маяк"), at=NOW, source="a"))
    with former(tmp_path / "former.db") as store:
        apply(store, NewArticle(article=article(1, "Ещё маяк"), at=NOW, source="a"))
    assert asyncio.run(run(tmp_path / "new.db")) == [1, 1, 1] * 2
    assert asyncio.run(run(tmp_path / "former.db")) == [1, 0, 1] * 2


def test_datasettes_form_takes_any_query(tmp_path: Path) -> None:
    form = "SELECT rowid FROM articles_fts WHERE articles_fts MATCH escape_fts(:search)"
    queries = {"one OR two": 2, "two -one": 1, "title:two": 1, "-one": 0, "(((": 0, "source:a": 0, "": 0, "NOT": 0}

    async def run(path: Path) -> dict[str, int]:
        answerer = Answerer(path)
        try:
            return {
                query: len((await answerer.run(form, {"search": query}, most=None, milliseconds=5000))[1])
                for query in queries
            }
        finally:
            answerer.close()

    with open_writer(tmp_path / "new.db") as store:
        for number, title in ((1, "One"), (2, "Two")):
            made = dataclasses.replace(article(number, "none"), title=title)
            apply(store, NewArticle(article=made, at=NOW, source="a"))
    assert asyncio.run(run(tmp_path / "new.db")) == queries
