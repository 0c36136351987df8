"""Extraction quality: newsdesk beside trafilatura as it comes, on the corpora of NEWSDESK_CORPUS (default ../shared).

    python -m benchmarks.quality                  the gate: scores, and the floors of floors.toml
    python -m benchmarks.quality --folds          the scores of five folds of hosts
    python -m benchmarks.quality --choose MODULE:NAME V1 V2 …
                                                  a constant, chosen on four folds and reported on the fifth
    python -m benchmarks.quality --save FILE      keep the scores of this run
    python -m benchmarks.quality --hosts FILE     on which hosts a change helps and hurts, against a run kept before
    python -m benchmarks.quality --worst 50       the worst pages, each with the step that lost its text
    python -m benchmarks.quality --update         raise the floors and write the tables of docs/quality.md

What is right is decided by the scorers next to the corpus; without a corpus the gate says so and passes. A score below
its floor fails; on another corpus scores are printed and not compared. A commit that lowers a floor gives the reason.
CPU time is printed and never fails.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import changed_constant, comparison, figures, floors, ledger, scoring
from benchmarks.scoring import OURS, Task

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs" / "quality.md"
# The constants that docs/quality.md has chosen on four folds, with the values tried.
STUDIED: dict[str, tuple[float, ...]] = {
    "crawler.extraction.measures:HOLDS": (0.15, 0.25, 0.35),
    "crawler.extraction.split_body:_FEW_LINKS": (0.03, 0.05, 0.1),
    "crawler.extraction.main_text:_AGREE": (0.6, 0.7, 0.8),
    "crawler.extraction.trimming:_TEASER": (120, 160, 240),
}


def choose(
    folder: Path, tasks: Sequence[Task], where: str, values: Sequence[Any], today: Sequence[scoring.PageScore]
) -> tuple[Any, list[comparison.Choice]]:
    """Score all pages with each value of a constant, and choose one for each fold on the other four.

    Args:
        folder: of the corpora.
        tasks: their pages.
        where: the constant, MODULE:NAME.
        values: to try.
        today: the scores with the value in the source; empty to measure them.
    """
    constant = changed_constant.todays(where)
    runs: dict[Any, Sequence[scoring.PageScore]] = {constant.value: today} if today else {}
    for value in dict.fromkeys((*values, constant.value)):
        if value not in runs:
            scoring.progress(f"{where} = {value!r}")
            changed = changed_constant.Constant(module=constant.module, name=constant.name, value=value)
            runs[value] = scoring.score_all(folder, tasks, (OURS,), changed)[OURS]
    return constant.value, comparison.choose_values(runs, constant.value)


def duplicates(folder: Path) -> dict[str, dict[str, float]]:
    """Run the corpus' scorer of addresses and stories."""
    script = folder / "score_duplicates.py"
    if not script.is_file():
        return {}
    done = subprocess.run([sys.executable, str(script)], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"quality: {script.name} failed: {' '.join(done.stderr.strip().splitlines()[-1:])}")
    found = json.loads(done.stdout)
    url = found["url"]
    return {
        "urls": {
            **{name: float(value) for name, value in url.items() if isinstance(value, int | float)},
            "false_merges": float(url["false_merges"]["merged"]),
            "text_tells": float(url["text_tells"]["merged"]),
        },
        "stories": {name: float(found["stories"][name]) for name in ("precision", "recall", "milliseconds")},
    }


def report(parts: Sequence[figures.Part], lines: Sequence[floors.Line]) -> Iterator[str]:
    """Print the figures, then those with a floor."""
    yield from figures.table(parts)
    yield ""
    for line in lines:
        if line.floor is not None or line.part in {"urls", "stories"}:
            side = "at most" if line.name in floors.CEILINGS else "at least"
            floor = "" if line.floor is None else f"{side} {line.floor:g}{'   BELOW' if line.fails else ''}"
            yield f"{line.part:12} {line.name:14} {line.figure:8.4g}   {floor}".rstrip()


def gate(folder: Path, tasks: Sequence[Task], *, as_json: bool, save: Path | None) -> int:
    """Measure, print and compare."""
    runs = scoring.score_all(folder, tasks)
    if save is not None:
        comparison.save(save, runs)
    parts = figures.parts_of(runs)
    measured = {part.name: part.ours for part in parts} | duplicates(folder)
    pinned = floors.read_floors(floors.FLOORS, folder)
    lines = floors.compare(measured, pinned or {})
    print(
        json.dumps(_document(parts, lines, same=pinned is not None), indent=1)
        if as_json
        else "\n".join(report(parts, lines))
    )
    errors = [f"{score.corpus} {score.id}: {score.error}" for score in runs[OURS] if score.error]
    print(*errors, sep="\n", end="\n" if errors else "", file=sys.stderr)
    if pinned is None:
        scoring.progress("another corpus than the floors were pinned on; nothing is compared")
    failed = [f"{line.part} {line.name}" for line in lines if line.fails]
    if failed:
        scoring.progress(
            f"below the floor: {', '.join(failed)}; fix it, or lower the floor in {floors.FLOORS.name} in a commit that "
            "says why"
        )
    return 1 if failed else 0


