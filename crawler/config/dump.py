"""The settings in force as TOML that reads back to the same settings: for `config show`, and for handing them to the engine's process."""

from __future__ import annotations

import dataclasses
from typing import Any

import tomlkit

from crawler.config.models import SECTIONS, Config, PublisherRules


def section_items(config: Config, section: str) -> list[tuple[str, str]]:
    """(key, value as TOML) of each setting of a section."""
    values = getattr(config, section)
    return [(f.name, tomlkit.item(_plain(getattr(values, f.name))).as_string()) for f in dataclasses.fields(values)]


def to_toml(config: Config) -> str:
    """All settings, sources and watches."""
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
    """The fields that differ from nothing."""
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
