"""`devices`: codes that enrol a responder's device, the devices that there are, and the end of those that are lost."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from fusioncmd import api, codes, devices, limits
from fusioncmd.api import devices as asked
from fusioncmd.cli import shell
from fusioncmd.cli.durations import within
from fusioncmd.cli.figures import plain
from fusioncmd.cli.lists import aligned
from fusioncmd.cli.rows import BYTE_ORDER_MARK, neutral
from fusioncmd.cli.whole_file import whole_file
from fusioncmd.client import Commander
from fusioncmd.errors import BadInput
from fusioncmd.words import say

CODES_FILE_MODE = 0o600  # a code lets its bearer in, once
COLUMNS = ("id", "name", "phone", "code")

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help=say("Responders' devices: enrol, list, revoke.", "人员设备：登记、查看、吊销。"),
)  # fmt: skip
_id = say("A person's id in the roster.", "名册中的人员编号。")
_number = say("Their number.", "系统内编号。")
IdOption = Annotated[str, typer.Option("--id", metavar="ID", help=_id)]
NumberOption = Annotated[int | None, typer.Option("--number", min=0, max=(1 << 32) - 1, metavar="NUMBER", help=_number)]
_replace = say("Their other devices end when this one is enrolled.", "新设备登记后，其原有设备随即失效。")

_page = say(
    "The responders' page: the QR code opens it with the code.", "责任人页面地址：二维码将打开该页面并带上登记码。"
)


@app.command(help=say("Make a one-time code that enrols a device.", "生成一次性设备登记码。"))
def code(
    ident: IdOption = "",
    number: NumberOption = None,
    everyone: Annotated[bool, typer.Option("--all", help=say("Everyone of --node.", "--node 的全部人员。"))] = False,
    node: shell.NodeOption = "",
    file: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help=say("With --all: where to (CSV).", "与 --all 连用：输出 CSV。")),
    ] = None,
    valid: Annotated[str, typer.Option(metavar="TIME", help=say("For how long.", "有效期。"))] = "24h",
    replace: Annotated[bool, typer.Option("--replace", help=_replace)] = False,
    page: Annotated[str, typer.Option("--page", metavar="URL", help=_page)] = "",
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """Make a one-time code that enrols a device."""

    async def go() -> None:
        valid_s = within(valid, "--valid", limits.CODE_S_MAX)
        if valid_s < 60:
            raise BadInput("--valid may be a minute at least.", "--valid 最短为 1 分钟。")
        if page and not page.startswith(("https://", "http://")):
            raise BadInput("--page is an address that begins with https://.", "--page 须为以 https:// 开头的地址。")
        if everyone == (bool(ident) or number is not None) or everyone != (file is not None):
            raise BadInput(
                "Say for whom: --id or --number, or --all with --out FILE.",
                "请指明对象：--id 或 --number，或 --all 加 --out。",
            )
        async with shell.commanding(nats) as commander:
            if file is not None:
                place = shell.load_divisions(divisions).find(node) if node else None
                await _write_all(commander, place, valid_s, replace, file, as_json)
                return
            question = asked.MakeCodes(valid_s, ident, number, replaces=replace)
            made = await commander.ask(question)
        _show_code(made.lines[0], made.expires_ms, page, as_json)

    shell.run(go(), as_json)


@app.command("list", help=say("The devices of a person.", "某人的设备。"))
def list_devices(
    ident: IdOption = "",
    number: NumberOption = None,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    as_json: shell.JsonOption = False,
) -> None:
    """The devices of a person."""

    async def go() -> None:
        _check_one(ident, number)
        async with shell.commanding(nats) as commander:
            found = await commander.ask(asked.Devices(ident, number))
        _show(found.lines, as_json)

    shell.run(go(), as_json)


@app.command(help=say("Revoke a lost device, or all of a person.", "吊销丢失的设备，或某人的全部设备。"))
def revoke(
    device: Annotated[
        str, typer.Option("--device", metavar="DEVICE", help=say("As `devices list` shows it.", "设备编号。"))
    ] = "",
    ident: IdOption = "",
    number: NumberOption = None,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    as_json: shell.JsonOption = False,
) -> None:
    """Revoke a lost device, or all of a person."""

    async def go() -> None:
        one = devices.device_from_text(device) if device else None
        if one is None or ident or number is not None:
            _check_one(ident, number, device)
        async with shell.commanding(nats) as commander:
            ended = await commander.ask(asked.RevokeDevices(one, ident, number))
        if ended.told and not as_json:
            shell.say_line(say("Tiers above and below are told; each ends the devices that enrolled with it.",
                               "已通知上下级节点，各自吊销在其处登记的设备。"))  # fmt: skip
        _show(ended.lines, as_json)

    shell.run(go(), as_json)


def _check_one(ident: str, number: int | None, device: str = "") -> None:
    if (bool(ident) + (number is not None) + bool(device)) != 1:
        raise BadInput("Say which: one of --device, --id or --number.", "请指明其一：--device、--id 或 --number。")


def _show_code(line: asked.CodeLine, expires_ms: int, page: str, as_json: bool) -> None:
    text = devices.code_text(line.code)
    link = f"{page.partition('#')[0]}#{text}" if page else ""  # what is behind the # stays in the browser
    if as_json:
        told = {"number": line.number, "id": line.id, "code": text, "expires_ms": expires_ms}
        shell.print_json(told | ({"link": link} if link else {}))
        return
    if shell.out.is_terminal:
        shell.say_line(_qr(link or text))
    ends = shell.local_time(expires_ms)
    shell.say_line(link or text)
    shell.say_line(
        Text(
            say(f"for {line.name} {line.id}, once, until {ends}", f"{line.name} {line.id}，限用一次，{ends} 前有效"),
            "dim",
        )
    )


def _qr(text: str) -> str:
    import segno  # only where there is a screen to show it on

    drawn = io.StringIO()
    segno.make(text, error="m").terminal(out=drawn, compact=True)
    return drawn.getvalue()


async def _pages(commander: Commander, place: codes.Path | None, valid_s: int, replace: bool) -> AsyncIterator[str]:
    """Lines of the CSV, people in the order of their numbers."""
    after: int | None = -1
    home = place.code if place else (await commander.ask(api.Health())).node
    while after is not None:
        question = asked.MakeCodes(valid_s, node=home, after=after, limit=limits.CODES_PAGE_MAX, replaces=replace)
        made = await commander.ask(question)
        lines = io.StringIO(newline="")
        rows = ((neutral(x.id), neutral(x.name), neutral(x.phone), devices.code_text(x.code)) for x in made.lines)
        csv.writer(lines, lineterminator="\n").writerows(rows)
        yield lines.getvalue()
        after = made.next


async def _write_all(
    commander: Commander, place: codes.Path | None, valid_s: int, replace: bool, file: Path, as_json: bool
) -> None:
    pages = [page async for page in _pages(commander, place, valid_s, replace)]
    text = BYTE_ORDER_MARK + ",".join(COLUMNS) + "\n" + "".join(pages)
    count = sum(page.count("\n") for page in pages)

    def write() -> None:
        with whole_file(file, CODES_FILE_MODE) as target:
            target.write(text.encode())

    await asyncio.to_thread(write)
    if as_json:
        shell.print_json({"file": file, "codes": count})
    else:
        shell.say_line(say(f"{count:,} codes written to {file}.", f"已将 {count:,} 个登记码写入 {file}。"))


def _show(lines: Sequence[asked.DeviceLine], as_json: bool) -> None:
    if as_json:
        shell.print_json({"devices": lines})
        return
    if not lines:
        shell.say_line(say("No devices; a ticket that was made by hand belongs to none, and ends when it expires.",
                           "没有设备；手工签发的票据不属于任何设备，到期自动失效。"))  # fmt: skip
        return
    heads = (say("device", "设备"), say("number", "编号"), say("enrolled", "登记于"), say("revoked", "吊销于"))
    rows = [
        [
            Text(line.device), Text(str(line.number)), Text(shell.local_time(line.enrolled_ms)),
            Text("–" if line.lost_ms is None else plain(f"{shell.local_time(line.lost_ms)} {line.lost_by}")),
        ]
        for line in lines
    ]  # fmt: skip
    for row in aligned(heads, rows):
        shell.say_line(row)
