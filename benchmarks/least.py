"""newsdesk with a reading that does next to nothing, for `benchmarks.outlets --costs`: the bound of any learned rule.

A page is decoded and parsed once, its structured data is read, and its text is the paragraphs of the element that has
most of them: no boilerplate, no checks, no fields but the title. A rule that knows a template must do at least this.

    python -m benchmarks.least COMMAND…
"""

from __future__ import annotations

import importlib
from collections import Counter
from typing import Any

from crawler.cli import main
from crawler.engine.workers import worker
from storage.warc import RawPage

_read_page = worker.read_page  # in a worker process it is still the original


def extract(body: bytes, url: str, *, charset: str | None = None, **_: Any) -> Any:
    from crawler.extraction.extraction import Extraction
    from crawler.extraction.extractor import extractor_name
    from crawler.extraction.page import read_page
    from crawler.extraction.structured_data import read_structured_data

    page = read_page(body, url, charset)
    if page is None:
        return None
    said = read_structured_data(page)
    lines: dict[Any, list[str]] = {}
    sizes: Counter[Any] = Counter()
    for node in page.tree.iter("p"):
        line = " ".join("".join(node.itertext()).split())
        lines.setdefault(node.getparent(), []).append(line)
        sizes[node.getparent()] += len(line)
    text = "\n\n".join(filter(None, lines[sizes.most_common(1)[0][0]])) if sizes else ""
    return Extraction(url=url, title=said.first("og:title"), text=text, language="en", extractor=extractor_name())


def read_page(page: RawPage, **how: Any) -> worker.PageRead:
    import crawler.articles.read_page as reader

    vars(reader)["extract"] = extract
    return _read_page(page, **how)


if __name__ == "__main__":
    # imported under the name by which a worker finds it
    worker.read_page = importlib.import_module("benchmarks.least").read_page
    main()
