"""`fusioncmd`: the commander's command line, assembled."""

from __future__ import annotations

import typer

from fusioncmd import __version__
from fusioncmd.cli import follow, issue, people, roster, tickets, up
from fusioncmd.words import say

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help=say("Call people down through five tiers, and see who answered.", "五级叫应：下达指令，实时掌握应答。"),
)
app.command()(up.up)
app.command()(issue.call)
app.command()(follow.watch)
app.command()(people.who)
app.command()(follow.orders)
app.command()(issue.update)
app.command()(issue.cancel)
app.command()(people.report)
app.command()(people.reports)
app.command()(tickets.ticket)
app.command()(follow.health)
app.add_typer(roster.app, name="roster")


@app.command()
def version() -> None:
    """The version."""
    typer.echo(__version__)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
