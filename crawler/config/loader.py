"""Load TOML files and the environment into one frozen Config. Only this module reads them.

The file is --config, else NEWSDESK_CONFIG, else ./newsdesk.toml, else config/newsdesk.toml of the checkout with this
code, else the one in the user's XDG folder, else the built-in defaults with the shipped sources. A flag overrides the
environment, which overrides the file.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from crawler.config import value_types
from crawler.config.models import SECTIONS, Config, PublisherRules, Source, Watch
from crawler.errors import ConfigError, UsageError
from crawler.urls import canonical_url, host_of
from storage.address import is_server

_Record = TypeVar("_Record")


def shipped(name: str) -> Path:
    """Return the path of a shipped file.

    crawler/shipped is a link to config/ in a checkout and a folder of copies in a wheel.
    """
    return Path(__file__).resolve().parents[1] / "shipped" / name


def find_config() -> Path | None:
    """Return the configuration file in force if no flag gives one."""
    if named := os.environ.get("NEWSDESK_CONFIG"):
        return Path(named)
    xdg = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    places = [
        Path("newsdesk.toml"),
        Path(__file__).resolve().parents[2] / "config" / "newsdesk.toml",
        xdg / "newsdesk" / "newsdesk.toml",
    ]
    return next((place for place in places if place.is_file()), None)


def load_config(path: str | Path | None = None, *, database: str | Path | None = None) -> Config:
    """Load the settings in force.

    Args:
        path: a configuration file; by default the result of find_config.
        database: the value of a flag, which overrides everything else.

    Returns:
        The settings; `origins` has the origin of each one.

    Raises:
        ConfigError: unreadable file, unknown key or invalid value; the message has file and line.
    """
    file = Path(path) if path else find_config()
    builder = _Builder()
    if file is None:
        builder.include(shipped("sources.toml"))
    else:
        builder.read(file)
    builder.environment(os.environ)
    if database or os.environ.get("NEWSDESK_DB"):
        builder.put(
            "storage", "database", str(database or os.environ["NEWSDESK_DB"]), "--db" if database else "NEWSDESK_DB"
        )
    return builder.build(file)


class _Builder:
    """Collects the settings of files and environment; the last value of a key wins."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, Any]] = {name: {} for name in SECTIONS}
        self.origins: dict[str, str] = {}
        self.sources: list[Source] = []
        self.watches: list[Watch] = []
        self.files: list[Path] = []
        self.folder = Path()  # where the raw pages of a server's database are stored

    def read(self, file: Path) -> None:
        text, document = _load(file)
        for key, value in document.items():
            if key in SECTIONS:
                self._section(file, text, key, value)
            elif key == "include":
                for name in value_types.texts(value):
                    self.include(file.parent / name, said_in=f"{file}:{_line(text, None, 'include')}")
            elif key not in {"source", "watch"}:
                raise ConfigError(_unknown(file, text, None, key, [*SECTIONS, "include", "source", "watch"]))
        self.files.append(file)
        self._tables(file, text, document)

    def include(self, file: Path, said_in: str = "") -> None:
        if not _is_file(file):
            raise ConfigError(
                f"{said_in or file}: the included file {file} does not exist; fix `include` or write the file"
            )
        text, document = _load(file)
        for key in document:
            if key not in {"source", "watch"}:
                raise ConfigError(_unknown(file, text, None, key, ["source", "watch"]))
        self.files.append(file)
        self._tables(file, text, document)

    def _section(self, file: Path, text: str, name: str, table: Any) -> None:
        if not isinstance(table, dict):
            raise ConfigError(
                f"{file}:{_line(text, None, name)}: [{name}] must be a table; write [{name}] and its keys below"
            )
        known = {f.name for f in dataclasses.fields(SECTIONS[name])}
        for key, value in table.items():
            if key not in known:
                raise ConfigError(_unknown(file, text, name, key, sorted(known)))
            relative = name == "storage" and key == "database" and isinstance(value, str) and value
            if relative and is_server(value):
                relative, self.folder = False, file.parent
            self.put(name, key, str(file.parent / value) if relative else value, f"{file}:{_line(text, name, key)}")

    def put(self, section: str, key: str, value: Any, origin: str) -> None:
        kind = next(f for f in dataclasses.fields(SECTIONS[section]) if f.name == key).metadata["kind"]
        self.found[section][key] = _convert(kind, value, f"{origin}: {section}.{key}")
        self.origins[f"{section}.{key}"] = origin

    def environment(self, environ: Mapping[str, str]) -> None:
        for name, value in environ.items():
            match = re.fullmatch(r"NEWSDESK_([A-Z]+)__([A-Z_]+)", name)
            if not match:
                continue
            section, key = match[1].lower(), match[2].lower()
            keys = [f.name for f in dataclasses.fields(SECTIONS[section])] if section in SECTIONS else []
            if key not in keys:
                known = [
                    f"NEWSDESK_{s.upper()}__{f.name.upper()}"
                    for s, c in SECTIONS.items()
                    for f in dataclasses.fields(c)
                ]
                raise ConfigError(f"the environment variable {name} sets nothing{_near(name, known)}")
            self.put(section, key, value, name)

    def _tables(self, file: Path, text: str, document: dict[str, Any]) -> None:
        for kind, cls, into in (("source", Source, self.sources), ("watch", Watch, self.watches)):
            tables = document.get(kind, [])
            if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
                raise ConfigError(f"{file}:{_line(text, None, kind)}: write [[{kind}]] in double brackets")
            for index, table in enumerate(tables):
                cast("list[Any]", into).append(_table(cls, table, file, text, kind, index))

    def build(self, file: Path | None) -> Config:
        seen: dict[str, Source] = {}
        for source in self.sources:
            if source.id in seen:
                raise ConfigError(
                    f"{file or 'the shipped sources'}: two sources have the id {source.id!r}; "
                    "give one of them another `id`"
                )
            seen[source.id] = source
        names = [watch.name for watch in self.watches]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"{file}: two watches have the name {name!r}; give one of them another `name`")
        sections = {name: cls(**self.found[name]) for name, cls in SECTIONS.items()}
        sources = tuple(_with_shipped_rules(tuple(seen.values())))
        return Config(
            **sections,
            sources=sources,
            watches=tuple(self.watches),
            path=file,
            files=tuple(self.files),
            origins=self.origins,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    """The place of a value; its line is counted only for a message, as counting each made 1,500 sources take 30 s."""

    file: Path
    text: str
    table: str | None
    key: str | None
    index: int = 0
    said: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{_line(self.text, self.table, self.key, self.index)}{self.said}"

    def of(self, said: str) -> _Place:
        """Return the same place with a description appended."""
        return dataclasses.replace(self, said=said)


def _is_file(path: Path) -> bool:
    """Return whether a file exists; False for an invalid name."""
    try:
        return path.expanduser().is_file()
    except (OSError, ValueError, RuntimeError):  # too long, contains a NUL, no such user
        return False


def _load(file: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = file.read_bytes().decode("utf-8-sig")
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: not valid TOML: {error}; correct it there") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: not UTF-8 text: {error.reason} at byte {error.start}; save it as UTF-8") from error
    except OSError as error:
        raise ConfigError(
            f"{file}: cannot be read: {error.strerror}; name another with --config or NEWSDESK_CONFIG"
        ) from error


def _table(cls: type[_Record], table: dict[str, Any], file: Path, text: str, kind: str, index: int) -> _Record:
    """Return a [[source]] or [[watch]] table as its record."""
    known = {f.name: f for f in dataclasses.fields(cast("Any", cls))}
    found: dict[str, Any] = {}
    for key, value in table.items():
        where = _Place(file, text, kind, key, index)
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key!r} in [[{kind}]]{_near(key, list(known))}")
        if key == "article":
            found[key] = PublisherRules(**_rules(value, where))
        else:
            found[key] = _convert(known[key].metadata["kind"], value, where.of(f": {key}"))
    where = _Place(file, text, kind, None, index)
    if kind == "source":
        _complete(found, where)
    elif not found.get("name"):
        raise ConfigError(f"{where}: a [[watch]] needs a name")
    return cls(**found)


