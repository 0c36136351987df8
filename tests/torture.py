"""The long forms of tests: `make torture TIME=600 SEED=7` gives each of them that many seconds, and all of them that seed."""

from __future__ import annotations

import os

import pytest

SECONDS = float(os.environ.get("NEWSDESK_TORTURE") or 0)  # 0: the quick form
SEED = int(os.environ.get("NEWSDESK_SEED") or 1)
only = pytest.mark.skipif(not SECONDS, reason="minutes long: `make torture`")


def times(quick: int, long: int) -> int:
    """How often: the quick form's number, or the long one's."""
    return long if SECONDS else quick
