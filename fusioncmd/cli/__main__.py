"""`fusioncmd`: the commander's command line, assembled. `python -m fusioncmd.cli` is the same.

A command's module is loaded when that command is named, so that each starts as fast as what it needs allows.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from fusioncmd import __version__
from fusioncmd.cli.commands import COMMANDS as COMMANDS
from fusioncmd.cli.usage import run_app
from fusioncmd.words import say


def version(
    as_json: bool = typer.Option(False, "--json", help=say("JSON, for programs.", "以 JSON 输出，供程序使用。")),
) -> None:
    """The version."""
    typer.echo(f'{{"version":"{__version__}"}}' if as_json else __version__)


class _Commands(TyperGroup):
    """Knows the names of the commands, and loads one when it is wanted."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = dict.fromkeys(
            COMMANDS, typer.core.TyperCommand(None)
        )  # the names are what "did you mean" is found among

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return load_command(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section(say("Commands", "命令")):
            formatter.write_dl([(name, say(en, zh)) for name, (_, en, zh) in COMMANDS.items()])


def load_command(name: str) -> Any:
    """The command of that name, its module loaded."""
    where, en, zh = COMMANDS[name]
    module, _, attribute = where.partition(":")
    found = version if module == "__main__" else getattr(import_module(f"fusioncmd.cli.{module}"), attribute)
    if not isinstance(found, typer.Typer):
        function, found = found, typer.Typer(add_completion=False, rich_markup_mode=None)
        found.command(name, help=say(en, zh))(function)
    return typer.main.get_command(found)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help=say("Call people down through five tiers, and see who answered.", "五级叫应：下达指令，实时掌握应答。"),
)


@app.callback()
def _root() -> None:
    """Holds the commands together."""


def main() -> None:
    run_app(app)


if __name__ == "__main__":
    main()
