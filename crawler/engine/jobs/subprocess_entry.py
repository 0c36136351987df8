"""The engine in a child process, for Python callers: one JSON request on stdin, one JSON response on stdout.

Twisted's reactor starts once per process and needs the main thread; a notebook, a thread or a running loop cannot
offer that.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crawler.config.loader import load_config
from crawler.config.models import Config
from crawler.engine.workers.pool import prepare_early
from crawler.errors import CrawlerError
from crawler.startup import block_heavy_imports, collect_garbage_seldom
from storage.errors import StorageError


def main() -> None:
    """Process one request."""
    collect_garbage_seldom()
    block_heavy_imports()
    answer_to = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # keeps what libraries print out of the JSON
    try:
        answer = _answer(json.load(sys.stdin))
    except (CrawlerError, StorageError) as error:
        answer = {"error": {"type": type(error).__name__, "message": str(error), "exit_code": error.exit_code}}
    json.dump(answer, answer_to, ensure_ascii=False)
    answer_to.close()


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="newsdesk-") as folder:
        file = Path(folder) / "newsdesk.toml"
        file.write_text(request["config"], encoding="utf-8")
        config = dataclasses.replace(load_config(file), folder=Path(request["folder"]))
    return _COMMANDS[request["verb"]](config, request)


def _fetch(config: Config, request: dict[str, Any]) -> dict[str, Any]:
    from crawler.engine.jobs.fetch import fetch_addresses

    found = fetch_addresses(config, request["urls"], store=request["store"], now=lambda: datetime.now(UTC))
    return {
        "fetched": [
            {"url": f.url, "article": dataclasses.asdict(f.article) if f.article else None, "reason": f.reason}
            for f in found
        ]
    }


def _crawl(config: Config, request: dict[str, Any]) -> dict[str, Any]:
    prepare_early(config.database, datetime.now(UTC))

    from crawler.engine.crawl.plan import plan_crawl
    from crawler.engine.crawl.runner import run

    plan = plan_crawl(sources=tuple(request["sources"]), due_only=request["due"], limit=request["limit"])
    return {"run": dataclasses.asdict(run(config, plan, command="crawl", spider="feed").run)}


_COMMANDS = {"fetch": _fetch, "crawl": _crawl}

if __name__ == "__main__":
    main()
