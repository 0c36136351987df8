"""Starting newsdesk: whether its packages are its own, and the command line of a process of its own."""

from __future__ import annotations

import os
import resource
import signal
import sys
from importlib.util import find_spec
from multiprocessing import forkserver, resource_tracker
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# The path of this process comes last: it is needed only where the caller found newsdesk by a path of its own, a notebook's for one.
_CODE = """
import sys
from importlib import import_module
path, module = sys.argv.pop(1), sys.argv.pop(1)
if path not in sys.path:
    sys.path.append(path)
import_module(module).main()
"""


def start_servers() -> None:
    """Start multiprocessing's resource tracker and fork server, if they are not running.

    They are started by `python -c`, which would import a stray selectors.py of the current folder before Python's own. Ctrl-C is the parent's to
    answer, also while the server still loads; its workers ignore it. The tracker comes first: starting, it unblocks signals.
    """
    path = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        resource_tracker.ensure_running()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            forkserver.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    finally:
        if path is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = path


def limit(resource_name: str, most: int) -> None:
    """Let this process have no more of a resource, RLIMIT_AS for one (getrlimit(2)), than so much or what it is limited to already.

    Raises:
        OSError, ValueError: the system does not know it.
    """
    number = getattr(resource, resource_name)
    _, hard = resource.getrlimit(number)
    resource.setrlimit(number, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def foreign_packages() -> dict[str, Path | None]:
    """`storage` and `spiders`, names that other projects use too: the folders of those that are imported from elsewhere than newsdesk's; None for one not found."""
    places: dict[str, Path | None] = {}
    for name in ("storage", "spiders"):
        spec = find_spec(name)
        places[name] = Path(spec.origin).resolve().parent if spec and spec.origin else None
    return {name: place for name, place in places.items() if place != ROOT / name}


def foreign(name: str, place: Path | None) -> str:
    """What is wrong with one of foreign_packages, and what to do."""
    found = f"is imported from {place}" if place else "is not found"
    return f"the package {name!r} {found}, not newsdesk's own in {ROOT / name}; rename the other one, or run newsdesk in an environment of its own"


def own_command(module: str) -> list[str]:
    """The command line that runs a module's `main` in a new Python, with the newsdesk of this one.

    Not `python -m`: the current folder would come first on its path, and a stray json.py or storage/ there would be executed.

    Args:
        module: the module's name; what is appended to the list are its arguments.
    """
    return [sys.executable, "-P", "-c", _CODE, str(ROOT), module]
