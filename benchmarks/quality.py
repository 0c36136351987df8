"""The quality gate: scores of extraction against floors in floors.toml, which has the hash of their corpus.

    python -m benchmarks.quality [--json] [--speed]

Scores come from the scorers next to the corpus (NEWSDESK_CORPUS, default ../shared), run as processes; without a corpus
the gate says so and passes. A score below its floor fails; on another corpus scores are printed and not compared. A
commit that lowers a floor gives the reason. Time is printed with --speed (plain trafilatura in the same run) and never
fails.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FLOORS = Path(__file__).with_name("floors.toml")
ROOT = Path(__file__).resolve().parents[1]
# Lower is better for these.
CEILINGS = {"errors", "empty", "false_merges", "text_tells"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One score with its floor (or ceiling); None if none is pinned."""

    part: str
    name: str
    figure: float
    floor: float | None

    @property
    def fails(self) -> bool:
        """Whether the score is on the wrong side of its floor."""
        if self.floor is None:
            return False
        return self.figure > self.floor if self.name in CEILINGS else self.figure < self.floor


def compare(figures: Mapping[str, Mapping[str, float]], floors: Mapping[str, Mapping[str, float]]) -> list[Line]:
    """Every score with its floor; a floor without a score counts as zero, or as infinity if lower is better."""
    lines = []
    for part in figures.keys() | floors.keys():
        for name in figures.get(part, {}).keys() | floors.get(part, {}).keys():
            missing = float("inf") if name in CEILINGS else 0.0
            lines.append(
                Line(
                    part=part,
                    name=name,
                    figure=figures.get(part, {}).get(name, missing),
                    floor=floors.get(part, {}).get(name),
                )
            )
    return sorted(lines, key=lambda line: (line.part, line.name))


def corpus_hash(folder: Path) -> str:
    """SHA-256 over the names and contents of the scored files."""
    found = hashlib.sha256()
    for part in ("articles", "duplicates"):
        for path in sorted((folder / "corpus" / part).rglob("*")):
            if path.is_file():
                found.update(f"{path.relative_to(folder)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()


def measure(folder: Path, *, speed: bool) -> dict[str, dict[str, float]]:
    """Run the scorers."""
    articles = _scored(folder / "score_articles.py", *(["--baseline"] if speed else []))
    duplicates = _scored(folder / "score_duplicates.py")
    return dict(_figures(articles, duplicates))


def _figures(articles: dict[str, Any], duplicates: dict[str, Any]) -> Iterator[tuple[str, dict[str, float]]]:
    for name, found in articles.items():
        if isinstance(found, dict):
            kept = {
                key: float(found[key]) for key in ("f1", "title", "authors", "day", "minute", "empty") if key in found
            }
            yield name, {**kept, "errors": float(len(found["errors"])), "cpu_ms": found["cpu_ms"]["mean"]}
        else:
            yield "speed", {name: float(found)}
    url = duplicates["url"]
    plain = {name: float(value) for name, value in url.items() if isinstance(value, int | float)}
    yield (
        "urls",
        {
            **plain,
            "false_merges": float(url["false_merges"]["merged"]),
            "text_tells": float(url["text_tells"]["merged"]),
        },
    )
    yield "stories", {name: float(duplicates["stories"][name]) for name in ("precision", "recall", "milliseconds")}


def _scored(script: Path, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(script), *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{script.name} failed: {done.stderr.strip().splitlines()[-1:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> int:
    """Measure, print, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--speed", action="store_true", help="also trafilatura as it comes, in the same run")
    args = parser.parse_args()
    folder = Path(os.environ.get("NEWSDESK_CORPUS", ROOT.parent / "shared"))
    if not (folder / "score_articles.py").is_file():
        print(f"quality: no corpus at {folder} (NEWSDESK_CORPUS says where); nothing is measured")
        return 0
    pinned = tomllib.loads(FLOORS.read_text(encoding="utf-8"))
    same = corpus_hash(folder) == pinned.pop("corpus")
    lines = compare(measure(folder, speed=args.speed), pinned if same else {})
    if args.json:
        print(
            json.dumps(
                {
                    "same_corpus": same,
                    "figures": [{"part": x.part, "name": x.name, "figure": x.figure, "floor": x.floor} for x in lines],
                },
                indent=1,
            )
        )
    else:
        for line in lines:
            beside = (
                ""
                if line.floor is None
                else (
                    f"{'at most' if line.name in CEILINGS else 'at least'} "
                    f"{line.floor:g}{'   BELOW' if line.fails else ''}"
                )
            )
            print(f"{line.part:12} {line.name:14} {line.figure:8.4g}   {beside}")
    if not same:
        print("quality: another corpus than the floors were pinned on; nothing is compared", file=sys.stderr)
    failed = [f"{line.part} {line.name}" for line in lines if line.fails]
    if failed:
        print(
            f"quality: below the floor: {', '.join(failed)}; fix it, or lower the floor in {FLOORS.name} in a "
            "commit that says why",
            file=sys.stderr,
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
