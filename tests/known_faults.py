"""The faults that are known: `python -m tests.known_faults` removes those from the list whose tests pass now."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
LIST = TESTS / "extraction" / "known_faults.txt"
FILES = ("extraction", "test_cases.py", "articles/test_weak_guesses.py")  # where the listed tests are
PASSES = "[XPASS(strict)]"  # how pytest begins its report on a test that should fail and passes


def known(text: str) -> dict[str, str]:
    """The listed tests and why each fails."""
    lines = [line.partition("  # ") for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {test: why for test, _, why in lines}


def name(item: pytest.Item) -> str:
    """The node id relative to tests/, from whatever folder pytest was started."""
    return f"{item.path.relative_to(TESTS).as_posix()}::{item.nodeid.partition('::')[2]}"


def gone(listed: Iterable[str], collected: set[str], whole: Iterable[str]) -> list[str]:
    """The listed tests that do not exist: their file is not there, or was collected from end to end without them."""
    ended = set(whole)
    return [
        test
        for test in listed
        if test not in collected and ((file := test.partition("::")[0]) in ended or not (TESTS / file).exists())
    ]


def whole_files(config: pytest.Config, files: Iterable[str]) -> set[str]:
    """Those of the files whose every test is collected: they, or a folder above them, were asked for by name."""
    if config.getoption("lf", False):  # only what failed is collected
        return set()
    asked = [Path(config.invocation_params.dir, argument) for argument in config.args if "::" not in argument]
    return {file for file in files if any((TESTS / file).is_relative_to(path.resolve()) for path in asked)}


def mark(session: pytest.Session, items: Iterable[pytest.Item]) -> None:
    """Mark the listed tests as known to fail; one that does not exist is an error of the collection."""
    listed = known(LIST.read_text(encoding="utf-8"))
    names = {name(item): item for item in items}
    for test in listed.keys() & names.keys():
        names[test].add_marker(pytest.mark.xfail(strict=True, reason=listed[test]))
    files = {test.partition("::")[0] for test in names}
    for test in gone(listed, set(names), whole_files(session.config, files)):
        where = LIST.relative_to(TESTS.parent).as_posix()
        said = (
            f"{where} lists a test that does not exist: {test}; remove its line, or name the test as it is called now"
        )
        session.ihook.pytest_collectreport(report=pytest.CollectReport(test, "failed", said, []))


def shortened(text: str, passing: set[str]) -> str:
    """The list without the tests that pass."""
    return "".join(line for line in text.splitlines(keepends=True) if line.partition("  # ")[0] not in passing)


@dataclass
class Outcome:
    """What the run says of the tests: which listed ones pass, and what fails that is not listed."""

    passing: set[str] = field(default_factory=set)
    failing: dict[str, None] = field(default_factory=dict)  # in order, each once

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        test = report.nodeid.removeprefix(f"{TESTS.name}/")
        if report.failed and str(report.longrepr).startswith(PASSES):
            self.passing.add(test)
        elif report.failed:
            self.failing[test] = None

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failing[str(report.longrepr)] = None


def said(passing: set[str], failing: Iterable[str], listed: Mapping[str, str]) -> list[str]:
    """A line for each test that was removed and each failure that is not listed."""
    removed = [f"removed: {test}  # {why}" for test, why in listed.items() if test in passing]
    return [*removed, *(f"fails, not listed: {test}" for test in failing)]


def main(arguments: list[str]) -> int:
    outcome = Outcome()
    files = [str(TESTS / file) for file in FILES]
    pytest.main(["-q", "--tb=no", "-r", "N", f"--rootdir={TESTS.parent}", *files, *arguments], plugins=[outcome])
    text = LIST.read_text(encoding="utf-8")
    for line in said(outcome.passing, outcome.failing, known(text)):
        print(line)
    LIST.write_text(shortened(text, outcome.passing), encoding="utf-8")
    return 1 if outcome.failing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
