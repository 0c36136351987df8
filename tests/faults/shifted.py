"""newsdesk under a wall clock that a file sets: `python -m tests.faults.shifted run`. The monotonic clock goes on as it does when somebody sets the time."""

from __future__ import annotations

import datetime as dt
import os
import time
from pathlib import Path
from typing import Any

from crawler.startup import block_heavy_imports

CLOCK = "SHIFTED_CLOCK"  # the environment: a file with the seconds by which the clock is off


def main() -> None:
    """Shift every clock that newsdesk and its libraries may look at, then be newsdesk."""
    path = Path(os.environ[CLOCK])
    real_time, real = time.time, dt.datetime

    def shift() -> float:
        return float(path.read_text() or 0)

    class Shifted(dt.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return real.fromtimestamp(real_time() + shift(), tz)

        @classmethod
        def utcnow(cls) -> Any:
            return real.fromtimestamp(real_time() + shift(), dt.UTC).replace(tzinfo=None)

    block_heavy_imports()  # as newsdesk does at its start: numpy's C code looks at datetime as it is loaded
    time.time = lambda: real_time() + shift()
    dt.datetime = Shifted  # type: ignore[misc]
    import crawler.commands.run
    import crawler.engine.crawl.plan
    import crawler.engine.crawl.runner
    import crawler.engine.crawl.session
    import crawler.engine.daemon.jobs
    import crawler.engine.daemon.systemd
    from crawler.cli import main as newsdesk

    # who has read the name keeps the shifted one; what is sent to other processes must be found by its name
    dt.datetime = real  # type: ignore[misc]
    assert vars(crawler.engine.crawl.plan)["datetime"] is not real
    from crawler.config.models import Pace

    newsdesk(pace=Pace(hour=6))


if __name__ == "__main__":
    main()
