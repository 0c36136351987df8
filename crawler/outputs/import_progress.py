"""The progress bar of `import`: by the bytes of the files that are done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from crawler.outputs.terminal import stderr_console

SECONDS = 0.2  # between two changes of the bar


class Counted(Protocol):
    """What became of a file until now."""

    pages: int
    articles: int
    size: int
    position: int


@contextmanager
def progress_bar(sizes: Sequence[int], done: Sequence[Counted], *, shown: bool) -> Iterator[Callable[[Counted], None]]:
    """A function to call after each page; it shows files, pages a second, articles and the time left.

    Args:
        sizes: of all files, in bytes.
        done: the files that are done; it grows.
        shown: False for no bar; there is none outside of a terminal either.
    """
    console = stderr_console()
    if not shown or not console.is_terminal:
        yield lambda _: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task, began, last = bar.add_task("", total=max(1, sum(sizes))), time.monotonic(), 0.0

        def each(current: Counted) -> None:
            nonlocal last
            if (at := time.monotonic()) - last < SECONDS:
                return
            last = at
            every = [*done, *([] if current in done else [current])]
            pages, articles = sum(one.pages for one in every), sum(one.articles for one in every)
            text = (
                f"{len(done)} of {len(sizes)} files, {pages / (at - began):,.0f} pages a second, {articles:,} articles"
            )
            bar.update(
                task,
                description=text,
                completed=sum(one.size for one in done) + (0 if current in done else current.position),
            )

        yield each
