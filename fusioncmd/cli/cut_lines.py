"""Branches that are cut, a line each: since when, and what the figures from there are worth. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from fusioncmd import api
from fusioncmd.cli.durations import clock
from fusioncmd.words import say


def cut_lines(cut: Sequence[api.CutLine], now_ms: int) -> list[Text]:
    return [Text(_words(line, now_ms), "bold red") for line in cut]


def _words(line: api.CutLine, now_ms: int) -> str:
    age = clock(max(0, now_ms - line.since_ms) // 1000)
    code, by, gateway = line.code, line.by, line.gateway
    if line.state == "mute" and code == by:
        what_en, what_zh = (f"the gateway {gateway}", f"网关 {gateway} ") if gateway else ("the order stream", "指令流")
        return say(
            f"{code}: {what_en} answers no canary for {age}; orders may not get through",
            f"{code}：{what_zh}已 {age} 未应答探测指令，指令可能无法送达",
        )
    from_en, from_zh = (f" from {by}", f"与 {by} 的") if by else ("", "")
    if line.state == "mute":
        return say(
            f"{code}: the link{from_en} is up, and no canary came back for {age}; orders may not get through",
            f"{code}：{from_zh}链路在线，但探测指令已 {age} 无应答，指令可能无法送达",
        )
    if line.state == "cut":
        return say(
            f"{code}: cut off{from_en} for {age}; figures from there are those of then",
            f"{code}：{from_zh}链路中断 {age}，该处数字为中断前所知",
        )
    return say(
        f"{code}: for {age} nothing{from_en or ' from here'} arrives there; figures from there are of now",
        f"{code}：{age} 以来{f'{by} ' if by else '本级'}信息送不到该处，该处数字为当前值",
    )
