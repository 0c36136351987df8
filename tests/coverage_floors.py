"""Branch coverage of the pure folders by the unit tests, against the floors of tests/coverage.toml: `make coverage`."""

from __future__ import annotations

import json
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

from tests.conftest import ROOT


def shares(report: Path) -> dict[str, float]:
    """Percent of lines and branches that ran, by folder, from `coverage json`."""
    counted: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name, file in json.loads(report.read_text(encoding="utf-8"))["files"].items():
        found = file["summary"]
        both = counted[str(Path(name).parent)]
        both[0] += found["covered_lines"] + found["covered_branches"]
        both[1] += found["num_statements"] + found["num_branches"]
    return {folder: 100 * ran / total for folder, (ran, total) in counted.items() if total}


def main() -> int:
    """Print the shares; 1 where one is below its floor."""
    floors = tomllib.loads((ROOT / "tests" / "coverage.toml").read_text(encoding="utf-8"))["floors"]
    found = shares(Path(sys.argv[1]))
    below = {folder: floor for folder, floor in floors.items() if found.get(folder, 0.0) < floor}
    for folder, share in sorted(found.items()):
        print(f"{share:6.1f} %  {folder}" + (f"  (floor {floors[folder]})" if folder in floors else ""))
    for folder, floor in below.items():
        print(f"coverage: {folder} is at {found.get(folder, 0.0):.1f} %, its floor is {floor} %", file=sys.stderr)
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())
