"""Write the settings in force as TOML, for `config show` and for the engine's process.

Reading the TOML gives the same settings.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import tomlkit

from crawler.config.models import SECTIONS, Config, PublisherRules


def section_items(config: Config, section: str) -> list[tuple[str, str]]:
    """Return (key, value as TOML) of each setting of a section."""
    values = getattr(config, section)
    return [(f.name, tomlkit.item(_plain(getattr(values, f.name))).as_string()) for f in dataclasses.fields(values)]


def to_toml(config: Config) -> str:
    """Return all settings, sources and watches as TOML."""
    document = tomlkit.document()
    for section in SECTIONS:
        table = tomlkit.table()
        for key, value in _said(getattr(config, section)).items():
            table.add(key, value)
        document.add(section, table)
    for kind, records in (("source", config.sources), ("watch", config.watches)):
        tables = tomlkit.aot()
        for record in records:
            table = tomlkit.table()
            for key, value in _said(record).items():
                table.add(key, value)
            tables.append(table)
        if records:
            document.add(kind, tables)
    return tomlkit.dumps(document)


def _said(record: Any) -> dict[str, Any]:
    """Return the fields that are not empty."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if isinstance(value, PublisherRules):
            rules = _said(value)
            if rules:
                found["article"] = rules
        elif value is not None and value not in {"", ()}:
            found[field.name] = dict(value) if field.name == "headers" else _plain(value)
    return found


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
