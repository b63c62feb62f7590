"""The steps of a ladder, a line each: by which channel, when, how many, and what became of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from fusioncmd import api
from fusioncmd.cli.durations import clock
from fusioncmd.words import say

CHANNEL_WORDS = {
    "push": ("push", "推送"), "sms": ("SMS", "短信"), "voice": ("voice call", "语音"),
    "webhook": ("webhook", "外部接口"),
    "superior": ("superior", "上级"),
}  # fmt: skip


def channel_words(channel: str) -> str:
    return say(*CHANNEL_WORDS.get(channel, (channel, channel)))


def step_lines(steps: Sequence[api.StepLine], now_ms: int) -> list[Text]:
    return [_line(i, step, now_ms) for i, step in enumerate(steps, start=1)]


def _line(i: int, step: api.StepLine, now_ms: int) -> Text:
    head = say(f"step {i} {channel_words(step.channel)}", f"第 {i} 级 {channel_words(step.channel)}")
    whom = say(f"not {step.unless}", "未接收者" if step.unless == "received" else "未答复者")
    line = Text.assemble((f"▸ {head}", "bold"), f" ({whom})")
    if step.begun_ms is None:
        later = "" if step.due_in_s is None else say(f" in {clock(step.due_in_s)}", f"，{clock(step.due_in_s)} 后")
        return line.append(later or say(" later", "，待前级开始"), "dim")
    line.append(
        say(
            f" {clock(max(0, now_ms - step.begun_ms) // 1000)} ago",
            f"，{clock(max(0, now_ms - step.begun_ms) // 1000)} 前",
        )
    )
    figures = [(step.chosen, "meant", "对象"), (step.without, "without an address", "无地址")]
    if step.channel != "superior":
        figures += [
            (step.waiting, "waiting", "待发"), (step.handed, "handed over", "已交通道"),
            (step.accepted, "accepted", "已受理"),
            (step.delivered, "delivered", "已送达"), (step.failed, "failed", "失败"), (step.unsure, "unsure", "不明"),
        ]  # fmt: skip
    told = [say(f"{n:,} {en}", f"{zh} {n:,}") for n, en, zh in figures if n or en == "meant"]
    return line.append(": " + say(", ", "，").join(told))
