"""What is wrong with a command line, as one sentence in the language of the person who typed it.

Typer says it in English, over several lines; here its sentence is kept, put into Chinese where that is spoken, and
followed by where help is found. Status 2, as with every program that was called wrongly.
"""

from __future__ import annotations

import re
import sys
from typing import Any

import typer

from fusioncmd.errors import BadInput

PROGRAM = "fusioncmd"
WRONG_USE = 2
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]  # Typer exports only what derives from it
_SENTENCES = (  # what Typer says, and the same in Chinese
    (r"Missing option '(.+?)'.*", r"缺少选项 \1。"),
    (r"Missing argument '(.+?)'.*", r"缺少参数 \1。"),
    (r"No such option: (\S+) \(Possible options: (.+)\)", r"没有选项 \1，可用：\2。"),
    (r"No such option: (\S+)", r"没有选项 \1。"),
    (r"No such command '(.+?)'\. Did you mean '(.+?)'\?", r"没有命令 \1。是否要用 \2？"),
    (r"No such command '(.+?)'.*", r"没有命令 \1。"),
    (r"Option '(.+?)' requires (?:an|\d+) arguments?\.", r"选项 \1 需要一个值。"),
    (r"Option '(.+?)' does not take a value\.", r"选项 \1 不带值。"),
    (r"Got unexpected extra argument\S* \((.+)\)", r"多余的参数：\1。"),
    (r"Invalid value for '(.+?)': Input should be greater than or equal to (\S+)", r"\1 不得小于 \2。"),
    (r"Invalid value for '(.+?)': Input should be less than or equal to (\S+)", r"\1 不得大于 \2。"),
    (r"Invalid value for '(.+?)': Input should be a valid .+", r"\1 须为数字。"),
    (r"Invalid value for '(.+?)': (.+)", r"\1 的值无效：\2。"),
    (r"Missing command\.", r"缺少命令。"),
)


def run_app(app: typer.Typer) -> None:
    """Run the command line that the process was called with, and end the process."""
    try:
        status = app(prog_name=PROGRAM, standalone_mode=False)
    except _UsageError as error:
        _tell(error)
        status = WRONG_USE
    except typer.Abort:
        status = 1
    sys.exit(status if isinstance(status, int) else 0)


def wrong_use(said: str, command: str) -> BadInput:
    """The sentence that Typer `said` about a use of `command`, as ours."""
    words = " ".join(said.split())
    chinese = next((re.sub(f"^{en}$", zh, words) for en, zh in _SENTENCES if re.match(f"^{en}$", words)), words)
    english = words if words.endswith((".", "?")) else f"{words}."
    return BadInput(f"{english} See `{command} --help`.", f"{chinese}详见 {command} --help。")


def _tell(error: Any) -> None:
    from fusioncmd.cli import shell

    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(error.format_message(), err=True)
        return
    command = error.ctx.command_path if error.ctx is not None else PROGRAM
    problem = wrong_use(error.format_message(), command)
    shell.tell_problem(problem, as_json="--json" in sys.argv)
