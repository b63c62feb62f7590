"""What every command shares: options, running, and how results and failures are shown."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn, TextIO, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from fusioncmd import ids
from fusioncmd.cli.asking import DEFAULT_NATS as DEFAULT_NATS
from fusioncmd.cli.asking import NATS_VARIABLE
from fusioncmd.cli.asking import commanding as commanding
from fusioncmd.cli.asking import connect as connect
from fusioncmd.cli.asking import order_id as order_id
from fusioncmd.cli.asking import order_line as order_line
from fusioncmd.cli.completion import complete_order, complete_place
from fusioncmd.cli.durations import seconds as seconds
from fusioncmd.divisions import Divisions, load
from fusioncmd.errors import Problem
from fusioncmd.words import say, sentence

T = TypeVar("T")
SayLine = Callable[[str], None]
INTERRUPTED = 130  # 128 + SIGINT

NatsOption = Annotated[
    str,
    typer.Option(
        "--nats", metavar="URL", envvar=NATS_VARIABLE, help=say("The bus of the tier node.", "本级节点的总线地址。")
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help=say("JSON on standard output, for programs.", "以 JSON 输出，供程序使用。"))
]
DivisionsOption = Annotated[
    Path | None,
    typer.Option(
        "--divisions",
        envvar="FUSIONCMD_DIVISIONS",
        metavar="FILE",
        help=say("Another province: a CSV of code,name.", "其他省份：code,name 两列的 CSV。"),
    ),
]
NodeOption = Annotated[
    str,
    typer.Option(
        "--node",
        metavar="PLACE",
        autocompletion=complete_place,
        help=say("A place: code or name.", "地点：代码或名称。"),
    ),
]
OrderArgument = Annotated[
    str,
    typer.Argument(
        metavar="ORDER",
        autocompletion=complete_order,
        help=say("An order's id, part of it, or `last`.", "指令编号、其开头或末尾几位，或 last。"),
    ),
]


class _Console(Console):
    """Shows text as it is: a name in brackets is a name, not markup."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


out = _Console()
err = _Console(stderr=True)


def run(coroutine: Coroutine[Any, Any, T], as_json: bool) -> T:
    """The coroutine's result; a problem ends the command with one sentence and status 1."""
    import uvloop  # this and structlog are heavy; help and completion do without

    from fusioncmd.logs import configure_logs

    configure_logs()
    try:
        return uvloop.run(coroutine)
    except Problem as problem:
        fail(problem, as_json)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:  # the reader of our output has seen enough; nothing may be flushed to it at exit
        nobody_reads(sys.stdout)
        raise typer.Exit(0) from None


def nobody_reads(*streams: TextIO) -> None:
    """What is written there goes nowhere from now on, so that nothing fails at exit."""
    for stream in streams:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def fail(problem: Problem, as_json: bool) -> NoReturn:
    """The problem, and status 1."""
    try:
        tell_problem(problem, as_json)
    except BrokenPipeError:
        nobody_reads(sys.stdout, sys.stderr)
    raise typer.Exit(1)


def tell_problem(problem: Problem, as_json: bool) -> None:
    """One sentence on standard error, or one JSON object on standard output."""
    if as_json:
        print_json({"error": {"code": problem.code, "sentence": sentence(problem)}})
    else:
        err.print(sentence(problem), style="bold red", soft_wrap=True)


def load_divisions(path: Path | None) -> Divisions:
    """The places of the province, Guangdong without a file."""
    return load(path)


def local_time(at_ms: int) -> str:
    """`11-24 16:05:09`, as the clock on the wall shows it."""
    return time.strftime("%m-%d %H:%M:%S", time.localtime(at_ms / 1000))


def code_of(node: str, divisions: Path | None) -> str:
    """The code of the place that --node names; empty for the node's whole tree."""
    return load_divisions(divisions).find(node).code if node else ""


def width() -> int:
    """Cells in a line of the screen; without a screen, a line has no end."""
    return out.width if out.is_terminal else 1 << 16


def say_line(text: str | Text) -> None:
    """A line for people, never broken at the width of the screen."""
    out.print(text, soft_wrap=True)


def print_json(value: object) -> None:
    """One JSON object on one line; ids as their text."""
    sys.stdout.write(msgspec.json.encode(encodable(value)).decode() + "\n")
    sys.stdout.flush()


def encodable(value: Any) -> Any:
    """`value` with ids as text, other bytes in hexadecimal, structs as maps and paths as text."""
    match value:
        case bytes():
            return ids.to_text(value) if len(value) == ids.ID_BYTES else value.hex()
        case dict():
            return {str(k): encodable(v) for k, v in value.items()}
        case list() | tuple():
            return [encodable(v) for v in value]
        case msgspec.Struct():
            return {name: encodable(getattr(value, name)) for name in value.__struct_fields__}
        case Path():
            return str(value)
    return value
