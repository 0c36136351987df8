"""Import files on a Dask cluster, a task a file; needs the extra `cluster`.

A task runs the command, as a Dask worker may start no processes of multiprocessing. So the limits of pages are the same
as anywhere, and a worker that is killed costs its file again.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

from crawler.archives.files import Source
from crawler.engine.jobs.import_archives import FileReport
from crawler.errors import ALL_FAILED, DONE, SOME_FAILED, CrawlerError, UsageError

RETRIES = 3  # times that a file is read again after its worker ended


def import_on_cluster(
    address: str, files: Sequence[Source], command: Sequence[str], *, done: Callable[[FileReport], None]
) -> None:
    """Run the command for each file on the workers of a cluster, and wait for all of them.

    Args:
        address: of the Dask scheduler, as tcp://HOST:8786.
        files: absolute paths that the workers can read too, or addresses.
        command: the arguments of newsdesk, without the file, for one JSON object on stdout.
        done: called with the report of each file, as they end.

    Raises:
        CrawlerError: the scheduler cannot be reached, or the cluster gives a file up.
        UsageError: `distributed` is not installed.
    """
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise UsageError(
            "--dask needs Dask: `pip install distributed` in newsdesk's environment (of pipx: "
            "`pipx inject newsdesk distributed`), here and on the workers"
        ) from error
    try:
        client = Client(address, timeout=5)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise CrawlerError(
            f"{address}: no Dask scheduler answers ({error}); start one with `dask scheduler`"
        ) from error
    with client:
        tasks = [client.submit(run_import, [*command, str(path)], retries=RETRIES, pure=False) for path in files]
        for task, outcome in as_completed(tasks, with_results=True, raise_errors=False):  # type: ignore[no-untyped-call]
            if task.status != "finished":
                reason = outcome[1] if isinstance(outcome, tuple) else outcome
                raise CrawlerError(f"the cluster gave a file up: {reason}; run the command again for what is missing")
            done(FileReport.from_dict(outcome))


def run_import(arguments: Sequence[str]) -> dict[str, Any]:
    """Run `newsdesk import` for one file; runs on a worker of the cluster.

    Raises:
        RuntimeError: the command ended without a report of the file.
    """
    ended = subprocess.run(
        [sys.executable, "-m", "crawler", *arguments], capture_output=True, text=True, check=False, errors="replace"
    )
    if ended.returncode not in {DONE, SOME_FAILED, ALL_FAILED} or not ended.stdout.strip():
        said = ended.stderr.strip().splitlines()[-1:] or [f"it ended with {ended.returncode}"]
        raise RuntimeError(f"newsdesk {' '.join(arguments)}: {said[0]}")
    found: dict[str, Any] = json.loads(ended.stdout.strip().splitlines()[-1])
    return found
