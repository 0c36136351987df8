"""What newsdesk's own processes leave out: sqlite-utils tries for pandas, half a second and 50 MB in every process of an analyst's environment.

Only processes that newsdesk starts are touched; who imports newsdesk into a program of their own keeps what they have.
"""

from __future__ import annotations

import sys

_LEFT_OUT = ("pandas", "numpy")


def keep_out() -> None:
    """From here on these are not there, unless they are already."""
    for name in _LEFT_OUT:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # what makes an import of it fail (importlib)


def let_in() -> None:
    """They may be imported again: what is written or shown now may want them."""
    for name in _LEFT_OUT:
        if name in sys.modules and sys.modules[name] is None:
            del sys.modules[name]
