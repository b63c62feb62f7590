"""`video still`, `video fetch`: what comes over a thin link: single pictures now, whole recordings later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from fusioncmd.api.kept import FetchFootage, Fetching, WishLine
from fusioncmd.api.video import AskStill, StillReply
from fusioncmd.cli import shell
from fusioncmd.cli.kept import address
from fusioncmd.cli.lists import aligned
from fusioncmd.cli.video_view import asked_of
from fusioncmd.cli.voice import time_of
from fusioncmd.cli.whole_file import whole_file
from fusioncmd.errors import BadInput, NotFound
from fusioncmd.words import say

app = typer.Typer()  # taken over by `video.py`
FRESH_MS = 3_000  # a still that is older than when it was asked by more: another one is waited for
LARGER_S = 4.0  # after a small one came, the larger one of the same moment is waited for
_source = say("As `video list` shows it: 440106001.drone1.", "视频源地址，见 video list。")
_wait = say("So many seconds for a new one.", "等待新画面的秒数。")
_out = say("Where to (WebP).", "输出文件（WebP）。")
_idle = say("Only when nothing else uses the link.", "仅在链路空闲时传输。")
_off = say("Not any more.", "取消调取。")
_where = say("Of which source, such as 440106001.drone1; none: how it stands.", "视频源；不填则显示进度。")
_from = say("Local time, such as 2026-07-01T08:30.", "起始时间（本地），如 2026-07-01T08:30。")
_to = say("Local time.", "结束时间（本地）。")


@app.command(help=say("One picture of a source over a thin link.", "取窄带链路上视频源的一幅静态画面。"))
def still(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help=_source)],
    file: Annotated[Path | None, typer.Option("--out", metavar="FILE", help=_out)] = None,
    wait: Annotated[int, typer.Option("--wait", min=0, max=600, metavar="S", help=_wait)] = 30,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    as_json: shell.JsonOption = False,
) -> None:
    """One picture of a source over a thin link."""

    async def go() -> None:
        question = asked_of({"source": source}, AskStill)
        async with shell.commanding(nats) as commander:
            found = await newest(lambda: commander.ask(question), wait)
        target = file or Path(f"{found.address}-{found.at_ms}.webp")
        with whole_file(target) as opened:
            opened.write(found.data)
        age_s = (found.now_ms - found.at_ms) / 1_000
        if as_json:
            return shell.print_json(
                {"file": str(target), "at_ms": found.at_ms, "width": found.width, "height": found.height,
                 "bytes": len(found.data)}
            )  # fmt: skip
        size = f"{found.width}x{found.height}, {len(found.data) / 1_000:,.1f} kB"
        shell.say_line(say(f"{target}: {size}, {age_s:,.0f} s old", f"{target}：{size}，{age_s:,.0f} 秒前"))

    shell.run(go(), as_json)


async def newest(ask: Callable[[], Awaitable[StillReply]], wait_s: float) -> StillReply:
    """Raises NotFound where none came at all."""
    found = await ask()
    begun_ms, begun_s, fresh_s = found.now_ms, time.monotonic(), 0.0
    while True:
        now_s = time.monotonic()
        if found.at_ms > begun_ms - FRESH_MS:
            fresh_s = fresh_s or now_s
            if found.width > 320 or now_s - fresh_s > LARGER_S:
                return found
        if now_s - begun_s > wait_s:
            break
        await asyncio.sleep(0.5)
        found = await ask()
    if not found.data:
        raise NotFound("No still has come yet: ask again.", "尚未收到静态画面，请重试。")
    return found


@app.command(help=say("Have a recording fetched over a thin link.", "调取窄带链路另一端的录像。"))
def fetch(
    where: Annotated[str, typer.Argument(metavar="[PLACE.SOURCE]", help=_where)] = "",
    begin: Annotated[str, typer.Option("--from", metavar="TIME", help=_from)] = "",
    end: Annotated[str, typer.Option("--to", metavar="TIME", help=_to)] = "",
    idle: Annotated[bool, typer.Option("--when-idle", help=_idle)] = False,
    off: Annotated[bool, typer.Option("--off", help=_off)] = False,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """Have a recording fetched over a thin link; without a source, how far each is."""

    async def go() -> None:
        question = FetchFootage()
        if where:
            node, source = address(where, divisions)
            question = FetchFootage(node, source, time_of(begin, "--from"), time_of(end, "--to"), idle=idle, on=not off)
        elif begin or end or off:
            raise BadInput("Of which source: PLACE.SOURCE.", "请指定视频源：地点.视频源。")
        async with shell.commanding(nats) as commander:
            found = await commander.ask(question)
        shell.print_json(found) if as_json else _show(found)

    shell.run(go(), as_json)


def _show(found: Fetching) -> None:
    if not found.lines:
        shell.say_line(say("Nothing is being fetched.", "没有调取任务。"))
    heads = [say("source", "视频源"), say("from", "起"), say("to", "止"), say("here", "已到"), say("by", "申请人"), ""]
    for line in aligned(heads, [_cells(one) for one in found.lines], right=(3,)) if found.lines else ():
        shell.out.print(line, soft_wrap=True)


def _cells(line: WishLine) -> list[Text]:
    one, done = line.wish, line.fetched
    here = f"{done.bytes_here / 2**20:,.1f} / {done.bytes / 2**20:,.1f} MiB"
    if not line.known:
        here = say("waits", "等待中")
    elif not done.segments:
        here = say("nothing was recorded", "无录像")
    elif done.here == done.segments:
        here = say("all", "已全部到达")
    return [
        Text(f"{one.node}.{one.source}"), Text(shell.local_time(one.from_ms)), Text(shell.local_time(one.until_ms)),
        Text(here, "bold"), Text(one.by), Text(say("when idle", "空闲时") if one.idle else "", "dim"),
    ]  # fmt: skip
