"""`config` and `init`: the settings in force, and starter files."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import click

from crawler.commands.context import CliContext, pass_app


@click.group("config")
def config_command() -> None:
    """Show or check the settings."""


@config_command.command("show")
@click.option("--origin", is_flag=True, help="Show the origin of each setting.")
@pass_app
def show_settings(app: CliContext, origin: bool) -> None:
    """Print the settings in force, as TOML; secrets stay `env:NAME`.

    \b
    Example:
      newsdesk config show --origin
    """  # noqa: D301  # click reads \b as: do not wrap
    from crawler.config.dump import section_items
    from crawler.config.models import SECTIONS
    from crawler.watches.receivers import redact
    from storage.address import redacted

    config = app.config
    receivers = tuple(redact(receiver) for receiver in config.health.notify)  # an address of these is often a secret
    storage = dataclasses.replace(config.storage, database=redacted(config.storage.database))
    config = dataclasses.replace(config, health=dataclasses.replace(config.health, notify=receivers), storage=storage)
    print(f"# {config.path or 'built-in defaults with the shipped sources'}")
    for section in SECTIONS:
        print(f"\n[{section}]")
        for key, kept in section_items(config, section):
            value = re.sub(r"(?<=://)[^/@\s\"]+@", "***@", kept)  # a proxy's password
            print(f"{key} = {value}" + (f"  # {config.origins.get(f'{section}.{key}', 'default')}" if origin else ""))
    print(
        f"\n# {len(config.sources)} sources, {sum(s.enabled for s in config.sources)} enabled: `newsdesk sources list`"
    )
    if config.watches:
        print(f"# {len(config.watches)} watches: {', '.join(w.name for w in config.watches)}")


@config_command.command("check")
@pass_app
def check_settings(app: CliContext) -> None:
    """Read the configuration and report whether it is valid; exit 3 where it is not, with file and line.

    \b
    Example:
      newsdesk --config newsdesk.toml config check
    """  # noqa: D301  # click reads \b as: do not wrap
    from crawler.errors import ConfigError
    from crawler.watches.matching import misconfiguration
    from crawler.watches.receivers import cannot_deliver

    config = app.config
    missing = _unset_secrets(config)
    for name in missing:
        app.message(f"the environment variable {name} is named by a setting and is not set")
    mute = []
    for watch in config.watches:
        if why := misconfiguration(watch, config.tags):
            app.message(f"watch {watch.name!r} can never match: {why}")
        more = (watch.secret, *(value for _, value in watch.headers))
        mute += [
            f"watch {watch.name!r} cannot send: {why}"
            for receiver in watch.notify
            if (why := cannot_deliver(receiver, *more)) is not None
        ]
    mute += [
        f"[health] notify cannot send: {why}"
        for receiver in config.health.notify
        if (why := cannot_deliver(receiver)) is not None
    ]
    if mute:
        raise ConfigError("; ".join(mute))
    print(f"{config.path or 'built-in defaults'}: valid; {len(config.sources)} sources, {len(config.watches)} watches")


def _unset_secrets(config: Any) -> list[str]:
    import os

    texts = [
        config.http.proxy,
        *config.health.notify,
        *(v for s in config.sources for _, v in s.headers),
        *(n for w in config.watches for n in (*w.notify, w.secret, *(v for _, v in w.headers))),
    ]
    return sorted({text[4:] for text in texts if text.startswith("env:") and text[4:] not in os.environ})
