"""The floors of the quality gate: floors.toml, with the hash of the corpus that they were measured on."""

from __future__ import annotations

import hashlib
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import tomlkit

from benchmarks.scoring import FIELDS

FLOORS = Path(__file__).with_name("floors.toml")
# Lower is better for these.
CEILINGS = {"errors", "empty", "worse", "alarms", "false_merges", "text_tells"}
# How far under what is reached a floor is pinned, for other versions of libxml2; counts are pinned as they are.
_MARGINS = {"f1": 0.002, "words": 0.002, "worse": 0.005, "alarms": 0.001, **dict.fromkeys(FIELDS, 0.005)}


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


def read_floors(path: Path, folder: Path) -> dict[str, dict[str, float]] | None:
    """Return the floors; None if they were measured on another corpus."""
    pinned = tomllib.loads(path.read_text(encoding="utf-8"))
    return pinned if pinned.pop("corpus") == corpus_hash(folder) else None


def pin(path: Path, folder: Path, figures: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Raise the floors to a little under what is reached, and return those that would have to be lowered.

    They are lowered by hand, with a reason. On another corpus all of them are written anew.
    """
    pinned = tomlkit.parse(path.read_text(encoding="utf-8"))
    again = read_floors(path, folder) is None
    pinned["corpus"] = corpus_hash(folder)
    lower = []
    for part, values in figures.items():
        table = pinned.setdefault(part, tomlkit.table())
        for name, figure in values.items():
            old = table.get(name)
            if name not in _MARGINS and name not in CEILINGS:
                continue
            new = floor_under(name, figure)
            if old is None or again or (new < old if name in CEILINGS else new > old):
                table[name] = new
            elif figure > old if name in CEILINGS else figure < old:
                lower.append(f"{part} {name} {figure:g}, at {old:g}")
    path.write_text(tomlkit.dumps(pinned), encoding="utf-8")
    return lower


def floor_under(name: str, figure: float) -> float:
    """Return the floor (or ceiling) of a score, on three digits."""
    margin, scale = _MARGINS.get(name, 0.0), 1000  # three digits
    if name in CEILINGS:
        return math.ceil(round((figure + margin) * scale, 6)) / scale if margin else int(figure)
    return math.floor(round((figure - margin) * scale, 6)) / scale