def _rules(table: Any, where: _Place) -> dict[str, Any]:
    known = {f.name: f for f in dataclasses.fields(PublisherRules)}
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: [source.article] must be a table; write [source.article] and its keys below")
    for key in table:
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key!r} in [source.article]{_near(key, list(known))}")
    return {
        key: _convert(known[key].metadata["kind"], value, where.of(f": article.{key}")) for key, value in table.items()
    }


def _complete(found: dict[str, Any], where: _Place) -> None:
    """Validate a source's addresses and derive a missing id or name from the host."""
    if found.get("cookies") and not _is_file(Path(found["cookies"])):
        raise ConfigError(f"{where}: cookies: no file at {found['cookies']}; correct the path, or remove the key")
    for key in ("url", "feeds", "sitemaps", "pages"):
        for url in value_types.texts([found[key]]) if key == "url" and found.get(key) else found.get(key, ()):
            try:
                canonical_url(url)
            except ValueError as error:
                raise ConfigError(f"{where}: {key}: {error}") from error
    addresses = [found.get("url", ""), *found.get("feeds", ()), *found.get("sitemaps", ()), *found.get("pages", ())]
    host = next((host_of(a) for a in addresses if a), "")
    if not host:
        raise ConfigError(f"{where}: a [[source]] needs a url, feeds, sitemaps or pages")
    found["id"] = found.get("id") or host.removeprefix("www.")
    try:
        check_id(found["id"])
    except UsageError as error:
        raise ConfigError(f"{where}: id: {error}") from error
    found["name"] = found.get("name") or found["id"]
    found["url"] = found.get("url") or ""


