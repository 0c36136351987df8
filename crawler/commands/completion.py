"""What the shell completes: source ids, tags and watches of the configuration. docs/install.md says how to turn it on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from crawler.config.models import Config


def complete_source(ctx: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """The ids of sources, with their names."""
    from click.shell_completion import CompletionItem

    config = _config(ctx)
    sources = config.sources if config else ()
    return [CompletionItem(s.id, help=s.name) for s in sources if s.id.startswith(begun)]


def complete_tag(ctx: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """The tags of sources."""
    from click.shell_completion import CompletionItem

    config = _config(ctx)
    tags = {tag for s in config.sources for tag in s.tags} if config else set()
    return [CompletionItem(tag) for tag in sorted(tags) if tag.startswith(begun)]


def complete_source_or_tag(ctx: click.Context, param: click.Parameter, begun: str) -> list[CompletionItem]:
    """The ids of sources, and `tag:TAG`."""
    from click.shell_completion import CompletionItem

    tags = complete_tag(ctx, param, begun.removeprefix("tag:") if begun.startswith("tag:") else "")
    marked = [CompletionItem(f"tag:{item.value}") for item in tags]
    return [*complete_source(ctx, param, begun), *(item for item in marked if item.value.startswith(begun))]


def complete_watch(ctx: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """The names of watches."""
    from click.shell_completion import CompletionItem

    config = _config(ctx)
    watches = config.watches if config else ()
    return [CompletionItem(w.name, help=w.query) for w in watches if w.name.startswith(begun)]


def _config(ctx: click.Context) -> Config | None:
    """The settings in force; None where they cannot be read, as a completion has nowhere to say so."""
    from crawler.config.loader import load_config
    from crawler.errors import CrawlerError
    from storage.errors import StorageError

    try:
        return load_config(ctx.find_root().params.get("config_path"))
    except (CrawlerError, StorageError, OSError):
        return None


def source_option(text: str = "Only this source (may be repeated).") -> Callable[[Any], Any]:
    """--source; it becomes the argument `sources`."""
    return click.option("--source", "sources", multiple=True, shell_complete=complete_source, metavar="ID", help=text)


def tag_option() -> Callable[[Any], Any]:
    """--tag; it becomes the argument `tags`."""
    return click.option("--tag", "tags", multiple=True, shell_complete=complete_tag, help="Only sources with this tag.")
