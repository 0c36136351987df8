"""newsdesk with shorter waiting times, as `python -m tests.quick SECONDS COMMAND…`: how many seconds an hour of them lasts."""

from __future__ import annotations

import sys

from crawler.cli import main
from crawler.config.models import Pace

if __name__ == "__main__":
    main(sys.argv[2:], pace=Pace(hour=float(sys.argv[1])))
