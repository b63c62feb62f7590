"""How an order's ladder is shown: a row for each step and what became of whom, one for each superior told. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.text import Text

from fusioncmd import api
from fusioncmd.cli.durations import clock
from fusioncmd.cli.figures import plain
from fusioncmd.cli.lists import aligned, width_of
from fusioncmd.cli.step_lines import channel_words, step_lines
from fusioncmd.ladder.steps import SUPERIOR
from fusioncmd.words import say

Figure = tuple[str, str, Callable[[api.StepLine], int], str]
FIGURES: tuple[Figure, ...] = (
    ("meant", "对象", lambda step: step.chosen, "bold"),
    ("no address", "无地址", lambda step: step.without, "yellow"),
    ("waiting", "待发", lambda step: step.waiting, ""),
    ("handed over", "已交通道", lambda step: step.handed, ""),
    ("accepted", "已受理", lambda step: step.accepted, ""),
    ("delivered", "已送达", lambda step: step.delivered, "green"),
    ("failed", "失败", lambda step: step.failed, "red"),
    ("unsure", "不明", lambda step: step.unsure, "yellow"),
)
FATES = {
    "": ("on its way", "已发出"), "accepted": ("accepted", "已受理"), "delivered": ("has it", "已收到"),
    "failed": ("failed", "失败"), "unsure": ("unsure", "不明"),
}  # fmt: skip


def ladder_lines(reply: api.LadderReply, now_ms: int, width: int) -> list[Text]:
    """As a table where `width` has room for one; else a sentence for each step. Figures that are nought throughout are
    left out, and a step that has not begun has none."""
    heads = [
        say("step", "级"),
        say("way", "通道"),
        say("to whom", "对象范围"),
        say("wait", "等待"),
        say("begun", "开始"),
    ]
    figures = [figure for figure in FIGURES if figure[0] == "meant" or any(map(figure[2], reply.steps))]
    rows = [_row(i, step, figures, now_ms) for i, step in enumerate(reply.steps, start=1)]
    lines = aligned([*heads, *(say(en, zh) for en, zh, _, _ in figures)], rows, range(3, 5 + len(figures)))
    found = lines if width_of(lines) <= width else step_lines(reply.steps, now_ms)
    return [*found, *_told(reply.told)]


def standing_words(reply: api.LadderReply) -> str:
    if reply.over:
        return say("The order is over: nothing is sent any more.", "指令已结束，不再发送。")
    return say(f"It has run for {clock(reply.runs_s)}.", f"已运行 {clock(reply.runs_s)}。")


def _row(i: int, step: api.StepLine, figures: Sequence[Figure], now_ms: int) -> list[Text]:
    whom = ("who has not received", "未接收者") if step.unless == "received" else ("who has not answered", "未答复者")
    cells = [Text(str(i)), Text(channel_words(step.channel), "bold"), Text(say(*whom)), Text(clock(step.wait_s))]
    if step.begun_ms is None:
        later = (
            say("later", "待前级")
            if step.due_in_s is None
            else say(f"in {clock(step.due_in_s)}", f"{clock(step.due_in_s)} 后")
        )
        return [*cells, Text(later, "dim"), *(Text("") for _ in figures)]
    ago = clock(max(0, now_ms - step.begun_ms) // 1000)
    begun = Text(say(f"{ago} ago", f"{ago} 前"))
    return [*cells, begun, *(_figure(step, figure) for figure in figures)]


def _figure(step: api.StepLine, figure: Figure) -> Text:
    """The superior's step hands nobody to a channel: who was told stands below."""
    name, _, count, style = figure
    if step.channel == SUPERIOR and name != "meant":
        return Text("")
    number = count(step)
    return Text(f"{number:,}", style if number else "dim")


def _told(told: Sequence[api.ToldLine]) -> list[Text]:
    if not told:
        return []
    heads = [
        say("superior", "上级"),
        say("silent below", "未答复"),
        say("by", "通道"),
        say("standing", "状态"),
        say("place", "地点"),
    ]
    rows = []
    for line in told:
        way = (
            say("terminal", "终端")
            if line.channel == "terminal"
            else channel_words(line.channel)
            if line.channel
            else "–"
        )
        fate = (
            say(*FATES.get(line.fate, ("unsure", "不明")))
            if line.channel
            else say("not told: no way to them", "未通知：无可用通道")
        )
        style = (
            "green" if line.fate == "delivered" else "bold yellow" if not line.channel or line.fate == "failed" else ""
        )
        cells = (
            Text(plain(line.name)),
            Text(f"{line.people:,}"),
            Text(way),
            Text(fate, style),
            Text(plain(line.place)),
        )
        rows.append([*cells])
    return [Text(""), *aligned(heads, rows, (1,))]
