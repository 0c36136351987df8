"""newsdesk with failing workers, for `benchmarks.crawl --broken`.

A page with a marked address hangs its worker (burning CPU), or crashes it.

python -m benchmarks.sabotage COMMAND…
"""

from __future__ import annotations

import importlib
import os
import signal
from typing import Any

from crawler.cli import main
from crawler.engine.workers import worker
from storage.warc import RawPage

HANGS, CRASHES = "/news/hangs-", "/news/crashes-"
_read_page = worker.read_page  # in a worker process it is still the original


def read_page(page: RawPage, **how: Any) -> worker.PageRead:
    while HANGS in page.url:
        pass
    if CRASHES in page.url:
        os.kill(os.getpid(), signal.SIGSEGV)
    return _read_page(page, **how)


if __name__ == "__main__":
    # imported under the name by which a worker finds it
    worker.read_page = importlib.import_module("benchmarks.sabotage").read_page
    main()
