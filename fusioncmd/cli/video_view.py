"""How live sources and roll calls are shown at the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from rich.text import Text

from fusioncmd.api.video import VideoReply
from fusioncmd.cli import shell
from fusioncmd.cli.figures import plain
from fusioncmd.cli.lists import aligned
from fusioncmd.cli.roll_rows import OUTCOMES, roll_lines
from fusioncmd.codes import Path
from fusioncmd.divisions import Divisions
from fusioncmd.errors import BadInput
from fusioncmd.video.roll import RollCall
from fusioncmd.words import say

T = TypeVar("T")


def asked_of(given: dict[str, object], kind: type[T]) -> T:
    """The question that was typed, or `BadInput`."""
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise BadInput(f"That cannot be asked: {error}.", f"参数无效：{error}。") from None


def show_sources(found: VideoReply, places: Divisions) -> None:
    if not found.carried:
        shell.say_line(say("This tier has no video: `fusioncmd up --video`.", "本级未启用视频：fusioncmd up --video。"))
    heads = [say("source", "视频源"), say("place", "地点"), say("title", "名称"), say("size", "分辨率"),
             say("since", "开始"), say("trouble", "异常")]  # fmt: skip
    lines = [
        [
            Text(one.address, "bold"), Text(places.name(Path(one.node))), Text(plain(one.title)),
            Text(f"{one.width}x{one.height}" if one.width else ""), Text(shell.local_time(one.since_ms)),
            Text(plain(say(*one.trouble)), "red") if any(one.trouble)
            else Text(say("thin link", "窄带链路") if one.thin else "", "dim"),
        ]
        for one in found.sources
    ]  # fmt: skip
    for line in aligned(heads, lines) if lines else ():
        shell.out.print(line, soft_wrap=True)
    if not lines and found.carried:
        shell.say_line(say("Nothing is live there.", "该处没有在线视频。"))
    if found.total > len(lines):
        shell.say_line(
            say(f"And {found.total - len(lines)} more: --node.", f"另有 {found.total - len(lines)} 路：--node。")
        )
    if (shown := found.shown) is not None:
        title = plain(shown.title) or shown.source
        gone = "" if shown.live else say(" (it is not live now)", "（当前离线）")
        shell.say_line(say(f"Shown to everybody below: {title}{gone}", f"正在向全体下级展示：{title}{gone}"))
    if found.roll is not None and (one := found.roll.called) is not None:
        place = places.full_name(Path(one.place))
        shell.say_line(say(f"A roll is called: {place}", f"正在点名：{place}"))


def show_roll(call: RollCall, places: Divisions, as_json: bool) -> None:
    if as_json:
        return shell.print_json(call)
    for line in roll_lines(call, places):
        shell.out.print(line, soft_wrap=True)
    drawn = say(f" · drawn by {call.seed}", f" · 抽取种子 {call.seed}") if call.seed else ""
    shell.say_line(f"{counted(call.counts())} · {call.id}{drawn}")


def counted(counts: Mapping[str, int]) -> str:
    return say(", ", "、").join(
        f"{counts[outcome]} {say(*words)}" for outcome, words in OUTCOMES.items() if counts.get(outcome)
    )