def check_id(source_id: str) -> None:
    """Reject an id that cannot be used on a command line or in a list.

    Raises:
        UsageError: it contains a space, a comma or a control character, or starts with `tag:` or `-`.
    """
    if not re.fullmatch(r"[^\s,\x00-\x1f\x7f]+", source_id) or source_id.startswith(("tag:", "-")):
        raise UsageError(f"{source_id!r} must have no space or comma and not begin with `tag:` or `-`")


def _with_shipped_rules(sources: tuple[Source, ...]) -> list[Source]:
    """Add the shipped rules to the user's sources with a shipped id and without rules of their own."""
    bare = {s.id for s in sources if s.article == PublisherRules()}
    if not bare:
        return list(sources)
    rules = {s.id: s.article for s in shipped_sources()}
    return [dataclasses.replace(s, article=rules[s.id]) if s.id in bare and s.id in rules else s for s in sources]


def shipped_sources() -> list[Source]:
    """Return the sources that newsdesk ships."""
    file = shipped("sources.toml")
    text, document = _load(file)
    return [
        _table(Source, table, file, text, "source", index) for index, table in enumerate(document.get("source", []))
    ]


def _convert(kind: Callable[[Any], Any], value: Any, where: _Place | str) -> Any:
    try:
        return kind(value)
    except ValueError as error:
        said = (
            "" if kind is value_types.notify_targets else f" = {str(value)[:80]!r}"
        )  # a receiver's address is often a secret
        raise ConfigError(f"{where}{said} {error}") from error


def _unknown(file: Path, text: str, section: str | None, key: str, known: list[str]) -> str:
    place = f" in [{section}]" if section else ""
    return f"{file}:{_line(text, section, key)}: unknown key {key!r}{place}{_near(key, known)}"


def _near(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(sorted(known))}"


def _line(text: str, table: str | None, key: str | None, index: int = 0) -> int:
    """Return the line of a key in a table, which tomllib does not report; 1 if it is unknown."""
    current, seen, start = None, -1, 1
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[+\s*([\w.\"'-]+)\s*\]+", line):
            current = header[1]
            if current == table:
                seen += 1
                start = number if seen == index else start
            if table is None and key == current:
                return number
        elif key and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
            inside = current == table or (table is not None and current is not None and current.startswith(f"{table}."))
            if inside and (table not in {"source", "watch"} or seen == index):
                return number
        if key and table and current == f"{table}.{key}" and seen == index:
            return number
    return start
