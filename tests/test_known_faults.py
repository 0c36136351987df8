"""The list of known faults, and what keeps it true."""

from __future__ import annotations

import pytest

from tests.known_faults import FILES, LIST, PASSES, TESTS, Outcome, gone, known, said, shortened, whole_files

TEXT = "# what it is\na/test_a.py::test_x[one, <b> # 2]  # a fault\na/test_a.py::test_y  # another one\n"
ONE = "a/test_a.py::test_x[one, <b> # 2]"
CLI = "test_cli.py::test_x"


def test_every_line_is_a_test_of_the_files_and_a_reason_and_none_is_there_twice() -> None:
    lines = [line for line in LIST.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    listed = known("\n".join(lines))
    assert len(listed) == len(lines)
    assert [test for test, why in listed.items() if not why or not test.startswith(FILES)] == []


def test_a_line_is_a_test_and_its_reason() -> None:
    assert known(TEXT) == {ONE: "a fault", "a/test_a.py::test_y": "another one"}


def test_what_passes_is_removed_and_nothing_is_added() -> None:
    assert shortened(TEXT, {ONE, "b"}) == "# what it is\na/test_a.py::test_y  # another one\n"
    assert said({ONE, "b"}, ["c"], known(TEXT)) == [f"removed: {ONE}  # a fault", "fails, not listed: c"]


def test_a_listed_test_that_does_not_exist_is_seen_where_its_file_is_complete() -> None:
    assert gone([CLI], set(), {"test_cli.py"}) == [CLI]
    assert gone([CLI], {CLI}, {"test_cli.py"}) == []
    assert gone([CLI], set(), set()) == []  # one test of the file was asked for
    assert gone(["no_such_file.py::test_x"], set(), set()) == ["no_such_file.py::test_x"]


@pytest.mark.parametrize(
    ("asked", "complete"),
    [
        ([], True),
        (["test_cli.py"], True),
        (["test_cli.py::test_x"], False),
        (["test_api.py"], False),
        (["--lf"], False),
    ],
)
def test_a_file_is_complete_where_it_or_a_folder_above_is_asked_for(asked: list[str], complete: bool) -> None:
    arguments = [a if a.startswith("-") else str(TESTS / a) for a in asked or ["."]]
    config = pytest.Config.fromdictargs({"lf": "--lf" in asked}, [a for a in arguments if a != "--lf"] or [str(TESTS)])
    assert whole_files(config, ["test_cli.py"]) == ({"test_cli.py"} if complete else set())


def test_the_outcome_knows_what_passes_from_what_fails() -> None:
    def report(test: str, outcome: str, why: str) -> pytest.TestReport:
        return pytest.TestReport(f"tests/{test}", ("", 0, ""), {}, outcome, why, "call")  # type: ignore[arg-type]

    outcome = Outcome()
    for test, how, why in ((ONE, "failed", f"{PASSES} a fault"), (CLI, "failed", "assert 0"), ("c", "passed", "")):
        outcome.pytest_runtest_logreport(report(test, how, why))
    assert (outcome.passing, list(outcome.failing)) == ({ONE}, [CLI])
