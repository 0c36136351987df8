"""A tiny corpus with a scorer of its own, to test the quality gate."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

# A scorer as it is next to a corpus; words instead of shingles, and a reader that takes everything for the text.
SCORER = """
import re
from collections import Counter
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parent / "corpus" / "articles"
TOKEN = re.compile(r"\\w+")

def overlap(truth, found):
    a, b = Counter(truth.split()), Counter(found.split())
    both = (a & b).total()
    return (both / b.total() if b else 0.0, both / a.total())

def norm(text):
    return str(text or "").casefold()

def names(value):
    return {norm(name) for name in value or []}

def moment(value):
    return datetime.fromisoformat(value) if isinstance(value, str) else value

def same_moment(truth, found):
    return (False, False) if found is None else (truth.date() == found.date(), truth == found)

def trafilatura_as_it_comes():
    def extract(body, url):
        text = " ".join(re.sub("<[^>]+>", " ", body.decode()).split())
        return SimpleNamespace(text=text, title="x", authors=[], published_at=None)
    return extract
"""
SENTENCES = (
    "The ferry to the northern islands stays in port until the ice is thinner than a hand, the harbour master said.",
    "Fishermen on the quay had waited since Monday morning, and most of them had sold nothing for more than a week.",
    "A second boat, which the council rented in the spring, is too small to carry the lorries with food and fuel.",
    "Families without a store of wood were taken to the school, where volunteers cook soup in two large kettles.",
    "The weather office expects a milder wind from the south on Thursday, and then the first crossing may begin.",
    "Nobody on the islands remembers a winter in which the strait was closed for as long as it has been this year.",
)
ARTICLE = "\n\n".join(SENTENCES)


def page(paragraphs: tuple[str, ...] = SENTENCES, extra: str = "") -> bytes:
    text = "".join(f'<p class="line-{at}">{line}</p>' for at, line in enumerate(paragraphs))
    return (
        '<html><head><title>Ice closes the strait</title><meta property="og:type" content="article"></head><body>'
        f"<nav><a href='/a'>News</a></nav><article><h1>Ice closes the strait</h1>{text}</article>{extra}</body></html>"
    ).encode()


def tiny_corpus(folder: Path, pages: dict[str, bytes], corpus: str = "zyte", **truth: Any) -> Path:
    (folder / "score_articles.py").write_text(SCORER, encoding="utf-8")
    home = folder / "corpus" / "articles" / corpus
    (home / "pages").mkdir(parents=True)
    rows = []
    for name, body in pages.items():
        (home / "pages" / f"{name}.html.gz").write_bytes(gzip.compress(body))
        rows.append({"id": name, "url": f"https://{name}.example/2026/ice", "body": ARTICLE, **truth})
    (home / "truth.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return folder
