"""Edit the source list, which users edit too: add, change and remove tables; keeps comments and order (tomlkit)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Table
from tomlkit.toml_document import TOMLDocument

from crawler.config.loader import check_id
from crawler.config.models import Config, Source
from crawler.errors import ConfigError
from crawler.urls import host_of

KEYS = ("id", "name", "url", "feeds", "sitemaps", "pages", "language", "country", "tags")


def target_file(config: Config) -> Path:
    """Return the file that `sources add` and `import` write: the one in force, else ./newsdesk.toml."""
    return config.path or Path("newsdesk.toml")


def read(path: Path) -> TOMLDocument:
    """Return the file as a document; empty if there is none.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise ConfigError(
            f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}; correct the file, or name another with --config"
        ) from error


def write(path: Path, document: TOMLDocument) -> None:
    """Write the file atomically: a reader gets the old text or the new one.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(tomlkit.dumps(document))
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            Path(name).chmod(path.stat().st_mode)
        else:
            Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}; name another file with --config") from error


def table_of(values: Mapping[str, Any]) -> Table:
    """Return a [[source]] table with these values; empty ones are left out."""
    table = tomlkit.table()
    for key in KEYS:
        value = values.get(key)
        if isinstance(value, list | tuple):
            if value:
                array = tomlkit.array()
                array.extend(value)
                table.add(key, array.multiline(len(value) > 1 and sum(len(v) for v in value) > 80))
        elif value:
            table.add(key, value)
    return table


def add_sources(path: Path, sources: Iterable[Mapping[str, Any]]) -> None:
    """Append source tables to a file, which is created if necessary."""
    document = read(path)
    found = document.get("source")
    tables = found if isinstance(found, AoT) else tomlkit.aot()
    for values in sources:
        tables.append(table_of(values))
    if not isinstance(found, AoT):
        document.append("source", tables)
    write(path, document)


def file_with(config: Config, source_id: str) -> tuple[Path, TOMLDocument, int]:
    """Return the file with a source, its document, and the index of the source in it.

    Raises:
        ConfigError: the source is in none of the user's files.
    """
    config.select_sources((source_id,))
    for path in config.files:
        document = read(path)
        for index, table in enumerate(document.get("source", [])):
            if _id_of(table) == source_id:
                return path, document, index
    raise ConfigError(
        f"{source_id!r} is a shipped source; `newsdesk init` puts the list into this folder, where it can be changed"
    )


def _id_of(table: Mapping[str, Any]) -> str:
    if table.get("id"):
        return str(table["id"])
    addresses = [table.get("url", ""), *table.get("feeds", []), *table.get("sitemaps", []), *table.get("pages", [])]
    return next((host_of(str(a)).removeprefix("www.") for a in addresses if a), "")


def set_enabled(config: Config, source_id: str, *, enabled: bool) -> Path:
    """Write `enabled` into a source's table; return the changed file."""
    path, document, index = file_with(config, source_id)
    document["source"][index]["enabled"] = enabled
    write(path, document)
    return path


def rename(config: Config, old: str, new: str) -> Path:
    """Write another id into a source's table; return the changed file.

    Raises:
        ConfigError: the new id is already used.
    """
    check_id(new)
    if config.source(new) is not None:
        raise ConfigError(f"another source has the id {new!r} already; remove or rename that one first")
    path, document, index = file_with(config, old)
    document["source"][index]["id"] = new
    write(path, document)
    return path


def remove(config: Config, source_id: str) -> Path:
    """Remove a source's table; return the changed file."""
    path, document, index = file_with(config, source_id)
    del document["source"][index]
    write(path, document)
    return path


def unique_id(wanted: str, taken: dict[str, int]) -> str:
    """Return an id that no source has: the wanted one, else with a number appended.

    Args:
        wanted: the preferred id.
        taken: the ids in use, each with the last number that was appended to it; the result is added.
    """
    number, found = taken.get(wanted, 1), wanted
    while found in taken:
        number += 1
        found = f"{wanted}-{number}"
    taken[wanted] = number
    taken[found] = max(1, taken.get(found, 1))
    return found


def source_values(source: Source) -> dict[str, Any]:
    """Return the values of a source's table."""
    return {key: getattr(source, key) for key in KEYS}
