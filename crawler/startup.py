"""Start newsdesk's processes: which packages they import, how they are started, their limits and garbage collection."""

from __future__ import annotations

import atexit
import contextlib
import gc
import inspect
import os
import resource
import signal
import sys
from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from importlib.util import find_spec
from multiprocessing import forkserver, resource_tracker
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# sqlite-utils tries to import pandas, which takes half a second and 50 MB in every process where it is installed.
_HEAVY = ("pandas", "numpy")
# Objects allocated before a collection (Python: 700), and collections of one generation before one of the next. Imports
# allocate 300,000 objects that stay. Measured: a crawl without news takes .57 s of CPU instead of .66, a page 17.3 ms
# instead of 19.8; never collecting gains no more.
_GC_THRESHOLDS = (50_000, 20, 20)
# The path of this process comes last: it is needed only where the caller found newsdesk through its own sys.path, as in
# a notebook.
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

    They are started by `python -c`, which would import a stray selectors.py of the current folder instead of Python's
    own. Ctrl-C is left to the parent, even while the server still loads; the workers ignore it. The tracker is started
    first, because its start unblocks signals.
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


@contextlib.contextmanager
def without_frames() -> Iterator[None]:
    """Hide the open frames from `inspect.stack` during an import, which reads the source and resolves every path.

    Scrapy's create_deprecated_class calls it for a name that nothing reads: a tenth of a start.
    """
    stack = inspect.stack
    vars(inspect)["stack"] = lambda: [(None,), (None,)]  # of a frame that is no object, getmodule finds no module
    try:
        yield
    finally:
        vars(inspect)["stack"] = stack


def limit(resource_name: str, most: int) -> None:
    """Limit a resource of this process (getrlimit(2)), for example RLIMIT_AS; a lower hard limit is respected.

    Raises:
        OSError, ValueError: the system does not support the limit.
    """
    number = getattr(resource, resource_name)
    _, hard = resource.getrlimit(number)
    resource.setrlimit(number, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def foreign_packages() -> dict[str, Path | None]:
    """The packages `storage` and `spiders` that are imported from elsewhere than newsdesk's folders.

    Other projects use these names too.

    Returns:
        The folder of each such package; None for one that was not found.
    """
    places: dict[str, Path | None] = {}
    for name in ("storage", "spiders"):
        spec = find_spec(name)
        places[name] = Path(spec.origin).resolve().parent if spec and spec.origin else None
    return {name: place for name, place in places.items() if place != ROOT / name}


def foreign(name: str, place: Path | None) -> str:
    """Describe what is wrong with a package of foreign_packages, and what to do."""
    found = f"is imported from {place}" if place else "is not found"
    return (
        f"the package {name!r} {found}, not newsdesk's own in {ROOT / name}; rename the other one, "
        "or run newsdesk in an environment of its own"
    )


def own_command(module: str) -> list[str]:
    """The command line that runs a module's `main` in a new Python process, with this installation of newsdesk.

    Not `python -m`: that puts the current folder first on the path, and a stray json.py or storage/ there would be
    executed.

    Args:
        module: the module's name; its arguments may be appended to the list.
    """
    return [sys.executable, "-P", "-c", _CODE, str(ROOT), module]


class _Blocker(MetaPathFinder):
    """Finds no heavy package. None in sys.modules does the same, but psycopg takes what is there for numpy."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:  # noqa: ARG002 - importlib's
        if fullname in _HEAVY:
            raise ModuleNotFoundError(f"{fullname} is not imported by newsdesk", name=fullname)


_blocker = _Blocker()


def block_heavy_imports() -> None:
    """Make `import pandas` fail in this process, unless it was imported already. Only for newsdesk's own processes."""
    if _blocker not in sys.meta_path:
        sys.meta_path.insert(0, _blocker)


def unblock_heavy_imports() -> None:
    """Undo block_heavy_imports, before an export or a Datasette plugin that needs these packages."""
    if _blocker in sys.meta_path:
        sys.meta_path.remove(_blocker)


def collect_garbage_seldom() -> None:
    """Collect garbage less often in this process, and not at its end.

    Python's last collections walk through all modules: a quarter of a second after a crawl.
    """
    gc.set_threshold(*_GC_THRESHOLDS)
    atexit.register(gc.freeze)
