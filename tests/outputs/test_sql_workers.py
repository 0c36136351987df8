"""The processes that answer strangers' SQL."""

from __future__ import annotations

import asyncio
import os
import signal
from multiprocessing import forkserver
from pathlib import Path

from crawler.outputs.browse.sql_workers import Answerer
from storage.writer import open_writer


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
