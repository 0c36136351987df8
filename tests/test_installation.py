"""Row 33: `doctor` names each unsafe version and setting, and what to do."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from crawler.config.models import Config, Http, Politeness, Source
from crawler.monitoring.installation import (
    check_filesystem,
    check_settings,
    check_sqlite,
    check_versions,
    filesystem_type,
    of_expat,
)


@pytest.mark.parametrize(("name", "bad", "good"), [
    ("lxml", "6.0.9", "6.1.0"), ("lxml", "5.4", "6.1.3"), ("brotli", "1.1.0", "1.2.0"), ("brotli", "1.0.9", "1.10"), ("scrapy", "2.16.2", "2.17.0"), ("sqlite-utils", "3.39", "4.0"),
])  # fmt: skip
def test_row_33_versions(name: str, bad: str, good: str) -> None:
    (advice,) = check_versions({name: bad})
    assert advice.must
    assert f"{name} {bad}" in advice.text
    assert "pip install" in advice.text
    assert check_versions({name: good}) == []
    assert check_versions({name: "not installed"}) == []


@pytest.mark.parametrize("version", ["3.7.0", "3.40.1", "3.44.5", "3.45.3", "3.50.6", "3.51.0", "3.51.2"])
def test_row_33_sqlite_with_the_wal_reset_bug(version: str) -> None:
    (advice,) = check_sqlite(version)
    assert "WAL-reset" in advice.text
    assert "pysqlite3" in advice.text


@pytest.mark.parametrize("version", ["3.44.6", "3.44.7", "3.50.7", "3.50.10", "3.51.3", "3.52.0", "3.53.1", "4.0.0"])
def test_row_33_sqlite_without_it(version: str) -> None:
    assert check_sqlite(version) == []


@pytest.mark.parametrize(
    ("version", "named"),
    [("expat_2.4.9", True), ("expat_2.6.4", True), ("expat_2.7.0", False), ("expat_2.10.1", False)],
)
def test_row_33_an_expat_that_recurses(version: str, named: bool) -> None:
    assert [("2.7.0" in advice.text) for advice in of_expat(version)] == [True] * named


def config(**http: object) -> Config:
    return Config(http=Http(contact="desk@a.example", **http))  # type: ignore[arg-type]


def test_row_33_settings() -> None:
    assert check_settings(config()) == []
    (verify,) = check_settings(config(verify_tls=False))
    assert verify.must
    (opened,) = check_settings(config(allow_networks=("10.0.0.0/8",)))
    assert "10.0.0.0/8" in opened.text
    (proxy,) = check_settings(config(proxy="http://127.0.0.1:3128"))
    assert "proxy" in proxy.text
    rude = Config(http=Http(contact="desk@a.example"), politeness=Politeness(obey_robots=False))
    assert "robots" in check_settings(rude)[0].text
    one = Config(
        http=Http(contact="desk@a.example"),
        sources=(Source(id="a", name="A", url="https://a.example/", obey_robots=False),),
    )
    assert "a" in check_settings(one)[0].text


MOUNTS = [
    "/dev/sda1 / ext4 rw 0 0",
    "server:/x /mnt/share nfs4 rw 0 0",
    "tmpfs /mnt/share/local tmpfs rw 0 0",
    "//s/y /mnt/with\\040space cifs rw 0 0",
    "bad line",
]


@pytest.mark.parametrize(("path", "kind", "unsafe"), [
    ("/home/me/news.db", "ext4", False), ("/mnt/share/news.db", "nfs4", True), ("/mnt/share/local/news.db", "tmpfs", False), ("/mnt/sharebutnot/news.db", "ext4", False), ("/mnt/with space/news.db", "cifs", True),
])  # fmt: skip
def test_row_33_a_database_on_a_network_file_system(path: str, kind: str, unsafe: bool) -> None:
    place = PurePosixPath(path)
    assert filesystem_type(place, MOUNTS) == kind
    advice = check_filesystem(place, kind)
    assert bool(advice) == unsafe
    assert not unsafe or "local disk" in advice[0].text


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "afs", "ceph", "fuse.rclone"])
def test_row_33_every_kind_of_network_file_system(kind: str) -> None:
    assert check_filesystem(PurePosixPath("/x"), kind)
