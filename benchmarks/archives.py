"""An archive imported, compared with a crawl of the same pages and with news-please's reader of CC-NEWS.

    python -m benchmarks.archives [--articles 500] [--hosts 12] [--rounds 3] [--peer PYTHON] [--json FILE]

The pages of benchmarks.crawl are written into one WARC file, a gzip member a record. They are crawled from a local
server, imported from the file into a database, and imported into a Parquet part. --peer names the Python of an
environment with news-please (`pip install news-please lxml_html_clean`), whose reader gets the same file.
Medians over rounds; what counts is CPU a page, as the readers use different numbers of processes.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from benchmarks import crawl, web
from benchmarks.process import machine, run

ROOT = Path(__file__).resolve().parent.parent
PEER = """
import logging, sys
from newsplease.crawler import commoncrawl_crawler
from newsplease.crawler.commoncrawl_extractor import CommonCrawlExtractor
found = []
extractor = CommonCrawlExtractor()
for name, value in (
    ("warc_path", sys.argv[1]), ("callback_on_article_extracted", found.append),
    ("callback_on_warc_completed", lambda *_: None), ("filter_valid_hosts", []), ("filter_start_date", None),
    ("filter_end_date", None), ("filter_strict_date", False), ("continue_after_error", True), ("fetch_images", False),
    ("ignore_unicode_errors", True), ("show_download_progress", False), ("log_level", logging.ERROR),
    ("delete_warc_after_extraction", False), ("log_pathname_fully_extracted_warcs", None), ("logger", logging.getLogger("peer")),
):
    setattr(extractor, f"_CommonCrawlExtractor__{name}", value)
extractor._CommonCrawlExtractor__process_warc_gz_file(sys.argv[1])
print(sum(bool(article.maintext) for article in found), file=sys.stderr)
"""


def write_warc(pages: Sequence[web.Page], path: Path) -> None:
    with path.open("wb") as file:
        for page in pages:
            out = BytesIO()
            writer = WARCWriter(out, gzip=False, warc_version="1.1")
            http = StatusAndHeaders("200 OK", [("Content-Type", "text/html; charset=utf-8")], protocol="HTTP/1.1")
            writer.write_record(
                writer.create_warc_record(
                    page.url, "response", payload=BytesIO(page.body), length=len(page.body), http_headers=http,
                    warc_headers_dict={"WARC-Date": page.published.strftime("%Y-%m-%dT%H:%M:%SZ")},
                )
            )  # fmt: skip
            file.write(gzip.compress(out.getvalue(), 6))


def measure(name: str, folder: Path, pages: Sequence[web.Page], archive: Path, peer: str | None) -> dict[str, float]:
    ours = [sys.executable, "-m", "crawler"]
    commands = {
        "crawl": crawl.newsdesk(folder, crawl.feeds_of(pages)),
        "import": [*ours, "--db", str(folder / "news.db"), "import", str(archive)],
        "parts": [*ours, "import", str(archive), "--to", str(folder / "parts")],
        "news-please": [str(peer), "-c", PEER, str(archive)],
    }
    used = run(commands[name], cwd=folder, env={"PYTHONPATH": str(ROOT)} if name != "news-please" else {})
    if used.code:
        raise SystemExit(f"{name} ended with {used.code}: {used.stderr}")
    stored = int(used.stderr.split()[-1]) if name == "news-please" else len(pages)
    if name in {"crawl", "import"}:
        stored = len(set(crawl.stored(folder / "news.db", "C").values()))
    return {
        "wall_s": used.wall_s, "cpu_s": used.cpu_s, "pss_mb": used.pss_mb, "articles": stored,
        "ms_an_article": round(1000 * used.cpu_s / stored, 2),
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=500)
    parser.add_argument("--hosts", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", metavar="PYTHON")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    pages = web.build(chosen.articles, chosen.hosts)
    names = ["crawl", "import", "parts", *(["news-please"] if chosen.peer else [])]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory(prefix="newsdesk-bench-") as place, web.serving(pages):
        archive = Path(place) / "pages.warc.gz"
        write_warc(pages, archive)
        for number in range(chosen.rounds):
            for name in names:
                folder = Path(place) / f"{number}-{name}"
                folder.mkdir()
                found[name].append(measure(name, folder, pages, archive, chosen.peer))
                print(f"round {number + 1} {name}: {found[name][-1]}", file=sys.stderr)
    result: dict[str, Any] = {"machine": machine(), "pages": len(pages), "rounds": found}
    print(f"{'':14}{'wall s':>8}{'CPU s':>8}{'PSS MB':>8}{'articles':>9}{'ms each':>9}")
    middle = {
        name: {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}
        for name, rounds in found.items()
    }
    for name, row in middle.items():
        cells = (row["wall_s"], row["cpu_s"], row["pss_mb"], row["articles"], row["ms_an_article"])
        print(f"{name:14}{cells[0]:8.2f}{cells[1]:8.2f}{cells[2]:8.0f}{cells[3]:9.0f}{cells[4]:9.2f}")
    ratios = {
        f"{name}/import": round(row["ms_an_article"] / middle["import"]["ms_an_article"], 2)
        for name, row in middle.items()
    }
    print("CPU an article:", ratios)
    if chosen.json:
        chosen.json.write_text(json.dumps(result | {"ratios": ratios}, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