def _document(parts: Sequence[figures.Part], lines: Sequence[floors.Line], *, same: bool) -> dict[str, Any]:
    return {
        "same_corpus": same,
        "figures": [{"part": x.part, "name": x.name, "figure": x.figure, "floor": x.floor} for x in lines],
        "trafilatura": {part.name: part.theirs for part in parts},
        "difference": {part.name: {"f1": part.lead, "low": part.low, "high": part.high} for part in parts},
    }


def update(folder: Path, tasks: Sequence[Task]) -> int:
    """Raise the floors and write every table of docs/quality.md."""
    runs = scoring.score_all(folder, tasks)
    parts = figures.parts_of(runs)
    lower = floors.pin(floors.FLOORS, folder, {part.name: part.ours for part in parts})
    choices = {where: choose(folder, tasks, where, values, runs[OURS]) for where, values in STUDIED.items()}
    figures.write_block(DOCS, "figures", figures.markdown(parts))
    figures.write_block(DOCS, "folds", figures.as_markdown(figures.fold_rows(runs)))
    figures.write_block(DOCS, "choices", figures.as_markdown(figures.choice_rows(choices)))
    for line in lower:
        scoring.progress(f"{line}: the floor is left; lower it by hand, with the reason in the commit")
    return 1 if lower else 0


def worst(folder: Path, tasks: Sequence[Task], count: int) -> None:
    """Print the ledger of wrong pages."""
    losing, low = ledger.worst_pages(folder, tasks, scoring.score_all(folder, tasks), count)
    for title, pages in (("largest loss against trafilatura", losing), ("lowest F1", low)):
        print(f"{title}: loss, F1, trafilatura's F1, F1 gained without the step, step, page")
        print(*ledger.lines(pages), "", sep="\n")


def study(folder: Path, tasks: Sequence[Task], where: str, values: Sequence[str]) -> None:
    """Print what a constant chosen on four folds gives on the fifth."""
    try:
        tried = [ast.literal_eval(value) for value in values]
    except (ValueError, SyntaxError):
        raise SystemExit(f"quality: {' '.join(values)}: each must be a plain Python value, as 0.25") from None
    choices: Mapping[str, Any] = {where: choose(folder, tasks, where, tried, ())}
    print("the best value on the other four folds: mean F1 of the fold's pages with it (gain on today's value)")
    print(*figures.aligned(figures.choice_rows(choices)), sep="\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep the scores of this run")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--folds", action="store_true", help="the scores of five folds of hosts")
    what.add_argument("--choose", nargs="+", metavar="ARG", help="MODULE:NAME and the values to try")
    what.add_argument("--hosts", type=Path, metavar="FILE", help="compare with a run kept with --save")
    what.add_argument("--worst", type=int, metavar="N", help="the N worst pages with their causes")
    what.add_argument("--update", action="store_true", help="raise the floors, write the tables of docs/quality.md")
    args = parser.parse_args()
    if args.save and (args.folds or args.choose or args.hosts or args.worst or args.update):
        parser.error("--save keeps a run of the gate; leave out the other option")
    return args


def main() -> int:
    """Do what the arguments say."""
    args = _arguments()
    folder = Path(os.environ.get("NEWSDESK_CORPUS") or ROOT.parent / "shared").resolve()
    if not (folder / "score_articles.py").is_file():
        print(f"quality: no corpus at {folder} (NEWSDESK_CORPUS says where); nothing is measured")
        return 0
    tasks = scoring.tasks_of(folder)
    if args.folds:
        print(*figures.aligned(figures.fold_rows(scoring.score_all(folder, tasks))), sep="\n")
    elif args.choose:
        study(folder, tasks, args.choose[0], args.choose[1:])
    elif args.hosts:
        before = comparison.load(args.hosts)[OURS]
        runs = scoring.score_all(folder, tasks, (OURS,))
        print(*figures.moved_lines(comparison.moved_hosts(before, runs[OURS])), sep="\n")
    elif args.worst:
        worst(folder, tasks, args.worst)
    elif args.update:
        return update(folder, tasks)
    else:
        return gate(folder, tasks, as_json=args.json, save=args.save)
    return 0


if __name__ == "__main__":
    sys.exit(main())
