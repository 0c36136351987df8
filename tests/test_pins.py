"""The pins are a closed set: installing them resolves nothing, today and after any release of any of them."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = {
    "linux-x86_64": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64", "os_name": "posix"},
    "linux-arm64": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "aarch64", "os_name": "posix"},
    "macos-arm64": {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64", "os_name": "posix"},
}  # fmt: skip
SETS = {"run": "build", "develop": "dev", "postgres": "build"}  # file: its group in pyproject.toml
# What the installation for running must not bring: tools of developers, and libraries of hundreds of megabytes.
ONLY_FOR_DEVELOPERS = {"mypy", "duckdb", "playwright", "pandas", "pyarrow", "numpy", "pytest", "ruff", "hypothesis"}


def text(name: str) -> str:
    return (ROOT / "constraints" / f"{name}.txt").read_text(encoding="utf-8")


def pins(name: str, environment: dict[str, str]) -> dict[str, Requirement]:
    """What `pip install --no-deps -r` installs in an environment, by name."""
    found: dict[str, Requirement] = {}
    for line in text(name).replace("\\\n", " ").splitlines():
        pin = Requirement(re.sub(r"\s--hash=\S+", "", line).strip())
        if pin.marker is None or pin.marker.evaluate(environment):
            key = canonicalize_name(pin.name)
            assert key not in found, f"{name}: {key} is pinned twice for {environment['python_version']}"
            found[key] = pin
    return found


def environment(python: str, platform: str) -> dict[str, str]:
    base = {name: str(value) for name, value in default_environment().items()}
    return {**base, **PLATFORMS[platform], "python_version": python, "python_full_version": f"{python}.0",
            "implementation_name": "cpython", "platform_python_implementation": "CPython", "extra": ""}  # fmt: skip


@cache
def requirements(name: str, version: str) -> tuple[Requirement, ...] | None:
    """What a pinned release asks for; None where another version of it is installed here, or none."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return None
    return tuple(map(Requirement, found.requires or ())) if found.version == version else None


def version(pin: Requirement) -> str:
    return str(pin.specifier).removeprefix("==")


def wanted(pin: Requirement, where: dict[str, str]) -> Iterator[Requirement]:
    for requirement in requirements(canonicalize_name(pin.name), version(pin)) or ():
        extras = ("", *pin.extras)
        if requirement.marker is None or any(requirement.marker.evaluate({**where, "extra": e}) for e in extras):
            yield requirement


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", SETS)
def test_every_requirement_is_satisfied_by_a_pin(name: str, python: str, platform: str) -> None:
    where = environment(python, platform)
    found = pins(name, where)
    for pin in found.values():
        for requirement in wanted(pin, where):
            answer = found.get(canonicalize_name(requirement.name))
            assert answer is not None, f"{pin} asks for {requirement}, which is not pinned"
            assert requirement.specifier.contains(version(answer), prereleases=True), f"{pin}: {requirement}, {answer}"
            extras = set(map(canonicalize_name, requirement.extras))
            assert extras <= set(map(canonicalize_name, answer.extras)), (
                f"{pin} asks for {requirement}, pinned without its extras: {answer}"
            )


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", SETS)
def test_what_pyproject_asks_for_is_pinned(name: str, python: str) -> None:
    where = environment(python, "linux-x86_64")
    found = pins(name, where)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    group = [r for r in groups[SETS[name]] if isinstance(r, str)]
    group += [r for part in groups[SETS[name]] if isinstance(part, dict) for r in groups[part["include-group"]]]
    for asked in map(Requirement, [*project["project"]["dependencies"], *group]):
        if asked.marker is None or asked.marker.evaluate(where):
            answer = found[canonicalize_name(asked.name)]
            assert asked.specifier.contains(version(answer), prereleases=True), f"{asked}: {answer}"


def test_most_releases_are_here_to_be_asked() -> None:
    """Else the test above proves little."""
    here = pins("develop", environment(".".join(map(str, __import__("sys").version_info[:2])), "linux-x86_64"))
    known = [pin for pin in here.values() if requirements(canonicalize_name(pin.name), version(pin)) is not None]
    if len(known) < len(here) / 2:
        pytest.skip("this environment was not installed from the pins")
    assert len(known) >= 0.98 * len(here)


@pytest.mark.parametrize("name", SETS)
def test_every_pin_is_exact_and_hashed(name: str) -> None:
    for line in filter(None, text(name).replace("\\\n", " ").splitlines()):
        pin = Requirement(re.sub(r"\s--hash=\S+", "", line).strip())
        assert str(pin.specifier).startswith("=="), line
        assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}(?:\s|$)", line)) >= 1, pin
        assert pin.url is None


def test_developing_has_what_running_has() -> None:
    for python in PYTHONS:
        where = environment(python, "linux-x86_64")
        run, develop = pins("run", where), pins("develop", where)
        assert {n: version(p) for n, p in run.items()}.items() <= {n: version(p) for n, p in develop.items()}.items()
        assert not run.keys() & ONLY_FOR_DEVELOPERS
        assert len(run) <= 99  # and newsdesk itself
        server = pins("postgres", where)
        assert server.keys() - run.keys() == {"psycopg", "psycopg-binary"}
        assert run.items() <= server.items()


def test_the_makefile_resolves_nothing() -> None:
    """Each step of an installation from pins takes them as they are; what builds a package would be resolved too."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^PIP := .* --no-deps$", makefile, re.MULTILINE)
    steps = re.findall(r"^\t.*(?:pip install|\$\(PIP\)).*$", makefile, re.MULTILINE)
    steps = [step for step in steps if ".venv-newest" not in step]
    assert len(steps) == 5
    for step in steps:
        assert "$(PIP)" in step or "--no-deps" in step
        assert ("--require-hashes" in step and "--only-binary :all:" in step) or "--no-build-isolation" in step


def test_no_large_file_is_tracked() -> None:
    """A wheel of 17 MB once was."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is not a checkout")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    large = [
        p for p in paths if p.is_file() and p.stat().st_size > 1_000_000 and p.suffix not in {".png", ".jpg", ".svg"}
    ]
    assert large == []
