"""docs/cli.md, made from the commands' own help: `python -m tests.cli_reference` writes it."""

from __future__ import annotations

import inspect

import click

from crawler.cli import COMMANDS, cli
from tests.conftest import ROOT

FILE = ROOT / "docs" / "cli.md"
HEAD = """# Command line

`newsdesk [--db PATH] [--config FILE] [-q|-v] COMMAND`. Data goes to stdout, progress and messages to stderr. `newsdesk COMMAND --help` shows what this page shows.

Shell completion: `eval "$(_NEWSDESK_COMPLETE=bash_source newsdesk)"` (or `zsh_source`, `fish_source`). Progress bars and colour appear only on a terminal; `NO_COLOR` is honoured.

## Exit codes

| code | meaning |
|---|---|
| 0 | done |
| 1 | error, or unhealthy |
| 2 | usage |
| 3 | configuration |
| 4 | some sources (or addresses) failed |
| 5 | all failed |
| 6 | another newsdesk has locked the database |
| 130, 143 | interrupted |

A source failed when no feed of it could be read; single articles that fail do not count.
"""


def render() -> str:
    """The page."""
    context = click.Context(cli, info_name="newsdesk")
    parts = [HEAD, "## Options of every command\n\n" + _options(cli, context)]
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        parts.append(_section(name, command, context))
        if isinstance(command, click.Group):
            for inner in command.list_commands(context):
                found = command.get_command(context, inner)
                assert found is not None
                parts.append(_section(f"{name} {inner}", found, context))
    return "\n".join(part.rstrip() + "\n" for part in parts)


def _section(name: str, command: click.Command, parent: click.Context) -> str:
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join(["newsdesk", name, *command.collect_usage_pieces(context)])
    heading = "#" * (2 + name.count(" "))
    return f"{heading} newsdesk {name}\n\n```\n{usage}\n```\n\n{_help(command)}\n\n{_options(command, context)}"


def _help(command: click.Command) -> str:
    """The help as Markdown: paragraphs in one line, what click must not wrap as a block."""
    parts = []
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        if paragraph.startswith("\b\n"):
            title, *lines = paragraph.split("\n")[1:]
            parts.append(f"{title}\n\n```console\n" + "\n".join(f"$ {line.strip()}" for line in lines) + "\n```")
        else:
            parts.append(" ".join(paragraph.split()))
    return "\n\n".join(parts)


def _options(command: click.Command, context: click.Context) -> str:
    rows = []
    for parameter in command.params:
        if isinstance(parameter, click.Option) and (record := parameter.get_help_record(context)):
            text = " ".join(record[1].split()).replace("|", "\\|")
            rows.append(f"| `{record[0].replace('|', chr(92) + '|')}` | {text} |")
    return "| option | |\n|---|---|\n" + "\n".join(rows) + "\n" if rows else ""


if __name__ == "__main__":
    FILE.write_text(render(), encoding="utf-8")
