"""What every command shares: options, the way to the bus, and how results and failures are shown."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import msgspec
import typer
import uvloop
from rich.console import Console

from fusioncmd import api, ids
from fusioncmd.bus.nats import open_bus
from fusioncmd.bus.port import Bus
from fusioncmd.client import Commander
from fusioncmd.divisions import Divisions, load
from fusioncmd.errors import BadInput, NotFound, Problem
from fusioncmd.logs import configure_logs
from fusioncmd.words import say, sentence

T = TypeVar("T")
SayLine = Callable[[str], None]

DEFAULT_NATS = "nats://127.0.0.1:4222"
NatsOption = Annotated[
    str, typer.Option("--nats", envvar="FUSIONCMD_NATS", help=say("The bus of the tier node.", "本级节点的总线地址。"))
]
JsonOption = Annotated[bool, typer.Option("--json", help=say("One JSON object on standard output.", "以 JSON 输出。"))]
DivisionsOption = Annotated[
    Path | None,
    typer.Option("--divisions", help=say("Another province: a CSV of code,name.", "其他省份：code,name 两列的 CSV。")),
]
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "秒": 1, "分": 60, "分钟": 60, "小时": 3600, "天": 86_400}

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)


def run(coroutine: Coroutine[Any, Any, T], as_json: bool) -> T:
    """The coroutine's result; a problem ends the command with one sentence and status 1."""
    configure_logs()
    try:
        return uvloop.run(coroutine)
    except Problem as problem:
        fail(problem, as_json)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None


def fail(problem: Problem, as_json: bool) -> NoReturn:
    if as_json:
        print_json({"error": {"code": problem.code, "sentence": sentence(problem)}})
    else:
        err.print(sentence(problem), style="bold red", markup=False)
    raise typer.Exit(1)


@asynccontextmanager
async def connect(nats: str) -> AsyncIterator[Bus]:
    bus = await open_bus(nats, "cli")
    try:
        yield bus
    finally:
        await bus.close()


def load_divisions(path: Path | None) -> Divisions:
    return load(path)


def say_line(text: str) -> None:
    out.print(text, markup=False)


def print_json(value: object) -> None:
    """One JSON object on one line; ids as their text."""
    sys.stdout.write(msgspec.json.encode(_plain(value)).decode() + "\n")
    sys.stdout.flush()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return ids.to_text(value) if len(value) == ids.ID_BYTES else value.hex()
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, msgspec.Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Path):
        return str(value)
    return value


def seconds(text: str) -> int:
    """`90s`, `10m`, `2h`, `1d`, or a plain number of seconds."""
    found = re.fullmatch(r"\s*(\d{1,9})\s*(\D*?)\s*", text)
    unit = (found[2] or "s").lower() if found else ""
    if found is None or unit not in _UNITS or int(found[1]) == 0:
        raise BadInput(f"{text!r} is not a time; write 90s, 10m, 2h or 1d.", f"“{text}”不是时长，例：90s、10m。")
    return int(found[1]) * _UNITS[unit]


async def find_order(commander: Commander, text: str) -> api.OrderLine:
    """The order that a person named: a whole id, the end or beginning of a recent one, or `last`."""
    lines = (await commander.ask(api.Orders(limit=1000))).lines
    wanted = text.strip().upper()
    found = [
        line
        for line in lines
        if (name := ids.to_text(line.order.id)) == wanted
        or (len(wanted) >= 4 and (name.startswith(wanted) or name.endswith(wanted)))
    ]
    if wanted == "LAST":
        found = [line for line in lines if line.order.msg_type != "cancel"][:1]
    if not found:
        raise NotFound(f"There is no order {text}.", f"没有指令 {text}。")
    if len(found) > 1:
        raise BadInput(f"{len(found)} orders match {text}; write more of the id.", f"{text} 对应 {len(found)} 条指令。")
    return found[0]


def complete(question: Callable[[Commander], Coroutine[Any, Any, list[str]]]) -> list[str]:
    """Shell completion: what the node says within a second, or nothing."""

    async def ask() -> list[str]:
        async with asyncio.timeout(1.0):
            async with connect(os.environ.get("FUSIONCMD_NATS", DEFAULT_NATS)) as bus:
                return await question(Commander(bus))

    try:
        return asyncio.run(ask())
    except (Problem, TimeoutError):
        return []


def complete_order(incomplete: str) -> list[str]:
    async def recent(commander: Commander) -> list[str]:
        lines = (await commander.ask(api.Orders(limit=20), timeout_s=0.5)).lines
        return ["last", *(ids.to_text(line.order.id) for line in lines)]

    return [name for name in complete(recent) if name.startswith(incomplete)]


OrderArgument = Annotated[
    str,
    typer.Argument(
        metavar="ORDER",
        autocompletion=complete_order,
        help=say("An order's id, part of it, or `last`.", "指令编号，或 last。"),
    ),
]
NodeOption = Annotated[str, typer.Option("--node", help=say("A place: code or name.", "地点：代码或名称。"))]
