"""newsdesk as a wheel, as a source distribution, and as the container's steps install it: built, put elsewhere, used."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

import crawler
from crawler.version import __version__
from tests.conftest import ROOT
from tests.site import Site

BUILD = "import sys, setuptools.build_meta as b; print(getattr(b, f'build_{sys.argv[1]}')(sys.argv[2]))"
NOT_IN_THE_SDIST = {".dockerignore", ".gitignore"}  # what only a checkout needs


def run(
    command: Sequence[object], cwd: Path, *, code: int = 0, timeout: float = 100, env: dict[str, str] | None = None
) -> str:
    """A command in a clean environment; what it says on both streams."""
    clean = {"PATH": os.environ["PATH"], "HOME": str(cwd), "LANG": "C.UTF-8", "TZ": "UTC", **(env or {})}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, as building leaves files behind."""
    folder = tmp_path_factory.mktemp("source") / "newsdesk"
    out = (
        "*.db*",
        "*.pyc",
        "__pycache__",
        "*.egg-info",
        ".*_cache",
        "build",
        "dist",
        ".venv*",
        ".git",
        ".hypothesis",
        "*.whl",
    )
    shutil.copytree(ROOT, folder, symlinks=True, ignore=shutil.ignore_patterns(*out))
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path) -> Path:
    run([sys.executable, "-c", BUILD, "wheel", "dist"], source)
    (found,) = (source / "dist").glob("*.whl")
    return found


def environment(folder: Path, *what: object) -> Path:
    """A new environment with packages installed, that takes dependencies from this one; its bin."""
    run([sys.executable, "-m", "venv", folder], folder.parent)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    run([folder / "bin" / "python", "-m", "pip", "install", "--no-deps", "--no-index", *what], folder.parent)
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")  # but not its .pth files: no checkout
    return folder / "bin"


def test_a_wheel_works_in_an_environment_of_its_own(wheel: Path, tmp_path: Path) -> None:
    bin_ = environment(tmp_path / "env", wheel)
    desk = tmp_path / "desk"
    desk.mkdir()
    where = "import crawler, storage, spiders; print(crawler.__file__, storage.__file__, spiders.__file__)"
    assert str(ROOT) not in run([bin_ / "python", "-P", "-c", where], desk)
    assert run([bin_ / "newsdesk", "--version"], desk).strip() == f"newsdesk, version {__version__}"
    assert "$ newsdesk crawl" in run([bin_ / "newsdesk", "demo"], desk)
    site = Site()
    site.news(2)
    (desk / "newsdesk.toml").write_text(
        f'[http]\nallow_networks = ["127.0.0.0/8"]\n[politeness]\ndelay = 0\n[[source]]\nid = "post"\nname = "post"\nurl = "{site.base}/"\nfeeds = ["{site.base}/feed.xml"]\n'
    )
    assert "2 new" in run([bin_ / "newsdesk", "crawl"], desk)
    api = f"import crawler; print(crawler.fetch({site.base + '/2026/11/20/story-number-0'!r}).title)"
    assert "Story number 0" in run([bin_ / "python", "-c", api], desk)
    site.close()
    assert f"newsdesk      {__version__} on Python" in run([bin_ / "newsdesk", "doctor"], desk)
    other = tmp_path / "other"
    other.mkdir()
    assert "45 sources" in run([bin_ / "newsdesk", "config", "check"], other)
    run([bin_ / "newsdesk", "init"], other)
    assert (other / "sources.toml").exists()


def test_a_wheel_has_every_file_that_is_no_code(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"crawler/py.typed", "storage/py.typed", "spiders/py.typed"} <= names
    assert {f"crawler/shipped/{f.name}" for f in (ROOT / "config").iterdir()} <= names
    for folder in ("crawler", "storage", "spiders"):
        for file in (ROOT / folder).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                assert file.relative_to(ROOT).as_posix() in names, file
    assert {name.split("/")[0] for name in names} == {
        "crawler",
        "storage",
        "spiders",
        f"newsdesk-{__version__}.dist-info",
    }


def test_a_source_distribution_is_the_checkout_and_its_tests_pass(source: Path, tmp_path: Path) -> None:
    run([sys.executable, "-c", BUILD, "sdist", tmp_path], source)
    (archive,) = tmp_path.glob("*.tar.gz")
    run(["tar", "-xzf", archive], tmp_path)
    unpacked = tmp_path / archive.name.removesuffix(".tar.gz")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        tracked = {name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()}
        missing = {name for name in tracked - NOT_IN_THE_SDIST if not (unpacked / name).exists()}
        assert missing == set()
    # A part of them: all of them were run from it by hand, and this one would run itself.
    some = [
        "tests/test_urls.py",
        "tests/test_docs.py",
        "tests/test_config.py",
        "tests/test_pins.py",
        "tests/extraction/test_authors.py",
    ]
    said = run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *some],
        unpacked,
        env={"PYTHONPATH": str(unpacked)},
    )
    assert re.search(r"\d+ passed", said)
    assert "failed" not in said


@pytest.mark.skipif(
    not os.environ.get("NEWSDESK_INSTALL"), reason="installs the pinned set anew, half a minute: `make container`"
)
def test_the_containers_steps_install_it(tmp_path: Path) -> None:
    """What deploy/Containerfile runs, into a folder: the image itself cannot be built without a container engine."""
    kept = {k: v for k, v in os.environ.items() if k.startswith("PIP_")}
    said = run(
        ["sh", ROOT / "deploy" / "container-steps.sh", ROOT, tmp_path / "opt", sys.executable],
        tmp_path,
        timeout=110,
        env=kept,
    )
    assert said.strip().endswith(f"newsdesk, version {__version__}")
    where = run([tmp_path / "opt" / "bin" / "python", "-P", "-c", "import crawler; print(crawler.__file__)"], tmp_path)
    assert str(tmp_path) in where
    run([tmp_path / "opt" / "bin" / "newsdesk", "demo"], tmp_path)


def test_the_container_files_say_what_the_steps_do() -> None:
    text = (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8")
    assert "RUN /src/deploy/container-steps.sh /src /opt/newsdesk" in text
    for line in ("FROM docker.io/library/python:3.13-slim", "USER newsdesk", "VOLUME /data", "HEALTHCHECK"):
        assert line in text
    assert "was not built" in text


def test_the_version_is_said_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "crawler.version.__version__"}
    assert crawler.__version__ == __version__
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8") or "## [Unreleased]" in (
        ROOT / "CHANGELOG.md"
    ).read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", ["README.md", "docs", "crawler", "storage", "spiders"])
def test_nothing_promises_an_index(folder: str) -> None:
    """newsdesk is on none: `pip install newsdesk` would bring somebody else's package."""
    path = ROOT / folder
    files = [path] if path.is_file() else [f for f in path.rglob("*") if f.suffix in {".py", ".md", ".html", ".toml"}]
    for file in files:
        found = re.search(
            r"pip3? install ['\"]?newsdesk|pipx install newsdesk|uv (?:tool |pip )?install newsdesk|newsdesk\[\w",
            file.read_text(encoding="utf-8"),
        )
        assert found is None, f"{file}: {found}"
