"""`newsdesk` with a shorter lease of hosts, for tests: python -m tests.workers ARGUMENTS."""

from __future__ import annotations

import os

from storage.postgres import holders

holders.LEASE = float(os.environ.get("LEASE", "6"))

if __name__ == "__main__":
    from crawler.cli import main

    main()
