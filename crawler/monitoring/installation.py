"""Installation checks for `newsdesk doctor`: versions, settings, file system. Pure: values in, advice out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath

from crawler.config.models import CONTACT, Config

# The first version of each package without the problem of the older ones (from the projects' own advisories).
_LEAST = {
    "scrapy": ((2, 17), "ask s3:// in the clear"),
    "lxml": ((6, 1), "read external entities in iterparse (CVE-2026-41066)"),
    "brotli": ((1, 2), "unpack a bomb in one piece (CVE-2025-6176)"),
    "sqlite-utils": ((4, 0), "have no migrations"),
}
_EXPAT = (2, 7, 0)
# SQLite 3.7.0 to 3.51.2 may lose or damage committed data if two connections write or checkpoint at the wrong moment
# (the WAL-reset bug). It is fixed in 3.51.3, and in these branches from that patch on.
_WAL_FIXED = (3, 51, 3)
_WAL_BRANCHES = {(3, 44): 6, (3, 50): 7}
# SQLite's locks and shared memory do not work between machines (sqlite.org, "Write-Ahead Logging" and "How To
# Corrupt").
_REMOTE = re.compile(
    r"^(?:nfs\d?|cifs|smb\w*|9p|afs|ceph|glusterfs|lustre|gfs2?|ocfs2|davfs\d?|ncpfs|fuse\.(?:sshfs|rclone|s3fs|"
    r"glusterfs|cephfs|davfs\d?|goofys|gcsfuse))$"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of advice; without `must`, it is a suggestion."""

    text: str
    must: bool = True

    def __str__(self) -> str:
        return self.text if self.must else f"consider: {self.text}"


def parse_version(version: str) -> tuple[int, ...]:
    """Return a version's leading numbers: "6.1.3rc1" is (6, 1, 3)."""
    match = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def check_versions(found: Mapping[str, str]) -> list[Finding]:
    """Return findings about package versions, by name; packages that are not installed are ignored."""
    advice = []
    for name, (least, why) in _LEAST.items():
        parts = parse_version(found.get(name, ""))
        if parts and parts < least:
            newer = ".".join(map(str, least))
            advice.append(
                Finding(f"{name} {found[name]}: versions before {newer} {why}; `pip install '{name}>={newer}'`")
            )
    return advice


def check_sqlite(version: str) -> list[Finding]:
    """Return a finding if this SQLite has the WAL-reset bug."""
    parts = parse_version(version)
    fixed_in = _WAL_BRANCHES.get((parts[0], parts[1])) if len(parts) > 2 else None
    if parts >= _WAL_FIXED or (fixed_in is not None and parts[2] >= fixed_in):
        return []
    return [
        Finding(
            f"SQLite {version} has the WAL-reset bug (fixed in 3.51.3, 3.50.7 and 3.44.6): "
            "`pip install pysqlite3` brings a newer one where there is a wheel; "
            "until then let no other program write the database",
            must=False,
        )
    ]


def of_expat(version: str) -> list[Finding]:
    """Return a finding if Python's expat does not limit recursion.

    newsdesk passes no document types to it, but other programs may.

    Args:
        version: as in pyexpat, "expat_2.7.1".
    """
    if parse_version(version.removeprefix("expat_")) >= _EXPAT:
        return []
    return [
        Finding(
            f"{version.replace('_', ' ')} recurses into entities until the process ends (CVE-2024-8176, "
            "fixed in 2.7.0); newsdesk takes document types off before, but a newer Python is better",
            must=False,
        )
    ]


def check_settings(config: Config) -> list[Finding]:
    """Return findings about unsafe settings."""
    http, advice = config.http, []
    if not http.verify_tls:
        advice.append(Finding("[http] verify_tls = false: pages may come from anybody on the way; take the line out"))
    if not config.render.sandbox and any(source.render for source in config.sources):
        advice.append(
            Finding(
                "[render] sandbox = false: a page's scripts may take over this machine by one fault of the browser; "
                "run newsdesk as another user than root, and take the line out"
            )
        )
    if http.allow_networks:
        opened = ", ".join(http.allow_networks)
        advice.append(
            Finding(
                f"[http] allow_networks opens {opened}, on any port, to what any feed links to; "
                "name single hosts (/32), or take it out",
                must=False,
            )
        )
    if http.proxy:
        advice.append(
            Finding(
                "[http] proxy: names are looked up by the proxy, which must itself refuse private addresses "
                "(docs/security.md)",
                must=False,
            )
        )
    if not config.politeness.obey_robots:
        advice.append(
            Finding(
                "[politeness] obey_robots = false: every source is requested against its robots.txt; "
                "set it for single sources that agreed",
                must=False,
            )
        )
    ignoring = [source.id for source in config.sources if source.enabled and not source.obey_robots]
    if ignoring:
        advice.append(
            Finding(
                f"obey_robots = false at {_some(ignoring)}: requested against robots.txt; "
                "have the publisher's permission",
                must=False,
            )
        )
    if http.contact == CONTACT and not http.user_agent:
        advice.append(
            Finding("[http] contact: name an address at which publishers reach you, not the project", must=False)
        )
    return advice


def check_filesystem(path: PurePath, kind: str | None) -> list[Finding]:
    """Return a finding if the database is on a network file system.

    Args:
        path: the database.
        kind: the type of its file system (ext4, nfs4, fuse.sshfs); None if it is unknown.
    """
    if kind is None or not _REMOTE.match(kind):
        return []
    return [
        Finding(
            f"{path} is on a network file system ({kind}), where SQLite's locks do not hold and a database is "
            "damaged sooner or later; put it on a local disk (--db), and copy backups there"
        )
    ]


def filesystem_type(path: PurePath, mounts: Iterable[str]) -> str | None:
    """Return the type of the file system of a path.

    Args:
        path: absolute, without links.
        mounts: the lines of /proc/self/mounts.
    """
    best: tuple[int, str] | None = None
    for entry in mounts:
        fields = entry.split()
        if len(fields) < 3:
            continue
        point = PurePath(re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), fields[1]))
        if (path == point or point in path.parents) and (best is None or len(point.parts) >= best[0]):
            best = (len(point.parts), fields[2])
    return best[1] if best else None


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
